"""What the lexicon reads in so many words raises what a model above it says. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from detectors.signals import Scores, Tier, vocabulary

__all__ = ["EXPLICIT", "heed", "is_heeded", "lifted"]

EXPLICIT: Final = 0.5
"""A lexicon's probability from which on a text says a thing in so many words."""

_HEEDED: Final = ("risk.", "concern.", "abuse.", "violence.", "harm.", "companion.")
_NOT_HEEDED: Final = frozenset(
    (
        "harm.missed_cue",  # what a reply lacks stands in none of its words
        "risk.means_information",  # who asks decides, and the words are those of any question
        "risk.suicide_level",  # no probability
    )
)
_ANSWERS: Final = "answer."
_BEHAVIOUR: Final = "risk.suicide_behaviour"
_DAY: Final = "24h"
_LONGER_AGO: Final = ("month", "3months", "earlier")
_LEAST: Final = 1e-3  # what the lexicon denies it does not rule out
_READ: Final = ("answer.affirm", "answer.deny", "answer.declines")


def is_heeded(name: str) -> bool:
    """Whether the lexicon's explicit word on this signal counts. Of affect, attachment, circumstances and warning signs, and
    of how a reply declines or keeps a boundary, words say too little: a model that they overrule is worse."""
    return name.startswith(_HEEDED) and name not in _NOT_HEEDED


def lifted(name: str, value: float, said: Mapping[str, float]) -> float:
    """A model's ``value`` of a signal beside what the lexicon said of all signals: below its explicit word, the geometric
    mean of both. So words decide where the model is unsure, and no word overrules a model that is sure.

    Answers to a question stand together: where the lexicon reads one explicitly, each of them is the mean of both, also
    below the model's. That it cannot tell is no reading.
    """
    word = said.get(name, 0.0)
    if name.startswith(_ANSWERS):
        read = any(said.get(each, 0.0) >= EXPLICIT for each in _READ)
        return math.sqrt(max(word, _LEAST) * value) if read else value
    return math.sqrt(word * value) if is_heeded(name) and word >= EXPLICIT and word > value else value


def heed(merged: Scores, words: Scores) -> Scores:
    """``merged``, a model's answers above the lexicon's ``words``, with :func:`lifted` values.

    A lifted value brings its span and tag; the tier stays the model's, which did answer. A value that stands without a span
    of its own gets that of the words it agrees with. Behaviour of the last day calls somebody at once: a time further back
    that stands there in so many words ("on sunday") goes before the model's guess of a day.
    """
    if merged.side is not words.side or Tier.FULL not in merged.tiers:
        return merged
    own = zip(vocabulary(words.side), words.values, words.tiers, strict=True)
    said = {signal.name: value for signal, value, tier in own if tier == Tier.LEXICON}
    if not any(value >= EXPLICIT for value in said.values()):
        return merged
    values, spans, tags = list(merged.values), dict(merged.spans), dict(merged.tags)
    if tags.get(_BEHAVIOUR) == _DAY and words.tags.get(_BEHAVIOUR) in _LONGER_AGO:
        tags[_BEHAVIOUR] = words.tags[_BEHAVIOUR]
    for at, signal in enumerate(vocabulary(merged.side)):
        name = signal.name
        if merged.tiers[at] != Tier.FULL or not math.isfinite(values[at]):
            continue
        value = lifted(name, values[at], said)
        if value != values[at]:
            values[at] = value
            spans.pop(name, None)
            tags.pop(name, None)
            if name in words.spans:
                spans[name] = words.spans[name]
            if name in words.tags:
                tags[name] = words.tags[name]
        elif name not in spans and name in words.spans and said.get(name, 0.0) >= EXPLICIT <= value:
            spans[name] = words.spans[name]
    return replace(merged, values=tuple(values), spans=spans, tags=tags)
