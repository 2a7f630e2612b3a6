"""What an e-mail says: that somebody is waited for, and where. Ids, severity and instants; never what was said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final

from guard.escalation.errors import AddressRefused
from guard.escalation.signing import thin

__all__ = ["compose", "mail_address"]

_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_TOPIC: Final = re.compile(r"[a-z_]{1,40}(\.[a-z_]{1,40}){0,3}")
_LONGEST_LOCAL, _LONGEST_ADDRESS = 64, 254  # RFC 5321, 4.5.3.1
_SCHEME: Final = "mailto:"
_INSTANTS: Final = {"opened_at": "Opened", "acknowledge_by": "Acknowledge by", "act_by": "Act by"}
_FOOT: Final = (
    "This message holds nothing of what was said, and nobody reads answers to it. A case counts as acknowledged when "
    "somebody who has signed in to the console takes it; to look at its page is not enough."
)


def mail_address(url: str) -> str:
    """The address in a channel's ``mailto:`` url, or a bare address: one, in ASCII, without a name, comment or option.

    Raises :class:`~guard.escalation.errors.AddressRefused` for anything else, line ends above all.
    """
    address = url.removeprefix(_SCHEME)
    local = address.partition("@")[0]
    if len(address) > _LONGEST_ADDRESS or len(local) > _LONGEST_LOCAL or _ADDRESS.fullmatch(address) is None:
        raise AddressRefused(
            "address_invalid", "an e-mail channel needs one plain address in ASCII such as on-call@example.org"
        )
    return address


def compose(
    topic: str,
    created_at: datetime,
    payload: Mapping[str, Any],
    *,
    message_id: str,
    to: str,
    sender: str,
    public_url: str | None = None,
) -> EmailMessage:
    """The message for ``to``: the same bytes at every attempt, under a ``Message-ID`` made of ``message_id``.

    Raises :class:`~guard.escalation.errors.AddressRefused` where an address cannot stand in a header.
    """
    to, sender = mail_address(to), mail_address(sender)
    facts = thin(payload)
    message = EmailMessage(policy=SMTP)
    try:
        message["Subject"] = ("[test] " if facts.get("synthetic") is True else "") + _subject(topic, facts)
        message["From"] = sender
        message["To"] = to
        message["Date"] = format_datetime(created_at.astimezone(UTC))
        message["Message-ID"] = f"<{message_id}@{sender.partition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Handrail-Message"] = message_id
    except (ValueError, MessageError):
        raise AddressRefused("address_invalid", "a header of the e-mail cannot be written; give a plain address") from None
    message.set_content("\n".join(_lines(topic, facts, public_url)) + "\n", charset="utf-8", cte="quoted-printable")
    return message


def _subject(topic: str, facts: Mapping[str, Any]) -> str:
    case = f"a case of severity {_number(facts.get('severity'))}"
    match topic:
        case "case.opened":
            return f"Handrail: {case} waits for you"
        case "case.raised":
            return f"Handrail: new evidence in {case}" if facts.get("reason") == "evidence" else f"Handrail: now {case}"
        case "case.unacknowledged" if facts.get("reason") == "handed_off":
            return f"Handrail: {case} was handed off and waits to be taken"
        case "case.unacknowledged" if facts.get("reason") == "abandoned":
            return f"Handrail: {case} was taken, and nobody is at it any more"
        case "case.unacknowledged":
            return f"Handrail: nobody has answered {case}"
        case "alert.opened":
            return f"Handrail: the installation needs attention ({facts.get('kind', 'unknown')})"
        case _:
            return f"Handrail: {topic}" if _TOPIC.fullmatch(topic) else "Handrail: a message"


def _lines(topic: str, facts: Mapping[str, Any], public_url: str | None) -> list[str]:
    lines = [_subject(topic, facts).removeprefix("Handrail: ").capitalize() + ".", ""]
    if facts.get("everybody") is True:
        lines += ["Everybody on call is told of it now.", ""]
    case_id = facts.get("case_id")
    if case_id is not None:
        lines.append(f"Case: {case_id}")
    lines += [f"{name}: {_instant(facts[field])}" for field, name in _INSTANTS.items() if field in facts]
    if public_url is not None:
        path = f"/review/cases/{case_id}" if case_id is not None else "/review"
        lines += ["", public_url.rstrip("/") + path]
    elif case_id is not None:
        lines += ["", "Open it in the review console."]
    return [*lines, "", _FOOT]


def _number(value: Any) -> str:
    return str(value) if isinstance(value, int) else "unknown"


def _instant(value: Any) -> str:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at.tzinfo is not None else str(value)
