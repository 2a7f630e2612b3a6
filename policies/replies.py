"""A reply as the gateway hears it: each passage judged as it comes, and what is left of it at its end. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from detectors.passages import Heard
from detectors.signals import Scores
from policies.decision import Action, Decision, Moment

__all__ = ["judged"]


def judged(
    passages: Sequence[Scores], whole: Scores | None, judge: Callable[[Moment, Scores | None], Decision]
) -> Iterator[Decision]:
    """The decisions on a reply, from the scores of its passages, in order, and of the ``whole`` where it has ended.

    After a completion or a revision the rest of the reply is never said, so nothing of it is judged.
    """
    heard = Heard()
    for passage in passages:
        decision = judge(Moment.REPLY_SENTENCE, passage)
        yield decision
        if decision.action in (Action.COMPLETE, Action.REVISE):
            return
        if decision.action is Action.TRIM:
            heard.changed = True
        else:
            heard.passage(passage)
    if whole is not None:
        heard.end(whole)
        yield judge(Moment.REPLY_END, heard.scores)
