"""What one turn has come to so far: the strongest action, the rules, the reply's scores. Small mutable state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from detectors.passages import Heard, highest
from detectors.signals import Scores
from policies.completions.contract import Composition
from policies.decision import Action, Band, Decision, Escalation, Outcome, RuleResult

__all__ = ["Tally"]

_FIRST: Mapping[Outcome, int] = {Outcome.FIRED: 0, Outcome.SUPPRESSED: 1, Outcome.MISSING: 2}


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
    degraded: bool = False
    _choices: dict[int, Heard] = field(default_factory=dict)
    _beside: Scores | None = None  # of what was withheld, or stands in another channel

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

    def hear(self, scores: Scores, choice: int, *, read: bool, changed: bool = False) -> None:
        """Adds the scores of one passage, whose spans are offsets into the reply. ``read``: it is let go, and the person
        reads it. ``changed``: its choice's whole, read in one piece, will say little of it."""
        heard = self._choices.setdefault(choice, Heard())
        heard.changed = heard.changed or changed
        if read:
            heard.passage(scores)
        else:
            self._beside = highest(self._beside, scores)

    def end(self, scores: Scores, choice: int) -> Scores:
        """Adds the scores of a choice's whole; returns what the choice comes to with its passages."""
        heard = self._choices.setdefault(choice, Heard())
        heard.end(scores)
        return heard.scores or scores

    @property
    def reply(self) -> Scores | None:
        """The scores of all that the chatbot said in this turn: signal by signal the highest over its choices."""
        found = self._beside
        for heard in self._choices.values():
            scores = heard.scores
            found = highest(found, scores) if scores is not None else found
        return found

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
