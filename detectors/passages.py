"""A reply as it is scored: by passages, each with what came before it, and as a whole at its end; and how these scores
become the reply's. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from detectors.contract import Item, Speaker, Utterance
from detectors.sentences import split
from detectors.signals import Scores, Side, Tier, vocabulary

__all__ = ["ASKED", "TAIL", "Heard", "highest", "last_asked", "mean", "of_message", "reply_items", "with_whole"]

TAIL: Final = 600
"""Characters of a reply that go with a passage of it as what was said before."""

ASKED: Final = 1200
"""Characters, from its end, of the person's turn that goes with a passage."""


def reply_items(text: str, context: Sequence[Utterance], *, whole: bool = True, language: str | None = None) -> list[Item]:
    """What is asked of the detectors for a reply: an item for each sentence with words, then the reply itself if ``whole``.

    Of ``context`` the person's last turn goes with them.
    """
    asked = last_asked(context)
    items = []
    for start, end in split(text):
        passage, tail = text[start:end], text[max(0, start - TAIL) : start]
        if passage.strip():
            before = (*asked, Utterance(Speaker.ASSISTANT, tail)) if tail.strip() else asked
            items.append(Item(Side.REPLY, passage, before, language=language))
    if whole:
        items.append(Item(Side.REPLY, text, asked, whole=True, language=language))
    return items


def last_asked(context: Sequence[Utterance]) -> tuple[Utterance, ...]:
    """The person's last turn, its end, as a context of its own; empty where there is none."""
    words = next((turn.text for turn in reversed(context) if turn.speaker is Speaker.USER), "")
    return (Utterance(Speaker.USER, words[-ASKED:]),) if words else ()


def mean(passage: float, whole: float) -> float:
    """One probability from that of a reply's highest passage and that of it in one piece: the mean of their log odds."""
    if passage == whole:
        return passage
    first, second = (min(max(value, _EDGE), 1 - _EDGE) for value in (passage, whole))
    odds = math.sqrt(first / (1 - first) * (second / (1 - second)))
    return odds / (1 + odds)


_EDGE: Final = 1e-6


def highest(old: Scores | None, new: Scores) -> Scores:
    """Signal by signal the higher of two scores of one reply's passages, with its span and tag. Spans of both are offsets
    into that reply."""
    if old is None:
        return new
    return _chosen(old, new, lambda _, before, now: (max(before, now), now > before))


def with_whole(passages: Scores | None, whole: Scores) -> Scores:
    """A reply's scores from those of its highest passages and of its whole. What is judged on the whole and on nothing less
    is the whole's; everything else is the :func:`mean` of both, with the span and tag of the higher one. Where one is
    silent, or answered by a lower tier, the other's stands: that words show nothing is no second reading."""
    if passages is None:
        return whole

    def choose(on_whole: bool, before: float, now: float) -> tuple[float, bool]:
        return (now, True) if on_whole else (mean(before, now), now > before)

    return _chosen(passages, whole, choose, tiers_apart=True)


def of_message(items: Sequence[Item], scores: Sequence[Scores | None]) -> Scores | None:
    """The scores of one message from those of what was asked for it: a person's turn, or :func:`reply_items`. ``None`` where
    nobody could read any of it."""
    heard = Heard()
    for item, own in zip(items, scores, strict=True):
        if own is not None and item.whole:
            heard.end(own)
        elif own is not None:
            heard.passage(own)
    return heard.scores


@dataclass(slots=True)
class Heard:
    """A reply as far as it has been read. ``passages``: the highest of what was let go; ``whole``: at its end. ``changed``:
    something of it was withheld, so that its whole says little of what was let go: beside that only what is judged on the
    whole and on nothing less counts then."""

    passages: Scores | None = None
    whole: Scores | None = None
    changed: bool = False

    def passage(self, scores: Scores) -> None:
        """Adds a passage that was let go."""
        self.passages = highest(self.passages, scores)

    def end(self, scores: Scores) -> None:
        """Adds the whole; a later one takes the place of an earlier."""
        self.whole = scores

    @property
    def scores(self) -> Scores | None:
        """What the reply comes to; ``None`` where nothing was read of it."""
        if self.whole is None:
            return self.passages
        if self.passages is None or not self.changed:
            return with_whole(self.passages, self.whole)
        return with_whole(self.passages, _on_whole(self.whole))


def _on_whole(scores: Scores) -> Scores:
    kept = [signal.whole for signal in vocabulary(scores.side)]
    values = tuple(value if keep else math.nan for value, keep in zip(scores.values, kept, strict=True))
    tiers = bytes(tier if keep else Tier.MISSING for tier, keep in zip(scores.tiers, kept, strict=True))
    return replace(scores, values=values, tiers=tiers)


def _chosen(
    old: Scores, new: Scores, choose: Callable[[bool, float, float], tuple[float, bool]], *, tiers_apart: bool = False
) -> Scores:
    """``choose``: from whether a signal is judged on the whole alone, and both values, which value it is, and whether that
    is the newer's. ``tiers_apart``: a higher tier's answer stands beside a lower one's. What is off in either is off."""
    values, tiers = list(old.values), bytearray(old.tiers)
    spans, tags = dict(old.spans), dict(old.tags)
    for at, signal in enumerate(vocabulary(new.side)):
        if Tier.OFF in (old.tiers[at], new.tiers[at]):
            values[at], tiers[at] = math.nan, Tier.OFF
            continue
        if not _told(new, at):
            continue
        if not _told(old, at):
            value, newer = new.values[at], True
        elif tiers_apart and old.tiers[at] != new.tiers[at]:
            newer = new.tiers[at] > old.tiers[at]
            value = (new if newer else old).values[at]
        else:
            value, newer = choose(signal.whole, values[at], new.values[at])
        values[at] = value
        if not newer:
            continue
        tiers[at] = new.tiers[at]
        if not tiers_apart or signal.name in new.spans:
            spans.pop(signal.name, None)
        tags.pop(signal.name, None)
        if signal.name in new.spans:
            spans[signal.name] = new.spans[signal.name]
        if signal.name in new.tags:
            tags[signal.name] = new.tags[signal.name]
    answered = any(tier >= Tier.LEXICON for tier in new.tiers)
    model = max(old.model, new.model, key=len) if old.model.startswith(new.model) else new.model
    return Scores(
        new.side, model if answered else old.model, tuple(values), bytes(tiers), spans, tags,
        new.language or old.language, old.covered and new.covered,
    )  # fmt: skip


def _told(scores: Scores, at: int) -> bool:
    return scores.tiers[at] >= Tier.LEXICON and math.isfinite(scores.values[at])
