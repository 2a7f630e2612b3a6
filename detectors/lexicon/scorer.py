"""The lexicon tier: scores of one text, of either side, in the calling thread."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Final

from detectors.contract import Item
from detectors.language import identify
from detectors.lexicon import multilingual
from detectors.lexicon.answers import hastens, inherited, read_answer, recency
from detectors.lexicon.levels import DERIVED_FROM, derive
from detectors.lexicon.reading import BASE, Reading
from detectors.lexicon.reply import ReplyReader
from detectors.lexicon.user import UserReader
from detectors.normalise import Normalised, normalise
from detectors.signals import Scores, Side, Tier

__all__ = ["LexiconScorer"]

_VERSION: Final = "1.0"
_SAID: Final = 0.5
_SOON: Final = 0.7
_HINT: Final = 0.34
_PLANNED: Final = "risk.suicide_ge5"
_SAFE_NOW: Final = 0
_IDEATION: Final = range(2, 6)  # rungs that ask about thoughts of suicide and what goes with them
_INTENDED: Final = (4, 5)  # rungs that ask for intent and for a plan
_SUFFIXES: Final = (".txt", ".py")
_BESIDE: Final = ("normalise.py", "letters.py", "contractions.py", "spellings.py", "sentences.py", "language.py")


class LexiconScorer:
    """The lowest tier. Deterministic, without state after construction, safe in any number of threads.

    ``model`` names the version with a digest of rules and code, so that it changes with anything that could change a score.
    """

    def __init__(self) -> None:
        self._user = UserReader()
        self._reply = ReplyReader(self._user)
        self.model = f"lexicon@{_VERSION}-{_digest()}"

    def score_one(self, item: Item) -> Scores:
        """The scores of one text. Never raises for what it contains; linear in its length."""
        normalised = normalise(item.text)
        if item.side is not Side.USER:
            return self._replied(item, normalised)
        language = item.language or identify(item.text)
        reading = self._user.read(normalised.text, item)
        english = language is None or language == "en"
        _abroad(reading, normalised, language, english=english)
        if item.question is not None:
            _answer(reading, item.text, item.question, language)
        return self._scores(item, reading, normalised, language)

    def _replied(self, item: Item, normalised: Normalised) -> Scores:
        found = self._reply.read(item, normalised)
        values = {name: value for name, (value, _) in found.items()}
        spans = {name: span for name, (_, span) in found.items() if span is not None}
        return Scores.of(item.side, self.model, values, tier=Tier.LEXICON, spans=spans, language=item.language)

    def _scores(self, item: Item, reading: Reading, normalised: Normalised, language: str | None) -> Scores:
        spans = {
            name: normalised.span(*span)
            for name, span in reading.spans.items()
            if reading.values.get(name, 0.0) >= 0.2 and span[0] < span[1]
        }
        return Scores.of(
            item.side, self.model, reading.values, tier=Tier.LEXICON, spans=spans, tags=reading.tags, language=language
        )


def _abroad(reading: Reading, normalised: Normalised, language: str | None, *, english: bool) -> None:
    """Adds the core terms of all other languages, for people mix them.

    Of a text in another language only what was found stands, in whatever language, and the signals that its own terms
    answer: that English rules found nothing there says nothing.
    """
    found = multilingual.read(normalised, None if english else language)
    if not english:
        reading.values = {
            name: value
            for name, value in reading.values.items()
            if value > BASE or (name in multilingual.SIGNALS_READ and name in found)
        }
    if not found:
        return
    for name, (value, span) in found.items():
        reading.lift(name, value, span)
    _consistent(reading)


def _consistent(reading: Reading) -> None:
    """Derives what follows; a signal that nobody answered stays missing unless something follows for it."""
    answered = set(reading.values)
    for name in DERIVED_FROM:
        reading.values.setdefault(name, BASE)
    derive(reading.values, reading.spans, reading.tags)
    if reading.values["risk.suicide_level"] or "risk.suicide" in answered:
        answered.add("risk.suicide_level")
    reading.values = {name: value for name, value in reading.values.items() if name in answered or value > BASE}


def _answer(reading: Reading, text: str, question: int, language: str | None) -> None:
    """Adds what the text says to the safety question that is open, and what that means for the risk that was asked about."""
    answers = read_answer(text, question, language)
    reading.values.update(answers)
    for name, value in inherited(question, answers).items():
        if reading.lift(name, value) and name == "risk.suicide_behaviour":
            reading.tags[name] = recency(text) or "unknown"
    affirmed = answers["answer.affirm"]
    if affirmed >= _SAID:
        if question in _IDEATION and reading.values.get(_PLANNED, BASE) >= _HINT:
            reading.lift(_PLANNED, affirmed)  # whoever is asked about suicide means that by "a plan"
        if question in _INTENDED and hastens(text):
            reading.lift("risk.suicide_imminent", min(affirmed, _SOON))
    if question != _SAFE_NOW:  # a no to being safe is no word on suicide: the danger may be somebody else
        _consistent(reading)


def _digest() -> str:
    """Eight hexadecimal digits over every rule and every line that reads them."""
    digest = hashlib.blake2b(digest_size=4)
    detectors = resources.files("detectors")
    package = detectors.joinpath("lexicon")
    files = [entry for folder in (package, package.joinpath("words")) for entry in folder.iterdir()]
    files += [detectors.joinpath(name) for name in _BESIDE]
    for entry in sorted(files, key=lambda entry: entry.name):
        if entry.is_file() and entry.name.endswith(_SUFFIXES):
            digest.update(entry.name.encode() + b"\0" + entry.read_bytes() + b"\0")
    return digest.hexdigest()
