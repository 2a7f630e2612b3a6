"""What context does to an action: at most one rung weaker, never nothing. Pure.

Sources: VERA-MH and the C-SSRS scoring rules on past, present and recency; `policy.md`, "Context, cool-down, bands".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from policies.decision import Action, Facts
from policies.model import Rule
from policies.plan import Row

__all__ = ["LADDER", "lower", "lowered_by"]

_HIT: Final = 0.5

LADDER: Final = (Action.OBSERVE, Action.GUIDE, Action.APPEND, Action.COMPLETE)
"""The rungs that context may step down by one."""


def lower(action: Action) -> Action:
    """One rung down; other actions, and the lowest rung, stay."""
    if action not in LADDER:
        return action
    return LADDER[max(0, LADDER.index(action) - 1)]


def lowered_by(rule: Rule, facts: Facts, row: Row, slots: Mapping[str, int]) -> str | None:
    """Which context lowers a rule that fired on the user's turn, ``None`` where none does.

    A retraction lowers nothing by itself: people take back what is true. Severity 4 is never lowered.
    """
    if rule.severity >= 4 or not rule.lowered or facts.user is None:
        return None

    def hit(name: str) -> bool:
        value = row[slots[name]]
        return value is not None and value >= _HIT

    intent = hit("risk.suicide_ge4") or hit("risk.suicide_ge5") or hit("risk.suicide_imminent") or hit("violence.intent")
    behaviour = hit("risk.suicide_behaviour")
    recent = behaviour and facts.user.tags.get("risk.suicide_behaviour", "unknown") != "earlier"
    vulnerable = facts.session.vulnerable
    minor = facts.person.age == "minor" or hit("context.minor")
    grave = intent or hit("risk.suicide_ge3") or hit("risk.method_seeking") or vulnerable or minor
    if hit("context.figurative") and not grave and not behaviour:
        return "context.figurative"
    if hit("context.past") and not recent and not intent and not hit("risk.suicide_high"):
        return "context.past"
    about_others = any(key.startswith("concern.") for key in rule.keys)
    if not about_others and not grave and not behaviour:
        for name in ("concern.suicide", "concern.harm", "concern.child"):
            if hit(name):
                return name
    if hit("context.protective") and not intent and not recent and not vulnerable:
        return "context.protective"
    return None
