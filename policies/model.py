"""What a policy is made of, as data. Everything is immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from policies.decision import Action, Moment
from policies.expression.nodes import Node

__all__ = ["BandSpec", "Effects", "Exemption", "Expectation", "PolicyTest", "Rule", "TestTurn", "Where"]


@dataclass(frozen=True, slots=True)
class Where:
    """Where something stands. ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class BandSpec:
    """Thresholds with hysteresis: reached at ``watch``, ``elevated``, ``high``; left only below ``release``."""

    name: str
    signal: str
    watch: float
    elevated: float
    high: float
    release: float
    where: Where


@dataclass(frozen=True, slots=True)
class Effects:
    """What a rule does. ``action`` is the strongest reply action; ``template`` belongs to ``action``, ``append`` is the beat
    that is added where the reply is kept. ``escalate``: teams."""

    action: Action
    template: str | None = None
    append: str | None = None
    refer: tuple[str, ...] = ()
    escalate: tuple[str, ...] = ()
    guidance: tuple[str, ...] = ()
    verify: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``floor``: it comes from a floor pack and can be neither loosened nor excepted. ``cooldown``: seconds in
    which it repeats no beat and no resource. ``keys``: what the condition reads."""

    id: str
    on: tuple[Moment, ...]
    severity: int
    when: Node
    text: str
    effects: Effects
    on_missing: str
    where: Where
    pack: str
    floor: bool = False
    status: str = "stable"
    cooldown: int = 1800
    keys: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()
    lowered: bool = True  # context may lower it


@dataclass(frozen=True, slots=True)
class Exemption:
    """A tenant's exception: the rule is suppressed while the condition holds, up to and including ``expires`` (UTC)."""

    rule: str
    when: Node
    text: str
    owner: str
    expires: date
    where: Where


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a test expects of its last turn, all moments taken together. ``None`` is not asked."""

    action: str | None = None
    rules: tuple[str, ...] = ()
    not_rules: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    severity: int | None = None
    template: str | None = None
    append: str | None = None
    refer: tuple[str, ...] | None = None
    escalate: tuple[str, ...] | None = None
    posture: str | None = None
    degraded: bool | None = None


@dataclass(frozen=True, slots=True)
class TestTurn:
    """One turn of a test. ``signals``: values of either side; what is not named is 0, but for ``missing``. Without them the
    detectors read the texts. ``asked``: the rung of the safety question that is open (0: safe right now)."""

    __test__ = False

    user: str | None = None
    reply: str | None = None
    signals: Mapping[str, float] | None = None
    missing: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    asked: int | None = None
    after: int = 60  # seconds since the turn before


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """A test that a policy carries."""

    name: str
    turns: tuple[TestTurn, ...]
    expect: Expectation
    where: Where
    person: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    tenant: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    off: tuple[str, ...] = ()
