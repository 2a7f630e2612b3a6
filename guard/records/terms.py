"""What every record is about: whose it is, how fully a turn was read, what of the reply arrived."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

__all__ = ["Delivered", "Identity", "RedactUpstream", "Status"]


class Status(StrEnum):
    """How fully the turn was read."""

    FULL = "full"
    DEGRADED = "degraded"
    BYPASSED = "bypassed"


class Delivered(StrEnum):
    """What part of the reply reached the client."""

    WHOLE = "whole"
    PART = "part"
    NONE = "none"


class RedactUpstream(StrEnum):
    """Whether what is personal goes to the chatbot as pseudonyms, and what follows where names cannot be searched for."""

    OFF = "off"
    ON = "on"  # what has a form, and names that the session knows, are replaced all the same
    STRICT = "strict"  # nothing goes


@dataclass(frozen=True, slots=True)
class Identity:
    """The tenant that a key belongs to. ``off``: signals that are read of nobody here. ``synthetic``: test traffic, counted
    nowhere."""

    tenant_id: UUID
    name: str
    tag: str = ""
    people: str = "none"
    store_text: bool = False
    off: frozenset[str] = frozenset()
    synthetic: bool = False
    redact_upstream: RedactUpstream = RedactUpstream.OFF
