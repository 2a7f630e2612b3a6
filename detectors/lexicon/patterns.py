"""The small language that rules are written in, and its compilation to bounded regular expressions.

A pattern is a row of elements, separated by spaces, that stand for words in the same order in a sentence:

==============  =====================================================================
``word``        that word
``(a|b c|d)``   one of these rows
``{name}``      a macro: a row or alternatives that ``name = …`` defined
``x?``          ``x`` or nothing
``~3``          up to three words of any kind
``^`` ``$``     a clause starts here; the sentence ends here
==============  =====================================================================

A contraction stands for its long form too: ``i'm`` also matches ``i am``. Between two words stand one to five characters
that are no letters. Every quantifier is bounded and sentences have a bounded length, so a search is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

__all__ = ["Element", "Pattern", "PatternError", "parse", "row"]

_TOKEN: Final = re.compile(r"\s*([(){}|?^$]|~\d{1,2}|[^\s(){}|?^$~]+)")
_GAP: Final = r"\W{1,5}"
_WORD: Final = r"[\w']{1,40}"
_START: Final = r"(?:\A\W{0,6}|[,;:()\"-]\W{1,4}|\.\.\W{0,4}|\b(?:and|but|or|so|then|because)\W{1,3})"
_END: Final = r"\W{0,12}\Z"
_ENDINGS: Final = (("n't", "not"), ("'m", "am"), ("'re", "are"), ("'ve", "have"), ("'ll", "will"))
_IRREGULAR: Final = {"can't": "can not", "won't": "will not", "shan't": "shall not", "ain't": "is not"}
_WITH_IS: Final = frozenset(("he's", "she's", "it's", "that's", "there's", "what's", "who's", "how's", "where's"))

_COMMONEST: Final = frozenset(
    """i i'm a an the and or but so to of in on at for from with my me you your it it's he she they his her this that is are
    was be been do have had not no all just if when what like get""".split()  # noqa: SIM905
)

_COMMON: Final = frozenset(
    """i i'm i've i'd i'll i'm a an the and or but so to of in on at by for from with without about into off out up down my
    me myself mine you your yourself you're you've you'll he she it it's its they them their his her him we us our this
    that that's these those there there's here is are was were be been being am do does did done don't doesn't didn't
    doing have has had having haven't can can't could couldn't will won't would wouldn't should shouldn't may might must
    not no never any some all every everything anything nothing something one two just really very too also even still
    only more most much many lot than then now when while where what what's which who why how if as because get got
    getting go going goes went gone make makes made take takes taking took know think thinking thought want wants wanted
    need needs say said says tell told feel feels feeling felt like likes good bad back time day today night life people
    thing things way day days year years week ago am after before again always around other over own same see look let
    let's come came give keep well right please help sorry love friend mother father mom dad yeah yes""".split()  # noqa: SIM905
)
"""Words that say little by themselves: not what a rule is looked up by if another element can be."""


class PatternError(ValueError):
    """A pattern that cannot be read."""


@dataclass(frozen=True)
class Element:
    """One element of a pattern. ``kind``: word, gap, row, any, start or end."""

    kind: str
    text: str = ""
    parts: tuple[Element, ...] = ()
    optional: bool = False

    @cached_property
    def expression(self) -> str:
        """What matches it, without what stands around it."""
        match self.kind:
            case "word":
                return re.escape(self.text)
            case "any":
                return "(?:" + "|".join(part.expression for part in self.parts) + ")"
            case "start":
                return _START
            case "end":
                return _END
            case _:
                return _row_expression(self.parts)

    @cached_property
    def anchors(self) -> frozenset[str]:
        """Words of which one stands in every match, the rarest in ordinary text; none where there are no such words."""
        if self.optional or self.kind in ("gap", "start", "end"):
            return frozenset()
        if self.kind == "word":
            return frozenset((self.text,))
        sets = [part.anchors for part in self.parts]
        if self.kind == "any":
            return frozenset().union(*sets) if all(sets) else frozenset()
        return min(filter(None, sets), key=_frequency, default=frozenset())


@dataclass(frozen=True)
class Pattern:
    """A pattern that was read.

    ``anchors``: words of which one stands in every match, to look the pattern up by. ``needs``: the same for each further
    element, so that most candidates are dismissed without a search.
    """

    element: Element
    anchors: frozenset[str]
    needs: tuple[frozenset[str], ...]

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word that is written in it, contractions as they are."""
        return frozenset(_written(self.element))

    @cached_property
    def expression(self) -> str:
        """The regular expression, written out at the first need."""
        first = self.element.parts[0] if self.element.kind == "row" else self.element
        opening = "" if first.kind == "start" else r"(?<!\w)"
        return opening + self.element.expression + r"(?!\w)"


def row(source: str, macros: Mapping[str, Element]) -> Element:
    """Reads ``source``, which may stand inside another pattern. Raises :class:`PatternError` with the reason."""
    return _Reader(source, macros).whole()


def parse(source: str, macros: Mapping[str, Element]) -> list[Pattern]:
    """Reads ``source``, with macros as :func:`row` gave them: one pattern for each of its outermost alternatives.

    Raises :class:`PatternError` where it is not a pattern.
    """
    element = row(source, macros)
    patterns = []
    for part in element.parts if element.kind == "any" and not element.optional else (element,):
        if not part.anchors:
            raise PatternError("a pattern needs at least one word that is not optional")
        patterns.append(
            Pattern(
                part,
                part.anchors,
                tuple(sorted(_needs(part) - {part.anchors}, key=lambda words: (len(words), sorted(words)))),
            )
        )
    return patterns


def _written(element: Element) -> set[str]:
    return {element.text} if element.kind == "word" else set().union(*map(_written, element.parts))


def _needs(element: Element) -> set[frozenset[str]]:
    """The word sets of every element that must be there."""
    if element.kind == "row" and not element.optional:
        return set().union(*(_needs(part) for part in element.parts))
    return {element.anchors} if element.anchors else set()


class _Reader:
    def __init__(self, source: str, macros: Mapping[str, Element]) -> None:
        self._tokens = _TOKEN.findall(source)
        self._macros = macros
        self._at = 0

    def whole(self) -> Element:
        node = self._alternatives()
        if self._at < len(self._tokens):
            raise PatternError(f"unexpected {self._tokens[self._at]!r}")
        return node

    def _peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _alternatives(self) -> Element:
        rows = [self._row()]
        while self._peek() == "|":
            self._at += 1
            rows.append(self._row())
        return rows[0] if len(rows) == 1 else Element("any", parts=tuple(rows))

    def _row(self) -> Element:
        parts: list[Element] = []
        while (token := self._peek()) is not None and token not in ("|", ")"):
            self._at += 1
            node = self._element(token)
            if self._peek() == "?":
                self._at += 1
                node = Element(node.kind, node.text, node.parts, optional=True)
            parts.append(node)
        if all(part.kind == "gap" for part in parts):
            raise PatternError("an alternative needs a word")
        return parts[0] if len(parts) == 1 else Element("row", parts=tuple(parts))

    def _element(self, mark: str) -> Element:
        if mark == "(":
            node = self._alternatives()
            if self._peek() != ")":
                raise PatternError("a bracket is not closed")
            self._at += 1
            return node
        if mark == "{":
            name = self._peek() or ""
            self._at += 1
            if self._peek() != "}" or name not in self._macros:
                raise PatternError(f"there is no macro {name!r}")
            self._at += 1
            return self._macros[name]
        if mark == "^":
            return Element("start")
        if mark == "$":
            return Element("end")
        if mark.startswith("~"):
            return Element("gap", mark[1:])
        if mark in "){}|?":
            raise PatternError(f"unexpected {mark!r}")
        return _spelt_out(mark)


def _spelt_out(word: str) -> Element:
    """A word, or a contraction beside what it stands for."""
    long = _IRREGULAR.get(word)
    if long is None:
        if word in _WITH_IS:
            long = f"{word[:-2]} is"
        else:
            long = next(
                (f"{word[: -len(end)]} {full}" for end, full in _ENDINGS if word.endswith(end) and word != end), None
            )
    if long is None:
        return Element("word", word)
    row = Element("row", parts=tuple(Element("word", part) for part in long.split()))
    return Element("any", parts=(Element("word", word), row))


def _row_expression(parts: tuple[Element, ...]) -> str:
    """A row's elements with the separators between them; an optional element takes one separator along."""
    out: list[str] = []
    open_separator = False  # whether a separator is due before the next element
    for part in parts:
        if part.kind == "gap":
            # lazily, so that a match is no longer than it need be
            out.append(
                rf"(?:{_GAP}{_WORD}){{0,{part.text}}}?" if open_separator else rf"(?:{_WORD}{_GAP}){{0,{part.text}}}?"
            )
            continue
        if part.kind in ("start", "end"):
            out.append(part.expression)
            open_separator = False
            continue
        if open_separator and part.kind == "any" and any(way.kind == "end" for way in part.parts):
            words = "|".join(way.expression for way in part.parts if way.kind != "end")
            out.append(f"(?:{_GAP}(?:{words})|{_END}){'?' if part.optional else ''}")
            continue
        inner = part.expression
        if part.optional:
            out.append(f"(?:{_GAP}{inner})?" if open_separator else f"(?:{inner}{_GAP})?")
            continue
        out.append(_GAP + inner if open_separator else inner)
        open_separator = True
    return "".join(out)


def _frequency(words: frozenset[str]) -> float:
    """How often one of the words stands in ordinary text, roughly."""
    return sum(50.0 if word in _COMMONEST else 10.0 if word in _COMMON else 1.0 for word in words)
