"""The user's side of the lexicon: everything that words alone can tell of a person's message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from detectors.contract import Item, Speaker
from detectors.lexicon.combination import combine
from detectors.lexicon.levels import LADDER, derive
from detectors.lexicon.passage import Passage
from detectors.lexicon.reading import BASE, Reading
from detectors.lexicon.rules import Rules
from detectors.lexicon.weight import Weighed, weigh
from detectors.normalise import normalise
from detectors.signals import INTIMA

__all__ = ["FILES", "Reading", "UserReader"]

FILES: Final = (
    "macros", "idioms", "context", "overdose", "suicide", "selfharm", "conditions", "concern", "violence", "abuse",
    "warning", "affect", "attachment",
)  # fmt: skip
"""The rule files of this side, in the order in which they are read."""

_DERIVED: Final = (
    *LADDER,
    "risk.suicide_high",
    "risk.suicide_level",
    "risk.means_information",
    "context.past",
    "context.figurative",
)
_TOLD: Final = 0.3  # from here on a behaviour has a recency
_HIGHEST: Final = 0.97
_CONTEXT_CHARACTERS: Final = 1200
_CONTEXT_TURNS: Final = 2


_DESPAIRING: Final = ("risk.suicide", "risk.self_harm", "warning.hopeless", "warning.burden", "warning.trapped")


@dataclass(frozen=True, slots=True)
class _Before:
    """How much of suicide, self-harm or despair, and how much of abuse, the person's last messages held."""

    despair: float
    abuse: float


class UserReader:
    """Reads a person's messages. Without state after construction: safe in any number of threads."""

    def __init__(self) -> None:
        self.rules = Rules(FILES)
        answered = {rule.signal for rule in self.rules.rules if "." in rule.signal or rule.signal == "distress"}
        answered.update(_DERIVED)
        answered.update(f"attachment.{group}" for group in INTIMA)
        self._base = dict.fromkeys(sorted(answered), BASE)

    def read(self, text: str, item: Item) -> Reading:
        """What ``text``, the normal form of ``item.text``, says. Linear in its length."""
        passage = Passage(text, self.rules)
        reading = Reading(dict(self._base))
        if not passage.sentences:
            return _finished(reading)
        weighed = [weigh(hit, sentence, passage) for sentence in passage.sentences for hit in sentence.hits]
        before = cache(lambda: self._before(item))
        weighed = _gather(reading, weighed, before)
        _with_context(reading, passage, before)
        combine(reading, weighed, passage)
        for group, behaviours in INTIMA.items():
            best = max(behaviours, key=lambda behaviour: reading.values[f"intima.{behaviour}"])
            reading.lift(f"attachment.{group}", reading.values[f"intima.{best}"], reading.spans.get(f"intima.{best}"))
        return _finished(reading)

    def _before(self, item: Item) -> _Before:
        """What the person's last messages held."""
        said = [u.text[-_CONTEXT_CHARACTERS:] for u in item.context if u.speaker is Speaker.USER][-_CONTEXT_TURNS:]
        despair = abuse = 0.0
        for text in said:
            passage = Passage(normalise(text).text, self.rules)
            for sentence in passage.sentences:
                for hit in sentence.hits:
                    name = hit.rule.signal
                    if name.startswith(_DESPAIRING):
                        despair = max(despair, weigh(hit, sentence, passage).value)
                    elif name == "distress":
                        despair = max(despair, weigh(hit, sentence, passage).value * 0.7)
                    elif name in _NEEDED["abuse"] and not (one := weigh(hit, sentence, passage)).past:
                        abuse = max(abuse, one.value)
        return _Before(despair, abuse)


def _with_context(reading: Reading, passage: Passage, before: Callable[[], _Before]) -> None:
    """What only the messages before can tell: a bare "tonight", a question about heights."""
    for sentence in passage.sentences:
        for hit in sentence.frame("means"):
            value = 0.3 if hit.rule.grade < 0.7 else 0.85 if before().despair >= 0.35 else 0.5
            reading.lift("risk.means_information", value, (sentence.start + hit.start, sentence.start + hit.end))
        if passage.brief and sentence.framed("continuation") and before().despair >= 0.7:
            reading.lift("risk.suicide_imminent", 0.7, (sentence.start, sentence.start + len(sentence.text)))


def _gather(reading: Reading, weighed: Sequence[Weighed], before: Callable[[], _Before]) -> list[Weighed]:
    """Each match under its own name, the highest of a name winning; returns those that count.

    ``before``: what the last messages held.
    """
    counted: list[Weighed] = []
    needs: list[tuple[Weighed, str]] = []
    for one in weighed:
        rule = one.hit.rule
        start = one.sentence.start
        span = (start + one.hit.start, start + one.hit.end)
        if one.figurative:
            reading.lift("context.figurative", one.figurative, span)
        if one.past:
            reading.lift("context.past", 0.9, span)
        if one.other and "from" not in rule.options:
            reading.lift("concern.suicide" if rule.signal.startswith("risk.suicide") else "concern.harm", one.other, span)
        if "from" in rule.options and one.value >= 0.2:
            needs.append((one, rule.options["from"]))
            continue
        _enter(reading, one, span)
        counted.append(one)
    for one, needed in needs:
        met = any(reading.values.get(name, 0.0) >= least for name, least in _NEEDED[needed].items())
        several = len({other.hit.rule.source for other, name in needs if name == needed}) > 1
        if not met and needed in _OF_DESPAIR:
            met = (needed == "despair" and several) or before().despair >= _DESPAIR
        elif not met and needed == "abuse":
            met = before().abuse >= _DESPAIR
        if met or needed in _OF_DESPAIR:
            span = (one.sentence.start + one.hit.start, one.sentence.start + one.hit.end)
            least = _HINTED if needed == "place" and several else _UNSUPPORTED
            _enter(reading, one if met else replace(one, value=min(one.value, least)), span)
        if met:
            counted.append(one)
    return counted


_DESPAIR: Final = 0.5
_OF_DESPAIR: Final = ("despair", "hopelessness", "place")
_HINTED: Final = 0.2  # a place to jump from and what is seen there
_UNSUPPORTED: Final = 0.1  # under WATCH: everyday talk has these words too
_NEEDED: Final[Mapping[str, Mapping[str, float]]] = {
    "abuse": dict.fromkeys(("abuse.partner", "abuse.sexual", "abuse.child", "abuse.dependent", "abuse.exploitation"), 0.3),
    "eating": {"risk.eating": 0.3},
    "bereaved": {"context.stated.bereaved": 0.7},
    "risk.violence": {"risk.violence": 0.3},
    "despair": {
        "risk.suicide": 0.3, "risk.self_harm": 0.5, "warning.farewell": 0.35, "warning.hopeless": 0.5, "warning.burden": 0.5,
        "warning.trapped": 0.5, "warning.sudden_calm": 0.5, "distress": 0.65, "risk.emergency_now": 0.5,
    },
    "hopelessness": {
        "risk.self_harm": 0.5, "warning.hopeless": 0.5, "warning.burden": 0.5, "warning.trapped": 0.5,
        "warning.farewell": 0.6, "distress": 0.7,
    },
    "place": {
        "risk.suicide": 0.3, "risk.self_harm": 0.5, "warning.farewell": 0.5, "warning.hopeless": 0.5, "warning.burden": 0.5,
        "warning.trapped": 0.5, "distress": 0.65,
    },
}  # fmt: skip
"""What else must be there for a rule with ``from=`` in its heading to count."""


def _enter(reading: Reading, one: Weighed, span: tuple[int, int]) -> None:
    rule = one.hit.rule
    level = int(rule.options.get("level", "1"))
    if rule.signal == "risk.suicide":
        for name in LADDER[:level]:
            reading.lift(name, one.value, span)
        return
    if rule.signal == "risk.suicide_behaviour":
        tag = _when(one)
        reading.lift(rule.signal, one.value, span)
        if one.value >= _TOLD:
            reading.tags[rule.signal] = min(reading.tags.get(rule.signal, tag), tag, key=_RECENCY.index)
        return
    reading.lift(rule.signal, one.value, span)
    if "minor" in rule.options and one.value >= 0.5 and not one.past:
        reading.lift("context.minor", 0.4, span)


_RECENCY: Final = ("now", "24h", "month", "3months", "unknown", "earlier")


def _when(one: Weighed) -> str:
    """The recency of a behaviour, from the words of its sentence."""
    if one.past:
        return "earlier"
    words = one.sentence.words(one.hit)
    under_way = "just" in words.split() and "tried" not in words
    if under_way or one.sentence.framed("now") or words.startswith(("i'm ", "i am ")):
        return "now"
    found = [hit.rule.options["when"] for hit in one.sentence.frame("recent")]
    return min(found, key=_RECENCY.index) if found else "unknown"


def _finished(reading: Reading) -> Reading:
    derive(reading.values, reading.spans, reading.tags)
    for name, value in reading.values.items():
        if value > _HIGHEST and name != "risk.suicide_level":
            reading.values[name] = _HIGHEST
    return reading
