"""The fields of a labelled row, each as what it must be; those of ``handrail score`` as that takes them. Pure.

Every reader raises ``KeyError`` for a field that must be there and is not, ``TypeError`` or ``ValueError`` for one that is
something else, in words that quote nothing of the row. Null is as good as absent where a field may be left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detectors.contract import Utterance
from detectors.messages import read_messages

__all__ = ["flag", "identity", "labels", "messages", "name", "names", "number"]


def messages(found: Mapping[str, Any]) -> list[Utterance]:
    """The messages, at least one."""
    return read_messages(found["messages"])


def labels(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The labels that are known, whatever their values are."""
    given = found["labels"]
    if not isinstance(given, dict):
        raise TypeError("labels must be an object of signals and values")
    return {signal: value for signal, value in given.items() if value is not None}


def identity(found: Mapping[str, Any]) -> str:
    """The row's id."""
    given = found["id"]
    if not isinstance(given, str):
        raise TypeError("id must be a string")
    return given


def name(found: Mapping[str, Any], field: str) -> str | None:
    """What rows have in common: a string, or a whole number as text."""
    given = found.get(field)
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    raise ValueError(f"{field} must be a string or a whole number")


def names(found: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """Several names."""
    given = found.get(field)
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise ValueError(f"{field} must be a list of strings")
    return tuple(given)


def flag(found: Mapping[str, Any], field: str) -> bool | None:
    """True or false."""
    given = found.get(field)
    if given is not None and not isinstance(given, bool):
        raise ValueError(f"{field} is neither true nor false")
    return given


def number(found: Mapping[str, Any], field: str, most: int) -> int | None:
    """A whole number from 0 to ``most``."""
    given = found.get(field)
    if given is None:
        return None
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= most:
        raise ValueError(f"{field} is no whole number from 0 to {most:,}")
    return given
