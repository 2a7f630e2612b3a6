"""A contact in plain words, the same every time, so that a text can be checked against the directory."""

from __future__ import annotations

import re
from typing import Final

from policies.directory.contact import Channel, ChannelKind, Contact

__all__ = ["LOCAL_EMERGENCY", "digits", "emergency_number", "reminder", "spoken"]

LOCAL_EMERGENCY: Final = "your local emergency number"

_DIGITS: Final = re.compile(r"\d+")
_DAILY: Final = re.compile(r"\d\d:\d\d-\d\d:\d\d daily")
_POLICE: Final = "police"


def digits(text: str) -> frozenset[str]:
    """Every run of digits in ``text``."""
    return frozenset(_DIGITS.findall(text))


def emergency_number(contact: Contact | None, *, police: bool = False) -> str:
    """How the emergency services are called: a number, or :data:`LOCAL_EMERGENCY` where none was read.

    ``police``: the danger comes from a person. Where the main number reaches the ambulance alone, the police's own is used.
    """
    if contact is None:
        return LOCAL_EMERGENCY
    main = contact.channels[0]
    if police and main.label is not None:
        return next((c.value for c in contact.channels if c.label and _POLICE in c.label), main.value)
    return main.value


def _address(value: str) -> str:
    bare = re.sub(r"^https?://(?:www\.)?", "", value)
    return bare.rstrip("/")


def _way(channel: Channel) -> str:
    if channel.kind is ChannelKind.CALL:
        return f"call {channel.value}" + (f", {channel.then}" if channel.then else "")
    if channel.kind is ChannelKind.TEXT:
        whatsapp = channel.label is not None and "WhatsApp" in channel.label
        return f"WhatsApp {channel.value}" if whatsapp else f"text {channel.value}"
    if channel.kind is ChannelKind.CHAT:
        return f"chat at {_address(channel.value)}"
    return f"go to {_address(channel.value)}"


def _hours(channel: Channel) -> str:
    if channel.always:
        return ", day and night"
    # hours that are dated, doubtful or irregular are for operators to read, not for a person in need
    daily = channel.hours is not None and _DAILY.fullmatch(channel.hours) is not None
    return f" ({channel.hours})" if daily else ""


def spoken(contact: Contact) -> str:
    """One clause without a full stop: the name, then at most one way of each kind, then when it answers.

    >>> # "988 Suicide & Crisis Lifeline: call or text 988, or chat at 988lifeline.org, day and night"
    """
    ways: dict[ChannelKind, Channel] = {}
    for channel in contact.channels:
        ways.setdefault(channel.kind, channel)
    chosen = list(ways.values())
    name = contact.name + (f" ({contact.audience})" if contact.audience else "")
    hours = {channel.hours for channel in chosen}
    if len(hours) == 1:
        return f"{name}: {_joined([_way(c) for c in chosen])}{_hours(chosen[0])}"
    return f"{name}: {_joined([_way(c) + _hours(c) for c in chosen])}"


def reminder(contact: Contact) -> str:
    """The same contact once it is known: its name and its main way only, e.g. ``Shout (text 85258)``."""
    ways = [_way(channel) for channel in contact.channels[:2]]
    first = ways[0]
    if len(ways) == 2 and first.startswith("call ") and ways[1] == "text " + first.removeprefix("call "):
        first = "call or " + ways[1]
    return f"{contact.name} ({first})"


def _joined(ways: list[str]) -> str:
    if len(ways) >= 2 and ways[0].startswith("call ") and ways[1] == "text " + ways[0].removeprefix("call "):
        ways = ["call or " + ways[1], *ways[2:]]
    return ways[0] if len(ways) == 1 else ", ".join(ways[:-1]) + ", or " + ways[-1]
