"""One thing that `handrail doctor` looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Finding", "Grade"]


class Grade(Enum):
    """How good a finding is."""

    GOOD = ("ok", "green")
    NOTE = ("look", "yellow")
    BAD = ("fault", "bold red")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``what``: a word or two. ``says``: a sentence, with what to do where it is not good."""

    grade: Grade
    what: str
    says: str
