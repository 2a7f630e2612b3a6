"""What a turn that is over adds to the counts."""

from __future__ import annotations

import pytest

from detectors.signals import Scores, Side, Tier
from guard.telemetry.metrics import REFUSAL_OUTCOMES
from guard.turns.outcome import noticed, refusal
from policies.decision import Action


def scores(side: Side, **values: float) -> Scores:
    return Scores.of(side, "test@1", {name.replace("__", "."): value for name, value in values.items()}, tier=Tier.FULL)


def test_a_signal_counts_from_one_half_on_and_missing_is_not_zero() -> None:
    user = scores(Side.USER, risk__suicide=0.5, distress=0.49)
    assert noticed(user, None) == ("risk.suicide",)
    assert noticed(Scores.missing(Side.USER), Scores.missing(Side.REPLY)) == ()
    assert noticed(user, scores(Side.REPLY, companion__retention=0.9)) == ("risk.suicide", "companion.retention")


@pytest.mark.parametrize(
    ("value", "action", "outcome"),
    [
        (0.9, Action.COMPLETE, "completed"),
        (0.5, Action.APPEND, "added_to"),
        (0.9, Action.ALLOW, "passed"),
        (0.9, Action.GUIDE, "passed"),
        (0.4, Action.COMPLETE, None),
    ],
)
def test_a_refusal_is_told_by_what_became_of_it(value: float, action: Action, outcome: str | None) -> None:
    assert refusal(scores(Side.REPLY, refusal__any=value), action) == outcome
    assert outcome is None or outcome in REFUSAL_OUTCOMES


def test_without_a_reply_nobody_refused() -> None:
    assert refusal(None, Action.COMPLETE) is None
    assert refusal(Scores.missing(Side.REPLY), Action.COMPLETE) is None
