"""One crisis contact: facts read off a page, and nothing else.

A contact says who answers, where, for whom and when, which page said so, and when that page was dated and read. What is
known only from memory has no place here: ``source`` and ``read_at`` are required.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from policies.errors import DirectoryInvalid

__all__ = ["RESOURCE_CLASSES", "Channel", "ChannelKind", "Contact", "from_row"]

RESOURCE_CLASSES: Final = frozenset(
    {
        "crisis", "self-harm", "emergency", "abuse", "child", "eating", "substance", "veteran", "perinatal", "poison",
        "lgbtq", "general",
    }
)  # fmt: skip
"""What a policy may name under ``refer``."""

_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_ID: Final = re.compile(r"[a-z]{2}/[a-z0-9]+(?:-[a-z0-9]+)*")
_DATE: Final = re.compile(r"\d{4}-\d{2}(?:-\d{2})?")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]+)*")
# a number to call: an optional international prefix, then digits in groups, at least two digits in all
_CALL: Final = re.compile(r"\+?\d[\d -]*\d")
# the same printed with letters of the keypad: kept as printed, never shown, since nobody read the digits
_LETTERS: Final = re.compile(r"\+?\d[\dA-Z -]*[\dA-Z]")
# a number to write to, with the opening word where the service wants one
_TEXT: Final = re.compile(r"(?:[^\d].{0,40} to )?\+?\d[\d -]*\d")
_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9.-]+\.[a-z]{2,}(?:/[A-Za-z0-9./_-]*)?")


class ChannelKind(StrEnum):
    """How a service is reached."""

    CALL = "call"
    TEXT = "text"
    CHAT = "chat"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to reach a service.

    ``value``: a number as printed on the page, a number with its opening word (``HOME to 741741``) or an address.
    ``then``: what to do after the call is answered, e.g. ``then press 1``. ``label``: whom or what it reaches
    (``ambulance``, ``WhatsApp``). ``hours``: as the page states them, ``None`` where it does not.
    """

    kind: ChannelKind
    value: str
    then: str | None = None
    label: str | None = None
    hours: str | None = None

    @property
    def always(self) -> bool:
        """Stated to answer around the clock."""
        return self.hours == "24/7"


@dataclass(frozen=True, slots=True)
class Contact:
    """One service.

    ``country``: ISO 3166-1 alpha-2, ``ZZ`` for international. ``classes``: of :data:`RESOURCE_CLASSES`. ``audience``: whom
    it serves where that is not everybody, in words for the reader. ``only``: a class that must be asked for before the
    service is offered (a line for veterans, for child abuse). ``verified_at``: the date that the page states, ``None`` where
    it states none; ``read_at``: when the page was read. ``agreement``: pages that give the same main number. ``shown``: may
    be shown to a person; the rest is kept, hidden, for an operator to confirm. ``narrow``: for an audience that nothing in a
    request can state; never chosen unasked. ``caveat``: for operators, never shown.
    """

    id: str
    country: str
    name: str
    classes: frozenset[str]
    channels: tuple[Channel, ...]
    source: str
    source_kind: str
    read_at: str
    verified_at: str | None
    agreement: int
    shown: bool
    languages: tuple[str, ...] | None = None
    audience: str | None = None
    only: str | None = None
    narrow: bool = False
    caveat: str | None = None

    @property
    def crisis(self) -> bool:
        """Showing it refers a person to a crisis provider."""
        return "crisis" in self.classes

    @property
    def emergency(self) -> bool:
        """The emergency services of its country, which answer around the clock by their nature."""
        return self.classes == {"emergency"}

    @property
    def always(self) -> bool:
        """Answers around the clock: stated for its main channel, or by its nature (an emergency number, a web directory)."""
        main = self.channels[0]
        return main.always or self.emergency or (self.country == "ZZ" and main.kind is ChannelKind.WEB)


def from_row(row: dict[str, Any]) -> Contact:
    """A contact from one row of ``data/contacts.jsonl``.

    :raises DirectoryInvalid: naming the row and the field that breaks the schema.
    """
    where = f"contact {row.get('id', '(without id)')}"
    try:
        contact = Contact(
            id=row["id"],
            country=row["country"],
            name=row["name"],
            classes=frozenset(row["classes"]),
            channels=tuple(
                Channel(ChannelKind(c["kind"]), c["value"], c.get("then"), c.get("label"), c.get("hours"))
                for c in row["channels"]
            ),
            source=row["source"],
            source_kind=row["source_kind"],
            read_at=row["read_at"],
            verified_at=row["verified_at"],
            agreement=row["agreement"],
            shown=row["shown"],
            languages=tuple(row["languages"]) if row.get("languages") else None,
            audience=row.get("audience"),
            only=row.get("only"),
            narrow=bool(row.get("narrow")),
            caveat=row.get("caveat"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DirectoryInvalid(f"{where}: {type(error).__name__}: {error}; see policies/directory/contact.py") from error
    _check(contact, where)
    return contact


def _check(contact: Contact, where: str) -> None:
    faults = [
        ("id", bool(_ID.fullmatch(contact.id)) and contact.id[:2] == contact.country.lower()),
        ("country", bool(_COUNTRY.fullmatch(contact.country))),
        ("name", bool(contact.name.strip())),
        ("classes", bool(contact.classes) and contact.classes <= RESOURCE_CLASSES),
        ("only", contact.only is None or contact.only in RESOURCE_CLASSES),
        ("channels", bool(contact.channels) and all(_shaped(channel, contact.shown) for channel in contact.channels)),
        ("source", bool(contact.source.strip())),
        ("read_at", bool(_DATE.fullmatch(contact.read_at))),
        ("verified_at", contact.verified_at is None or bool(_DATE.fullmatch(contact.verified_at))),
        ("agreement", contact.agreement >= 1),
        ("shown", not contact.shown or contact.agreement >= 2),
        ("languages", contact.languages is None or all(_LANGUAGE.fullmatch(code) for code in contact.languages)),
    ]
    broken = [name for name, sound in faults if not sound]
    if broken:
        raise DirectoryInvalid(
            f"{where}: breaks the schema in {', '.join(broken)}; correct the row or rebuild the directory"
        )


def _shaped(channel: Channel, shown: bool) -> bool:
    if channel.kind is ChannelKind.CALL:
        return bool((_CALL if shown else _LETTERS).fullmatch(channel.value))
    if channel.kind is ChannelKind.TEXT:
        return bool(_TEXT.fullmatch(channel.value))
    return bool(_ADDRESS.fullmatch(channel.value))
