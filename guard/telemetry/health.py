"""Health: what the parts of a process say of themselves, as one answer. Pure functions; nothing here asks anybody.

``/healthz`` is :func:`combine`: is this process alive, and how fully does it work. ``/readyz`` is :func:`judge`: should it
be sent traffic. A gateway whose scorer is away still reads every turn with the lexicon, so it stays ready and says
``degraded``; only at its start does it wait until everything that is installed answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

__all__ = ["Component", "Condition", "Readiness", "Ready", "combine", "judge"]


class Condition(StrEnum):
    """How a part of the process does."""

    ANSWERS = "answers"
    LIMITED = "limited"  # it answers, but not with all that it should
    AWAY = "away"
    STARTING = "starting"  # it has not answered yet


@dataclass(frozen=True, slots=True)
class Component:
    """One part, as it is now.

    ``tier``: it scores texts; the first readiness waits for it. ``reason``: one word for what is wrong. ``model``: who
    answers, ``name@version``, where it is a tier.
    """

    name: str
    condition: Condition
    tier: bool = False
    reason: str | None = None
    model: str | None = None

    def as_json(self) -> dict[str, Any]:
        """What is shown of it."""
        shown: dict[str, Any] = {"condition": self.condition.value}
        if self.reason is not None:
            shown["reason"] = self.reason
        if self.model is not None:
            shown["model"] = self.model
        return shown


class Readiness(StrEnum):
    """Whether to send traffic, and why not."""

    READY = "ready"
    STARTING = "starting"
    DRAINING = "draining"
    NO_POLICY = "no-policy"


@dataclass(frozen=True, slots=True)
class Ready:
    """What was found out so far. ``once``: every installed tier has answered since the start."""

    readiness: Readiness = Readiness.STARTING
    once: bool = False

    @property
    def code(self) -> int:
        """The HTTP status."""
        return 200 if self.readiness is Readiness.READY else 503


_FULL: Final = frozenset({Condition.ANSWERS})


def combine(components: Sequence[Component]) -> dict[str, Any]:
    """``{"status": "full" | "degraded", "components": {name: {"condition", …}}}``; full where every part answers.

    Of parts with one name the worse is shown. With no parts at all nothing is known to work: degraded.
    """
    worst: dict[str, Component] = {}
    for component in components:
        known = worst.get(component.name)
        if known is None or _badness(component) > _badness(known):
            worst[component.name] = component
    full = bool(worst) and all(component.condition in _FULL for component in worst.values())
    return {
        "status": "full" if full else "degraded",
        "components": {name: component.as_json() for name, component in worst.items()},
    }


def judge(before: Ready, components: Sequence[Component], *, policy: bool, draining: bool) -> tuple[Ready, dict[str, Any]]:
    """The next state and the body of ``/readyz``, which carries what :func:`combine` says and ``ready``.

    Ready for the first time when there is a policy and every tier answers in full; afterwards ready with what is true, until
    it drains or loses its policy. Draining is for good: the caller passes it from then on.
    """
    tiers = [component for component in components if component.tier]
    once = before.once or (policy and bool(tiers) and all(tier.condition is Condition.ANSWERS for tier in tiers))
    if draining:
        readiness = Readiness.DRAINING
    elif not policy:
        readiness = Readiness.NO_POLICY
    elif not once:
        readiness = Readiness.STARTING
    else:
        readiness = Readiness.READY
    after = replace(before, readiness=readiness, once=once)
    return after, {**combine(components), "ready": readiness is Readiness.READY, "readiness": readiness.value}


def _badness(component: Component) -> int:
    return (Condition.ANSWERS, Condition.LIMITED, Condition.STARTING, Condition.AWAY).index(component.condition)
