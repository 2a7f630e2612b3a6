"""What was read of one message."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

__all__ = ["BASE", "Reading"]

BASE: Final = 0.02
"""What a signal is worth where no rule matched: noticed nothing, which is not missing."""


@dataclass(slots=True)
class Reading:
    """What was read: values by signal, spans in the normalised text, tags."""

    values: dict[str, float]
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def lift(self, name: str, value: float, span: tuple[int, int] | None = None) -> bool:
        """Raises a signal; a span goes with the value that it belongs to. False where it was as high already."""
        if value <= self.values.get(name, 0.0):
            return False
        self.values[name] = value
        if span is not None:
            self.spans[name] = span
        return True
