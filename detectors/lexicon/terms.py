"""The notation of terms in other languages, and its compilation to bounded regular expressions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from detectors.lexicon.scripts import LETTER

__all__ = ["Element", "TermError", "composed", "parse"]

_TOKEN: Final = re.compile(r"\s*([()|?]|~\d|[^\s()|?~]+)")
_GAP: Final = rf"(?:(?!{LETTER})[^.,;:!?…。！？\n]){{1,3}}"
_STEM: Final = rf"{LETTER}{{0,12}}"
_ANY: Final = r"[^.,;:!?…。！？、\n]"


class TermError(ValueError):
    """A term that cannot be read."""


@dataclass(frozen=True)
class Element:
    """One element of a term. ``kind``: word, gap, row or any."""

    kind: str
    text: str = ""
    parts: tuple[Element, ...] = ()
    optional: bool = False

    def expression(self, joint: str | None, denials: Iterable[str]) -> str:
        """A regular expression. ``joint`` stands between words; ``None`` for a script that parts them, where a gap holds
        words none of which is a denial."""
        if self.kind == "word":
            stem = self.text.endswith("*")
            return re.escape(self.text.rstrip("*")) + (_STEM if stem else "")
        if self.kind == "any":
            return "(?:" + "|".join(part.expression(joint, denials) for part in self.parts) + ")"
        return self._row(_GAP if joint is None else joint, joint, denials)

    def _row(self, between: str, joint: str | None, denials: Iterable[str]) -> str:
        out: list[str] = []
        due = False
        for part in self.parts:
            if part.kind == "gap":
                if joint is None:
                    no = "|".join(map(re.escape, sorted(denials)))
                    guard = rf"(?!(?:{no})(?!{LETTER}))" if no else ""
                    out.append(rf"(?:{between}{guard}{LETTER}{{1,30}}){{0,{part.text}}}")
                else:
                    out.append(rf"{_ANY}{{0,{part.text}}}")
                continue
            inner = part.expression(joint, denials)
            if part.optional:
                out.append(f"(?:{between}{inner})?" if due else f"(?:{inner}{between})?")
                continue
            out.append(between + inner if due else inner)
            due = True
        return "".join(out)

    @cached_property
    def anchors(self) -> Mapping[str, bool]:
        """Strings of which one stands in every match, the longest that there are, and whether each is a whole word there.
        None where there are no such strings."""
        if self.optional or self.kind == "gap":
            return {}
        if self.kind == "word":
            return {self.text.rstrip("*"): not self.text.endswith("*")}
        found = [part.anchors for part in self.parts]
        if self.kind == "any":
            return {k: v for anchors in found for k, v in anchors.items()} if all(found) else {}
        return max(filter(None, found), key=lambda anchors: min(map(len, anchors)), default={})


def parse(source: str) -> Element:
    """Reads a term. Raises :class:`TermError` with the reason where it is none."""
    tokens = _TOKEN.findall(source)
    if "".join(tokens) != re.sub(r"\s+", "", source):
        raise TermError(f"{source!r} has a sign that means nothing here")
    element, at = _alternatives(tokens, 0, source)
    if at < len(tokens):
        raise TermError(f"{source!r} has a bracket too many")
    return element


def _alternatives(tokens: list[str], at: int, source: str) -> tuple[Element, int]:
    rows: list[Element] = []
    while True:
        parts: list[Element] = []
        while at < len(tokens) and tokens[at] not in "|)":
            element, at = _element(tokens, at, source)
            parts.append(element)
        if not parts:
            raise TermError(f"{source!r} has an empty alternative")
        rows.append(parts[0] if len(parts) == 1 and not parts[0].optional else Element("row", parts=tuple(parts)))
        if at == len(tokens) or tokens[at] == ")":
            return (rows[0] if len(rows) == 1 else Element("any", parts=tuple(rows))), at
        at += 1


def _element(tokens: list[str], at: int, source: str) -> tuple[Element, int]:
    sign = tokens[at]
    if sign == "(":
        inner, at = _alternatives(tokens, at + 1, source)
        if at == len(tokens):
            raise TermError(f"{source!r} has a bracket that is not closed")
        optional = tokens[at + 1 : at + 2] == ["?"]
        return Element(inner.kind, inner.text, inner.parts, optional), at + 1 + optional
    if sign == "?":
        raise TermError(f"{source!r} has a question mark after no bracket")
    return (Element("gap", sign[1:]) if sign.startswith("~") else Element("word", sign)), at + 1


def composed(text: str) -> str:
    """Lower case, each accented letter as one character."""
    return unicodedata.normalize("NFC", text).lower()
