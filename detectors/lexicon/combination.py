"""Signs that together say more than each alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from detectors.lexicon.levels import LADDER
from detectors.lexicon.passage import Passage, Sentence
from detectors.lexicon.reading import Reading
from detectors.lexicon.scope import is_denied
from detectors.lexicon.weight import Weighed

__all__ = ["combine"]

_CLEAR: Final = 0.7
_UNNAMED: Final = 0.6
_CALMED: Final = 0.35
_KINDS: Final = 2
_EVIDENCE: Final[Mapping[str, float]] = {"plan": 1.0, "method": 0.75, "parting": 0.5, "resolve": 0.5, "soon": 0.5}
_HINT: Final = (0.34, 0.5)
_WARNINGS: Final = ("warning.hopeless", "warning.burden", "warning.trapped", "warning.farewell")
_WEIGHS_ON: Final[Mapping[str, float]] = {
    "risk.suicide": 0.8, "risk.self_harm": 0.75, "warning.hopeless": 0.7, "warning.burden": 0.7, "warning.trapped": 0.65,
    "risk.suicide_imminent": 0.9, "risk.emergency_now": 0.8, "abuse.partner": 0.6, "abuse.sexual": 0.65, "abuse.child": 0.6,
    "warning.alone": 0.5, "risk.psychosis": 0.5, "risk.eating": 0.5,
}  # fmt: skip
"""How much distress a sign brings along at least."""


def combine(reading: Reading, weighed: Sequence[Weighed], passage: Passage) -> None:
    """Raises in ``reading`` what several matches imply together."""
    for one in weighed:
        if one.hit.rule.signal == "risk.suicide" and one.value >= _CLEAR and not one.figurative and not one.past:
            _with_neighbours(reading, one, passage)
    _planned(reading, passage)
    _warned(reading, weighed)
    _prepared(reading, passage)
    _calmed(reading, passage)
    _distressed(reading, weighed)


def _with_neighbours(reading: Reading, one: Weighed, passage: Passage) -> None:
    """A method, a resolve or a time that is named beside the statement, in its sentence or the one before or after."""
    span = (one.sentence.start + one.hit.start, one.sentence.start + one.hit.end)
    around = passage.sentences[max(0, one.sentence.number - 1) : one.sentence.number + 2]
    level = int(one.hit.rule.options.get("level", "1"))
    if level == 2 and any(near.framed("method") for near in around):
        level = 3
    if level < 4 and any(_resolved(near) for near in around):
        level = 4
    for name in LADDER[:level]:
        reading.lift(name, _CLEAR, span)
    if level >= 4 and any(near.framed("soon") for near in around):
        reading.lift("risk.suicide_imminent", _CLEAR, span)


def _planned(reading: Reading, passage: Passage) -> None:
    """What will be done is not named, but that it will be, and enough of what goes with it."""
    if passage.laughing or passage.made_up or not passage.framed("undertaking"):
        return
    weight = sum(value for name, value in _EVIDENCE.items() if passage.framed(name))
    if weight < 1.0:
        return
    for sentence in passage.sentences:
        for hit in sentence.frame("undertaking"):
            explained = "unless" in hit.rule.options and passage.framed(hit.rule.options["unless"])
            if explained or is_denied(sentence.before(hit), sentence.words(hit)):
                continue
            span = (sentence.start + hit.start, sentence.start + hit.end)
            for name in LADDER[:4]:
                reading.lift(name, _UNNAMED, span)
            if passage.framed("soon"):
                reading.lift("risk.suicide_imminent", _UNNAMED, span)


def _prepared(reading: Reading, passage: Passage) -> None:
    """Two kinds of preparation for an end, by somebody who is not moving house: letters, and what was dear given away."""
    if passage.laughing or passage.made_up or passage.watched or passage.framed("moving"):
        return
    found = [(sentence, hit) for sentence in passage.sentences for hit in sentence.frame("preparing")]
    if len({hit.rule.options["kind"] for _, hit in found}) < _KINDS:
        return
    for sentence, hit in found:
        if is_denied(sentence.before(hit), sentence.words(hit)):
            return
    sentence, hit = found[0]
    span = (sentence.start + hit.start, sentence.start + hit.end)
    reading.lift("warning.farewell", _CLEAR, span)
    reading.lift("risk.suicide", _UNNAMED, span)


def _calmed(reading: Reading, passage: Passage) -> None:
    """Calm beside a decision of which nothing more is said."""
    if passage.laughing or passage.made_up or reading.values["warning.sudden_calm"] < _CALMED:
        return
    for sentence in passage.sentences:
        for hit in sentence.frame("decided"):
            if not is_denied(sentence.before(hit), sentence.words(hit)):
                span = (sentence.start + hit.start, sentence.start + hit.end)
                reading.lift("warning.sudden_calm", _CLEAR, span)
                reading.lift("risk.suicide", _CALMED, span)


def _resolved(sentence: Sentence) -> bool:
    """Whether somebody says here that it is decided, and does not deny it."""
    return any(not is_denied(sentence.before(hit), sentence.words(hit)) for hit in sentence.frame("resolve"))


def _warned(reading: Reading, weighed: Sequence[Weighed]) -> None:
    values = reading.values
    low, high = _HINT
    hints = {
        one.hit.rule.source
        for one in weighed
        if one.hit.rule.signal == "risk.suicide" and low <= one.value <= high and not one.figurative and not one.past
    }
    warnings = [name for name in _WARNINGS if values[name] >= 0.6]
    count = len(hints) + len(warnings)
    if count >= 2 and (hints or "warning.burden" in warnings):
        reading.lift("risk.suicide", 0.5 if count == 2 else 0.62)
    elif warnings:
        reading.lift("risk.suicide", 0.2)
    if values["warning.farewell"] >= _CLEAR and values["risk.suicide_ge2"] >= 0.5:
        reading.lift("risk.suicide_imminent", 0.6, reading.spans.get("warning.farewell"))


def _distressed(reading: Reading, weighed: Sequence[Weighed]) -> None:
    felt = sorted((one.value for one in weighed if one.hit.rule.signal == "distress"), reverse=True)
    if felt:
        reading.lift("distress", min(0.95, felt[0] + 0.06 * sum(value >= 0.35 for value in felt[1:6])))
    for name, least in _WEIGHS_ON.items():
        if reading.values.get(name, 0.0) >= 0.5:
            reading.lift("distress", least, reading.spans.get(name))
