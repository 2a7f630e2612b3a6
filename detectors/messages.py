"""The messages of a row, as files of conversations hold them: ``[{"role", "content"}, …]``. Pure."""

from __future__ import annotations

from typing import Final

from detectors.contract import Speaker, Utterance

__all__ = ["read_messages"]

_SPEAKERS: Final = {one.value: one for one in Speaker}


def read_messages(given: object) -> list[Utterance]:
    """The messages, at least one. Raises ``ValueError`` and ``TypeError``, in words that quote nothing of them."""
    if not isinstance(given, list) or not given:
        raise ValueError("messages must be a list with at least one message")
    return [_utterance(message, at) for at, message in enumerate(given)]


def _utterance(message: object, at: int) -> Utterance:
    if not isinstance(message, dict):
        raise TypeError(f"messages[{at}] must be an object with role and content")
    role, content = message.get("role"), message.get("content")
    speaker = _SPEAKERS.get(role) if isinstance(role, str) else None
    if speaker is None:
        raise ValueError(f"messages[{at}].role must be user or assistant")
    if not isinstance(content, str):
        raise TypeError(f"messages[{at}].content must be a string")
    return Utterance(speaker, content)
