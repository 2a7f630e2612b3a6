"""Where a model's network runs at the moment, as readiness, doctor and metrics say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Placement"]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where calls go. ``wanted`` and ``used``: names of devices, the same while all is well. ``failures``: of the wanted one
    since the start, by reason. ``reason`` and ``trouble``: what is wrong now, in one word and in a sentence."""

    wanted: str
    used: str
    failures: Mapping[str, int]
    reason: str | None
    trouble: str | None

    def as_json(self) -> dict[str, Any]:
        """What is shown of it; no part of it comes from a text."""
        return {
            "wanted": self.wanted,
            "used": self.used,
            "failures": dict(self.failures),
            "reason": self.reason,
            "trouble": self.trouble,
        }
