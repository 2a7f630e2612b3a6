"""Tiers: what scores inside the scorer process, and how two tiers' answers become one."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from detectors.contract import Item
from detectors.scorer.explicit import heed
from detectors.signals import Scores, Side, vocabulary
from detectors.signals import Tier as Answered

__all__ = ["Identify", "Joining", "Stack", "Tier", "Tiered", "merge"]

Identify = Callable[[str, str | None], str | None]
"""A text's language (ISO 639-1) from the text and what the session's was so far; ``None`` where it cannot be told."""

_log = logging.getLogger(__name__)


class Tier(Protocol):
    """Scores a batch, in the thread that the server gives it. Only ever called from one thread at a time."""

    @property
    def name(self) -> str:
        """Who answers, ``name@version``. It changes with anything that could change a score."""
        ...

    def score(self, batch: Sequence[Item]) -> list[Scores]:
        """Scores in the order of ``batch``. What it cannot answer is missing, which is not zero."""
        ...


@runtime_checkable
class Joining(Protocol):
    """A tier that says itself how its answers go together with those from above it."""

    def wanted(self, item: Item, above: Scores | None) -> bool:
        """Whether an answer about ``item`` could change ``above``."""
        ...

    def join(self, above: Scores, own: Scores) -> Scores:
        """Both as one."""
        ...


@dataclass(frozen=True, slots=True)
class Tiered:
    """One item's scores. ``scores`` is ``None`` where no tier could read it. ``settled`` is false where a tier failed, so
    that a later try may give more."""

    scores: Scores | None
    settled: bool

    def told(self, side: Side) -> Scores:
        """The scores; where no tier could read the text, all of them missing."""
        return Scores.missing(side) if self.scores is None else self.scores


def merge(upper: Scores, lower: Scores) -> Scores:
    """Both tiers' answers as one: what ``upper`` answered stands, what it left missing falls through to ``lower``.

    A value that is not finite counts as missing, whoever gave it: no threshold ever compares with NaN. OFF in ``upper``
    stays off. A span or tag goes with the value that it belongs to. ``model`` is the higher one of those that have a value
    in the outcome. ``covered`` holds where both read the whole text.
    Raises ``ValueError`` where the sides differ.
    """
    if upper.side is not lower.side:
        raise ValueError(f"scores of side {upper.side.value} cannot be merged with scores of side {lower.side.value}")
    values: list[float] = []
    tiers = bytearray(len(upper.tiers))
    spans: dict[str, tuple[int, int]] = {}
    tags: dict[str, str] = {}
    best: Scores | None = None
    for at, signal in enumerate(vocabulary(upper.side)):
        winner = None
        if _answers(upper, at):
            winner = upper
        elif upper.tiers[at] != Answered.OFF and _answers(lower, at):
            winner = lower
        if winner is None:
            off = Answered.OFF in (upper.tiers[at], lower.tiers[at])
            tiers[at] = Answered.OFF if off else Answered.MISSING
            values.append(math.nan)
            continue
        best = upper if winner is upper or best is upper else lower
        tiers[at] = winner.tiers[at]
        values.append(winner.values[at])
        if signal.name in winner.spans:
            spans[signal.name] = winner.spans[signal.name]
        if signal.name in winner.tags:
            tags[signal.name] = winner.tags[signal.name]
    return Scores(
        side=upper.side,
        model=(best or upper).model,
        values=tuple(values),
        tiers=bytes(tiers),
        spans=spans,
        tags=tags,
        language=upper.language or lower.language,
        covered=upper.covered and lower.covered,
    )


def _answers(scores: Scores, at: int) -> bool:
    return scores.tiers[at] >= Answered.LEXICON and math.isfinite(scores.values[at])


def _sound(scores: Scores) -> Scores:
    """The scores, with what is not finite made missing."""
    if all(map(math.isfinite, (v for v, t in zip(scores.values, scores.tiers, strict=True) if t >= Answered.LEXICON))):
        return scores
    return merge(scores, scores)


class Stack:
    """Tiers, the highest first. A tier that fails is left out for that batch and counted; the lower ones still answer."""

    def __init__(self, tiers: Sequence[Tier], identify: Identify | None = None) -> None:
        """``identify``: tells a text's language, given what the session's was so far; the tiers get what it says."""
        if not tiers:
            raise ValueError("a scorer needs at least one tier")
        self._tiers = tuple(tiers)
        self._joining = tuple(tier if isinstance(tier, Joining) else None for tier in tiers)
        self._identify = identify
        self._revision = hashlib.blake2b("\n".join(tier.name for tier in tiers).encode(), digest_size=8).hexdigest()
        self.failures: dict[str, int] = {tier.name: 0 for tier in tiers}
        self.ailing: dict[str, bool] = {tier.name: False for tier in tiers}

    @property
    def model(self) -> str:
        """The highest tier's name."""
        return self._tiers[0].name

    @property
    def revision(self) -> str:
        """A digest of all tiers' names: what a memo is valid for."""
        return self._revision

    def placements(self) -> dict[str, dict[str, Any]]:
        """Where the tiers run that say so, by name: a device that may fail, and what stands in for it."""
        found = {tier.name: getattr(tier, "placement", None) for tier in self._tiers}
        return {name: placement.as_json() for name, placement in found.items() if placement is not None}

    def score(self, batch: Sequence[Item]) -> list[Tiered]:
        """One :class:`Tiered` for each item, in order. Never raises for what a text contains."""
        batch = [self._in_language(item) for item in batch]
        merged: list[Scores | None] = [None] * len(batch)
        settled = [True] * len(batch)
        for tier, joining in zip(self._tiers, self._joining, strict=True):
            places = [at for at, item in enumerate(batch) if joining is None or joining.wanted(item, merged[at])]
            if not places:
                continue
            asked = batch if len(places) == len(batch) else [batch[at] for at in places]
            for at, scores in zip(places, self._ask(tier, asked), strict=True):
                if scores is None:
                    settled[at] = False
                    continue
                above = merged[at]
                if above is None:
                    merged[at] = _sound(scores)
                elif joining is not None:
                    merged[at] = joining.join(above, _sound(scores))
                else:
                    merged[at] = heed(merge(above, scores), scores)
        for at, scores in enumerate(merged):
            if scores is not None and scores.language is None and batch[at].language is not None:
                merged[at] = replace(scores, language=batch[at].language)
        return [Tiered(scores, sure) for scores, sure in zip(merged, settled, strict=True)]

    def _in_language(self, item: Item) -> Item:
        if self._identify is None:
            return item
        try:
            language = self._identify(item.text, item.language)
        except Exception as error:
            _log.error("a text's language could not be identified: %s", type(error))
            return item
        return item if language == item.language else replace(item, language=language)

    def _ask(self, tier: Tier, batch: Sequence[Item]) -> list[Scores | None]:
        """A tier's answers; ``None`` for each item that it fails on alone, too."""
        answers = self._attempt(tier, batch)
        if answers is None and len(batch) > 1:
            # One text must not take its neighbours' scores away: each is tried by itself.
            answers = []
            for item in batch:
                answers.extend(self._attempt(tier, (item,)) or [None])
        self.ailing[tier.name] = answers is None or all(scores is None for scores in answers)
        return [None] * len(batch) if answers is None else answers

    def _attempt(self, tier: Tier, batch: Sequence[Item]) -> list[Scores | None] | None:
        try:
            answers = tier.score(batch)
            if len(answers) != len(batch) or any(a.side is not item.side for a, item in zip(answers, batch, strict=True)):
                self.failures[tier.name] += 1
                _log.error("a tier answered another number or side than it was asked", extra={"detector": tier.name})
                return None
        except Exception as error:
            # Only the type is told: a message may quote the text.
            self.failures[tier.name] += 1
            _log.error("a tier failed on a batch of %d: %s", len(batch), type(error), extra={"detector": tier.name})
            return None
        return list(answers)
