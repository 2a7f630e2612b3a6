"""Errors of the policies.

PolicyError
├── PolicyInvalid        a policy file has faults; carries every one of them with its position
├── CompositionFailed    no composition passed the verifier; the caller falls back to the fixed text of last resort
└── DirectoryInvalid     the resource directory breaks its schema
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["CompositionFailed", "DirectoryInvalid", "Fault", "PolicyError", "PolicyInvalid"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a policy file. ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int
    code: str  # kebab-case, stable
    message: str
    hint: str | None = None  # "did you mean ...?"

    def __str__(self) -> str:
        tail = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {self.message}{tail}"


class PolicyError(Exception):
    """Base of all errors of the policies."""


class PolicyInvalid(PolicyError):
    """A policy cannot be used. ``faults`` holds every fault that was found, in file order."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


class CompositionFailed(PolicyError):
    """No composition for this need passed the verifier."""


class DirectoryInvalid(PolicyError):
    """The resource directory breaks its schema; the message names the row and the field."""
