"""Core terms of suicide, self-harm and emergency in languages that no other rule reads.

A text in such a language is degraded: these four signals are all that is answered, and the rest stays missing. Nothing found
in a language that is known here is a low value; in any other language it is missing, which is not zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Final

from detectors.lexicon import terms
from detectors.lexicon.errors import LexiconError
from detectors.lexicon.scripts import CLAUSE, LETTER, folded, mapped
from detectors.lexicon.terms import TermError
from detectors.normalise import Normalised, normalise

__all__ = ["LANGUAGES", "SIGNALS_READ", "read", "spoken"]

_WHERE: Final = "words/multilingual.txt"
NOTHING: Final = 0.03
_TYPED_WITHOUT_ACCENTS: Final = 0.7

_KINDS: Final[Mapping[str, Mapping[str, float]]] = {
    "wish": {"risk.suicide": 0.85, "risk.suicide_ge2": 0.3},
    "thoughts": {"risk.suicide": 0.85, "risk.suicide_ge2": 0.8},
    "harm": {"risk.self_harm": 0.8},
    "emergency": {"risk.emergency_now": 0.8},
}
SIGNALS_READ: Final = ("risk.suicide", "risk.suicide_ge2", "risk.self_harm", "risk.emergency_now")
_UNSPACED: Final = frozenset(("ja", "zh", "th"))
_LOOSE: Final = frozenset(("ko",))
_DENIED_AFTER: Final = frozenset(("hi", "ur", "bn"))
_ALIASES: Final = {"ms": "id", "nb": "no", "nn": "no", "iw": "he", "fil": "tl"}
_WIDE: Final = 4  # words before a pattern in which a denial counts, where it is marked so
_SHORT: Final = 3  # a pronoun of so few letters may stand between a denial and what it denies
_WORD: Final = re.compile(rf"{LETTER}+")
_EAST: Final = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True)
class _Term:
    kind: str
    source: str
    language: str
    element: terms.Element
    denials: frozenset[str]
    wide: bool
    starts_word: bool
    exact: str

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """Compiled at the first need: most terms never meet their anchor."""
        if self.language in _UNSPACED:
            return re.compile(self.element.expression("", self.denials))
        if self.language in _LOOSE:
            opening = rf"(?<!{LETTER})" if self.starts_word else ""
            return re.compile(opening + self.element.expression(r"\s?", self.denials))
        return re.compile(rf"(?<!{LETTER})" + self.element.expression(None, self.denials) + rf"(?!{LETTER})")


@lru_cache(maxsize=1)
def _terms() -> tuple[_Term, ...]:
    """The file's terms. Raises :class:`LexiconError` with the line for what is no term."""
    found: list[_Term] = []
    language, denials = "", frozenset[str]()
    text = resources.files("detectors.lexicon").joinpath(_WHERE).read_text("utf-8")
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].strip()
        if line.startswith("== "):
            language, denials = line[3:].strip(), frozenset()
        elif line:
            kind, colon, rest = line.partition(": ")
            if not language or not colon or (kind not in _KINDS and kind not in ("not", "idiom")):
                raise LexiconError(_WHERE, number, "expected '== code' or 'kind: patterns'")
            if kind == "not":
                denials = frozenset(folded(word) for word in rest.split())
                continue
            try:
                found.extend(_term(kind, source.strip(), language, denials) for source in rest.split(";"))
            except TermError as error:
                raise LexiconError(_WHERE, number, str(error)) from error
    return tuple(found)


def _term(kind: str, source: str, language: str, denials: frozenset[str]) -> _Term:
    pattern, _, exact = source.partition("=")
    wide, pattern = pattern.startswith("<"), pattern.removeprefix("<")
    starts, pattern = pattern.startswith("^"), pattern.removeprefix("^")
    element = terms.parse(folded(pattern))
    if not element.anchors:
        raise TermError(f"{source!r} has nothing that must stand in a text")
    return _Term(kind, source, language, element, denials, wide, starts, exact.strip())


@dataclass(frozen=True, slots=True)
class _Index:
    """Where to look terms up: by a word that stands in every match, or by a string for those that no single word finds."""

    words: Mapping[str, tuple[int, ...]]
    strings: Mapping[str, tuple[int, ...]]
    unspaced: Mapping[str, tuple[int, ...]]


@lru_cache(maxsize=1)
def _index() -> _Index:
    words: dict[str, list[int]] = {}
    strings: dict[str, list[int]] = {}
    unspaced: dict[str, list[int]] = {}
    for at, term in enumerate(_terms()):
        for anchor, whole in term.element.anchors.items():
            if term.language in _UNSPACED or term.language in _LOOSE:
                unspaced.setdefault(anchor, []).append(at)
            elif whole and _WORD.fullmatch(anchor):
                words.setdefault(anchor, []).append(at)
            else:
                strings.setdefault(anchor, []).append(at)
    return _Index(*({anchor: tuple(found) for anchor, found in kind.items()} for kind in (words, strings, unspaced)))


def _near(plain: str) -> list[_Term]:
    """The terms that could match, in the file's order."""
    index = _index()
    found: set[int] = set()
    for word in index.words.keys() & set(_WORD.findall(plain)):
        found.update(index.words[word])
    for string, places in index.strings.items():
        if string in plain:
            found.update(places)
    if _EAST.search(plain):
        for string, places in index.unspaced.items():
            if string in plain:
                found.update(places)
    return [_terms()[at] for at in sorted(found)]


def _languages() -> frozenset[str]:
    return frozenset(term.language for term in _terms())


LANGUAGES: Final = frozenset(
    (
        "ar", "bn", "cs", "da", "de", "el", "es", "fa", "fi", "fr", "he", "hi", "hu", "id", "it", "ja", "ko", "nl", "no",
        "pl", "pt", "ro", "ru", "sv", "th", "tl", "tr", "uk", "ur", "vi", "zh",
    )
)  # fmt: skip
"""The languages (ISO 639-1) whose terms are known."""


def read(text: Normalised, language: str | None) -> dict[str, tuple[float, tuple[int, int] | None]]:
    """``risk.suicide``, ``risk.suicide_ge2``, ``risk.self_harm`` and ``risk.emergency_now``, each with its span in
    ``text.text`` (half-open) where it has one.

    All languages' terms are looked for, for people mix them and identifiers err. ``language`` (ISO 639-1) decides what
    nothing found means: all four are low where it is one of :data:`LANGUAGES`; else only what was found is answered.
    """
    plain, places = mapped(text.text)
    known = language is not None and _ALIASES.get(language, language) in LANGUAGES
    answers: dict[str, tuple[float, tuple[int, int] | None]] = dict.fromkeys(SIGNALS_READ, (NOTHING, None)) if known else {}
    near = _near(plain)
    if not near:
        return answers
    idle = bytearray(len(plain))  # 1 where an idiom stands
    for term in near:
        if term.kind == "idiom":
            for start, end in _places(term, plain):
                idle[start:end] = b"\x01" * (end - start)
    for term in near:
        if term.kind == "idiom":
            continue
        for start, end in _places(term, plain):
            if any(idle[start:end]) or _denied(term, plain, start, end):
                continue
            span = (places[start], places[end - 1] + 1)
            trust = _as_received(term, text, span)
            for name, value in _KINDS[term.kind].items():
                if value * trust > answers.get(name, (0.0, None))[0]:
                    answers[name] = (round(value * trust, 4), span)
    return answers


def spoken(text: str) -> str | None:
    """The language of a core term that stands in ``text`` and is not denied there; ``None`` where there is none, or one in
    several."""
    normal = normalise(text)
    plain, _ = mapped(normal.text)
    found = {
        term.language
        for term in _near(plain)
        if term.kind != "idiom"
        for start, end in _places(term, plain)
        if not _denied(term, plain, start, end)
    }
    return found.pop() if len(found) == 1 else None


def _places(term: _Term, plain: str) -> Iterator[tuple[int, int]]:
    for match in term.expression.finditer(plain):
        if match.end() > match.start():
            yield match.start(), match.end()


def _denied(term: _Term, plain: str, start: int, end: int) -> bool:
    """Whether a word before it (or after it, in languages that deny there) takes it back."""
    if not term.denials:
        return False
    before = _WORD.findall(_same_clause(plain[max(0, start - 60) : start], last=True))[-_WIDE:]
    if term.wide:
        if not term.denials.isdisjoint(before):
            return True
    elif before and (
        before[-1] in term.denials or (len(before) > 1 and len(before[-1]) <= _SHORT and before[-2] in term.denials)
    ):
        return True
    if term.language in _DENIED_AFTER:
        after = _WORD.findall(_same_clause(plain[end : end + 40], last=False))[:2]
        return not term.denials.isdisjoint(after)
    return False


def _same_clause(text: str, *, last: bool) -> str:
    parts: Sequence[str] = CLAUSE.split(text)
    return parts[-1] if last else parts[0]


def _as_received(term: _Term, text: Normalised, span: tuple[int, int]) -> float:
    """How far to trust a match, given the accents that the normaliser took away: 1, less where none were typed, or 0."""
    if not term.exact:
        return 1.0
    start, end = text.span(*span)
    received = terms.composed(text.original[start:end])
    if received.isascii():
        return _TYPED_WITHOUT_ACCENTS
    return 1.0 if term.exact in received else 0.0
