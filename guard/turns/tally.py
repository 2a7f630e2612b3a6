"""What one turn has come to so far: the strongest action, the rules, the highest reply scores. Small mutable state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from detectors.signals import Scores, Side, Tier, vocabulary
from policies.completions.contract import Composition
from policies.decision import Action, Band, Decision, Escalation, Outcome, RuleResult

__all__ = ["Tally", "highest"]

_FIRST: Mapping[Outcome, int] = {Outcome.FIRED: 0, Outcome.SUPPRESSED: 1, Outcome.MISSING: 2}
_WHOLE = frozenset(signal.name for signal in vocabulary(Side.REPLY) if signal.whole)


def highest(old: Scores | None, new: Scores) -> Scores:
    """Signal by signal the higher of two scores of one reply, with its span and tag; a signal that is judged on the whole
    takes the newer. Spans of both are offsets into that reply."""
    if old is None:
        return new
    values, tiers = list(old.values), bytearray(old.tiers)
    spans, tags = dict(old.spans), dict(old.tags)
    for at, signal in enumerate(vocabulary(new.side)):
        if new.tiers[at] < Tier.LEXICON:
            continue
        if tiers[at] >= Tier.LEXICON and values[at] >= new.values[at] and signal.name not in _WHOLE:
            continue
        values[at] = new.values[at]
        tiers[at] = new.tiers[at]
        spans.pop(signal.name, None)
        tags.pop(signal.name, None)
        if signal.name in new.spans:
            spans[signal.name] = new.spans[signal.name]
        if signal.name in new.tags:
            tags[signal.name] = new.tags[signal.name]
    return Scores(
        new.side, new.model, tuple(values), bytes(tiers), spans, tags, new.language or old.language,
        old.covered and new.covered,
    )  # fmt: skip


@dataclass(slots=True)
class Tally:
    """Everything that decisions and compositions have added to one turn."""

    action: Action = Action.ALLOW
    severity: int = 0
    rules: dict[str, RuleResult] = field(default_factory=dict)
    escalations: list[Escalation] = field(default_factory=list)
    escalating: list[str] = field(default_factory=list)
    refer: dict[str, None] = field(default_factory=dict)  # classes of resources, in order
    said: dict[str, None] = field(default_factory=dict)  # rules whose words or resources a decision carries
    bands: dict[str, Band] = field(default_factory=dict)
    compositions: list[Composition] = field(default_factory=list)
    reply: Scores | None = None
    degraded: bool = False

    def decide(self, decision: Decision) -> None:
        """Adds a decision."""
        self.action = max(self.action, decision.action)
        self.severity = max(self.severity, decision.severity)
        self.degraded = self.degraded or decision.degraded
        self.bands.update(decision.bands)
        self.refer.update(dict.fromkeys(decision.refer))
        self.said.update(dict.fromkeys(decision.said))
        for rule in decision.rules:
            old = self.rules.get(rule.id)
            if old is None or _FIRST[rule.outcome] < _FIRST[old.outcome]:
                self.rules[rule.id] = rule
        if decision.escalate:
            self.escalations.extend(decision.escalate)
            self.escalating.extend(rule for rule in decision.fired if rule not in self.escalating)

    def acted(self, action: Action) -> None:
        """An action was taken on the reply."""
        self.action = max(self.action, action)

    def score(self, scores: Scores) -> None:
        """Adds the scores of one passage of the reply, or of all of it; their spans are offsets into the reply."""
        self.reply = highest(self.reply, scores)

    @property
    def fired(self) -> tuple[str, ...]:
        """Ids of all rules that fired."""
        return tuple(rule.id for rule in self.rules.values() if rule.outcome is Outcome.FIRED)

    def spoken(self) -> dict[str, Any]:
        """What is recorded of the compositions: ids, never text."""
        return {
            "compositions": [
                {
                    "template": composition.template,
                    "beats": [[beat.beat, beat.variant] for beat in composition.beats],
                    "resources": [use.id for use in composition.resources],
                    "question": composition.question,
                    "last_resort": composition.last_resort,
                }
                for composition in self.compositions
            ]
        }
