"""What of a reply is judged, and with which scores."""

from __future__ import annotations

from detectors.signals import Scores, Side, Tier
from policies.decision import Action, Decision, Moment
from policies.replies import judged

NAME = "refusal.any"


def _said(value: float) -> Scores:
    return Scores.of(Side.REPLY, "test@1", {NAME: value}, tier=Tier.FULL)


def _heard(values: list[float], actions: dict[float, Action]) -> list[tuple[Moment, float]]:
    """The moments that were judged, with the value that each saw. ``actions``: what a value of a passage comes to."""
    seen: list[tuple[Moment, float]] = []

    def judge(moment: Moment, reply: Scores | None) -> Decision:
        assert reply is not None
        value = reply.value(NAME)
        assert value is not None
        seen.append((moment, value))
        return Decision(moment, action=actions.get(round(value, 2), Action.ALLOW))

    *passages, whole = map(_said, values)
    decisions = list(judged(passages, whole, judge))
    assert [decision.moment for decision in decisions] == [moment for moment, _ in seen]
    return seen


def test_passages_first_then_what_was_heard_at_the_end() -> None:
    *passages, (moment, value) = _heard([0.2, 0.6, 0.6], {})
    assert passages == [(Moment.REPLY_SENTENCE, 0.2), (Moment.REPLY_SENTENCE, 0.6)]
    assert moment is Moment.REPLY_END
    assert 0.5 < value < 0.7


def test_nothing_is_judged_of_what_is_never_said() -> None:
    for action in (Action.COMPLETE, Action.REVISE):
        assert _heard([0.2, 0.9, 0.1, 0.9], {0.9: action}) == [(Moment.REPLY_SENTENCE, 0.2), (Moment.REPLY_SENTENCE, 0.9)]


def test_a_reply_that_has_no_end_yet_is_judged_by_its_passages() -> None:
    moments: list[Moment] = []

    def judge(moment: Moment, reply: Scores | None) -> Decision:
        moments.append(moment)
        return Decision(moment)

    assert len(list(judged([_said(0.2), _said(0.3)], None, judge))) == 2
    assert moments == [Moment.REPLY_SENTENCE] * 2


def test_a_passage_that_is_taken_out_does_not_count_at_the_end() -> None:
    with_it, without = _heard([0.2, 0.9, 0.9], {}), _heard([0.2, 0.9, 0.9], {0.9: Action.TRIM})
    assert with_it[-1][0] is without[-1][0] is Moment.REPLY_END
    assert without[-1][1] < 0.5 < with_it[-1][1]
