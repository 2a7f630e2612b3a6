"""The redactor: a text in, the text without what is personal out, with where it stood."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from detectors.errors import SearchStopped
from detectors.pii.entity import PLACEHOLDER, Entity, Redacted, apart, replaced, united
from detectors.pii.folding import Folded, fold
from detectors.pii.head import Head
from detectors.pii.manifest import shipped
from detectors.pii.patterns import LEAST, recognisers
from detectors.pii.recogniser import NameRecogniser
from detectors.pii.tags import TYPES

__all__ = ["Redactor"]

_RANKS: Final = (
    "EMAIL_ADDRESS", "URL", "IBAN_CODE", "CREDIT_CARD", "US_SSN", "UK_NHS", "DATE_OF_BIRTH", "ID_NUMBER", "PHONE_NUMBER",
)  # fmt: skip
"""Which type stands for a passage that several claim, before all others; names come last."""

_PASSAGE: Final = 2_000  # characters that are searched at once: expressions that need the square of a length stay quick
_OVERLAP: Final = 200  # of two passages: more than anything with a form is long, links aside
_LONGEST: Final = _PASSAGE - _OVERLAP  # more than a link is long, and less than any passage but the last
_PASSES: Final = 6
_NUMBER: Final = 7  # digits of a telephone number that is one wherever it is dialled
_LANGUAGE: Final = "en"


class Redactor:
    """Finds and replaces what is personal. Safe to share between threads."""

    def __init__(self, head: Head | None = None, *, spared: Collection[str] = ()) -> None:
        """``head``: without one, names stay. ``spared``: numbers, addresses and names that are nobody's, such as those of
        crisis lines, and that therefore stay."""
        # Presidio's own warnings quote what they are about.
        logging.getLogger("presidio-analyzer").setLevel(logging.CRITICAL + 1)
        engine = NoOpNlpEngine([{"lang_code": _LANGUAGE, "model_name": "none"}])
        engine.load()
        every = recognisers()
        if head is not None:
            every.append(NameRecogniser(head))
        registry = RecognizerRegistry(recognizers=every, supported_languages=[_LANGUAGE])
        self._analyzer = AnalyzerEngine(
            registry=registry, nlp_engine=engine, supported_languages=[_LANGUAGE], default_score_threshold=LEAST
        )
        self.types = tuple(sorted({kind for one in every for kind in one.supported_entities}))
        """What may be found, by Presidio's names."""
        self._without_digits = [kind for kind in self.types if kind in _MAY_LACK_DIGITS]
        self._ranks = {kind: at for at, kind in enumerate(_RANKS)}
        self._ranks |= {kind: len(_RANKS) + 1 for kind in TYPES}
        self._spared = frozenset(filter(None, map(_plain, spared)))
        self._numbers = tuple(
            part for plain in self._spared if plain.isdecimal() for part in (plain, plain[1:]) if len(part) >= _NUMBER
        )

    @classmethod
    def load(cls, folder: Path | None = None, *, spared: Collection[str] = ()) -> Redactor:
        """With the head in ``folder``, by default the one that the package carries. Raises
        :class:`~detectors.encoder.errors.ModelUnfit`."""
        return cls(Head.load(folder or shipped()), spared=spared)

    def redact(self, text: str, *, stop: Callable[[], bool] | None = None) -> Redacted:
        """``text`` with placeholders. What it holds in placeholders already stays. Redacting twice changes nothing more.

        Never raises for what ``text`` contains; the time is in proportion to its length. ``stop`` is asked between its
        passages: where it says so, the search ends with :class:`~detectors.errors.SearchStopped`.
        """
        found: list[Entity] = []
        redacted = text
        # A name less is another sentence, in which the head may see another name: until it sees none.
        for _ in range(_PASSES):
            more = self._find(redacted, stop)
            if not more:
                break
            found = _joined(found, [_back(entity, found) for entity in more])
            redacted = replaced(text, found)
        return Redacted(redacted, tuple(found))

    def _find(self, text: str, stop: Callable[[], bool] | None) -> list[Entity]:
        """What is personal in ``text`` and no placeholder, in order, apart from each other."""
        folded = fold(text)
        ranked: list[tuple[int, Entity]] = []
        start = 0
        while start < len(folded.text):
            end = _end(folded.text, start)
            if stop is not None and stop():
                raise SearchStopped("the text is too long to be searched in this time")
            passage = folded.text[start:end]
            kinds = None if any(map(str.isdigit, passage)) else self._without_digits
            results = self._analyzer.analyze(passage, _LANGUAGE, entities=kinds)
            for result in results:
                entity = _trimmed(folded, start + result.start, start + result.end, result.entity_type)
                if entity is not None and not self._is_spared(text[entity.start : entity.end]):
                    ranked.append((self._ranks.get(entity.type, len(_RANKS)), entity))
            start = _after(folded.text, start, end, [(start + result.start, start + result.end) for result in results])
        taken = [match.span() for match in PLACEHOLDER.finditer(text)]
        return [entity for entity in apart(united(ranked), taken) if any(map(str.isalnum, text[entity.start : entity.end]))]

    def _is_spared(self, said: str) -> bool:
        plain = _plain(said)
        if plain in self._spared:
            return True
        # with or without the country's code
        return plain.isdecimal() and len(plain) >= _NUMBER and plain.endswith(self._numbers)


_MAY_LACK_DIGITS: Final = frozenset({"EMAIL_ADDRESS", "URL", "USERNAME", "MAC_ADDRESS", "IP_ADDRESS", *TYPES})


def _end(text: str, start: int) -> int:
    """Where a passage from ``start`` ends: at white space where there is some."""
    end = start + _PASSAGE
    if end >= len(text):
        return len(text)
    blank = max(text.rfind(blank, end - _OVERLAP, end) for blank in " \n\t")
    return blank + 1 if blank >= 0 else end


def _after(text: str, start: int, end: int, found: Sequence[tuple[int, int]]) -> int:
    """Where the passage after that from ``start`` to ``end`` begins. They overlap, and what was ``found`` in the first and
    may go on beyond its end is read again from its beginning. The length of ``text``: there is none."""
    if end == len(text):
        return end
    blank = text.find(" ", end - _OVERLAP, end)
    after = blank + 1 if blank >= 0 else end - _OVERLAP
    return max(min([after, *(first for first, last in found if first < after < last)]), end - _LONGEST)


def _trimmed(folded: Folded, start: int, end: int, kind: str) -> Entity | None:
    """The entity of the text as received, without white space at its ends."""
    while start < end and folded.text[start].isspace():
        start += 1
    while start < end and folded.text[end - 1].isspace():
        end -= 1
    return Entity(*folded.span(start, end), kind) if start < end else None


def _back(entity: Entity, found: list[Entity]) -> Entity:
    """An entity of the text in which ``found`` were replaced, as one of the text before. It overlaps none of them."""
    shift = 0
    for one in found:
        if one.start + shift > entity.start:
            break
        shift += len(f"<{one.type}>") - (one.end - one.start)
    return Entity(entity.start - shift, entity.end - shift, entity.type)


def _joined(found: list[Entity], more: list[Entity]) -> list[Entity]:
    return sorted([*found, *more], key=lambda entity: entity.start)


def _plain(said: str) -> str:
    """A number by its digits, an address without what leads to it, a name without capitals and article."""
    plain = said.casefold().strip()
    digits = "".join(filter(str.isdigit, plain))
    if digits and not any(map(str.isalpha, plain)):
        return digits
    for prefix in ("https://", "http://", "www.", "the "):
        plain = plain.removeprefix(prefix)
    return plain.rstrip("/")
