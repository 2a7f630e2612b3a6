"""Rows scored by a stack of tiers, in which no tier's failure is passed over in silence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from detectors.contract import Item
from detectors.evaluation.errors import AnswersFailed
from detectors.scorer.tiers import Stack
from detectors.signals import Scores

__all__ = ["Answering"]

_ENOUGH: Final = 64
"""Failed rows after which nothing more is asked."""


class Answering:
    """Asks a stack and counts the rows on which one of its tiers failed. In a conversation a lower tier then answers in its
    place; in an evaluation that would be another model's answer under this one's name."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._rows = 0
        self._failed = 0
        self._first = ""
        self._tiers: dict[str, None] = {}

    def score(self, asked: Sequence[tuple[str, Sequence[Item]]]) -> list[list[Scores]]:
        """The scores of each row's items; ``asked``: of each row its id and items.

        Raises :class:`~detectors.evaluation.errors.AnswersFailed` once 64 rows have failed.
        """
        before = dict(self._stack.failures)
        tiered = iter(self._stack.score([item for _, items in asked for item in items]))
        found, failed = [], self._failed
        for identity, items in asked:
            own = list(islice(tiered, len(items)))
            self._rows += 1
            if not all(one.settled for one in own):
                self._first = self._first or identity
                self._failed += 1
            found.append([one.told(item.side) for one, item in zip(own, items, strict=True)])
        if self._failed > failed:
            self._tiers |= dict.fromkeys(name for name, count in self._stack.failures.items() if count > before[name])
        if self._failed >= _ENOUGH:
            self.check()
        return found

    def check(self) -> None:
        """Raises :class:`~detectors.evaluation.errors.AnswersFailed` where a tier failed on any row so far."""
        if self._failed:
            raise AnswersFailed(
                f"{' and '.join(self._tiers)} failed on {self._failed:,} of {self._rows:,} rows, the first of them "
                f"{self._first!r}; without its answers these would be another model's figures. See the log for the kind of "
                "error; mend the model or its device, or leave those rows out"
            )
