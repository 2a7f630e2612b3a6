"""Errors of the corpus.

DetectorError
└── CorpusInvalid   lines that do not follow FORMAT.md, each with file, line and what to do
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from detectors.errors import DetectorError

__all__ = ["CorpusInvalid", "Fault", "LabelFault"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One line that cannot be read: where it stands (``line`` from 1) and what is wrong with it."""

    file: str
    line: int
    problem: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}"


class CorpusInvalid(DetectorError):
    """The corpus does not follow its format. ``faults``: every line at fault, in order."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


class LabelFault(ValueError):
    """A label that means nothing; the reader adds file and line."""
