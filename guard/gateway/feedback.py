"""Feedback on a turn, as it comes in and as it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from guard.gateway.errors import BadRequest
from guard.records.feedback import LONGEST_NOTE, Feedback, FeedbackKind

__all__ = ["FEEDBACK", "FEEDBACK_ANSWERS", "FEEDBACK_BYTES", "GivenFeedback", "feedback_view", "read_feedback"]

FEEDBACK_BYTES: Final = 32 * 1024
"""Largest body: the longest note, every character at its longest in JSON."""

_KINDS: Final = tuple(kind.value for kind in FeedbackKind)


@dataclass(frozen=True, slots=True)
class GivenFeedback:
    """What was said of a turn."""

    kind: FeedbackKind
    note: str


def read_feedback(body: dict[str, Any]) -> GivenFeedback:
    """The request's body, checked. Raises :class:`~guard.gateway.errors.BadRequest` naming what is wrong, never quoting
    a note."""
    unknown = sorted(set(body) - {"kind", "note"})
    if unknown:
        raise BadRequest(
            f"feedback has kind and note, and {len(unknown)} field(s) more came; leave them out", reason="unknown_field"
        )
    kind = body.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise BadRequest(f"kind is one of {', '.join(_KINDS)}", reason="invalid_value", param="kind")
    note = body.get("note")
    if note is not None and not isinstance(note, str):
        raise BadRequest("note is a text, or left out", reason="invalid_value", param="note")
    note = (note or "").strip()
    if len(note) > LONGEST_NOTE:
        raise BadRequest(
            f"note has at most {LONGEST_NOTE} characters, this one has {len(note)}", reason="too_long", param="note"
        )
    if "\0" in note:
        raise BadRequest("note has a character that no text has (U+0000)", reason="invalid_value", param="note")
    return GivenFeedback(FeedbackKind(kind), note)


def feedback_view(kept: Feedback) -> dict[str, Any]:
    """The answer."""
    return {
        "id": str(kept.id),
        "turn": str(kept.turn_id),
        "kind": kept.kind.value,
        "at": kept.at.isoformat(),
        "note": "stored" if kept.noted else "not stored",
    }


FEEDBACK: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["kind"],
                    "additionalProperties": False,
                    "properties": {
                        "kind": {
                            "type": "string",
                            "enum": list(_KINDS),
                            "description": "harmful: the reply felt harmful; unwanted: Handrail should not have stepped in; "
                            "missed: it should have; helpful",
                        },
                        "note": {
                            "type": ["string", "null"],
                            "maxLength": LONGEST_NOTE,
                            "description": "in the user's own words; stored, encrypted, only where the tenant stores text",
                        },
                    },
                }
            }
        },
    }
}
"""The request for ``/openapi.json``."""

_ANSWER: Final[dict[str, Any]] = {
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["id", "turn", "kind", "at", "note"],
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "turn": {"type": "string", "format": "uuid"},
                    "kind": {"type": "string", "enum": list(_KINDS)},
                    "at": {"type": "string", "format": "date-time"},
                    "note": {"type": "string", "enum": ["stored", "not stored"]},
                },
            }
        }
    }
}

FEEDBACK_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    201: {"description": "Kept.", **_ANSWER},
    200: {"description": "The same was said of this turn before; nothing is doubled.", **_ANSWER},
    400: {"description": "The body says something else than it should; the message says what."},
    401: {"description": "No key, or one that is unknown or revoked."},
    404: {"description": "This tenant has no such turn."},
    413: {"description": "The body is too large."},
    503: {"description": "The records are away; send it again."},
}
"""The answers for ``/openapi.json``."""
