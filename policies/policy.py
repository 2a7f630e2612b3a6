"""A policy, ready to decide: :mod:`policies.load` makes it, :mod:`policies.decide` runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.model import BandSpec, Exemption, PolicyTest, Rule
from policies.plan import Plan

__all__ = ["Policy"]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy with all that it extends, ready to decide.

    ``hash``: SHA-256 in hexadecimal over the canonical form, parents included; texts of tests and comments count not.
    ``reads``: names of all signals that its rules and bands read. ``source``: the canonical form.
    """

    name: str
    hash: str
    vocabulary: int
    parents: tuple[str, ...]
    bands: tuple[BandSpec, ...]
    rules: tuple[Rule, ...]
    exceptions: tuple[Exemption, ...]
    tests: tuple[PolicyTest, ...]
    reads: frozenset[str]
    off: frozenset[str]
    source: Mapping[str, Any] = field(repr=False)
    plan: Plan = field(repr=False, compare=False)

    def rule(self, identity: str) -> Rule | None:
        """The rule of that id."""
        return next((rule for rule in self.rules if rule.id == identity), None)
