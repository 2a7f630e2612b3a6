"""Tokens of an expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from policies.expression.nodes import Flaw

__all__ = ["LONGEST", "Token", "tokens"]

LONGEST: Final = 4000
"""Code points that an expression has at most."""

_TOKEN: Final = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>(?:\d+\.\d+|\d+)(?:[eE][+-]?\d{1,3})?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)"
    r"|(?P<text>'[^'\\\n]*'|\"[^\"\\\n]*\")"
    r"|(?P<operator>&&|\|\||==|!=|<=|>=|[<>!+\-*/(),\[\]])"
)
_ALMOST: Final = {"=": "==", "&": "&&", "|": "||", "?": None, "%": None}
_STRAY: Final = re.compile(r"'[^'\n]*|\"[^\"\n]*|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """``kind``: number, name, text, operator or end."""

    kind: str
    text: str
    start: int
    end: int


def tokens(source: str) -> tuple[list[Token], list[Flaw]]:
    """The tokens, the last of them ``end``, and every character that belongs to none."""
    found: list[Token] = []
    flaws: list[Flaw] = []
    if len(source) > LONGEST:
        flaws.append(Flaw(0, 1, "expression-too-long", f"an expression has at most {LONGEST} characters"))
        source = ""
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            stray = _STRAY.match(source, at)
            text = stray.group() if stray is not None else source[at]
            better = _ALMOST.get(text)
            if text[0] in "'\"":
                message = "a string without an end, or with a backslash in it"
            else:
                message = f"{text!r} is no part of this language"
            hint = f"did you mean {better!r}?" if better else None
            flaws.append(Flaw(at, at + len(text), "syntax", message, hint))
            at += len(text)
            continue
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(Token(kind, match.group(), at, match.end()))
        at = match.end()
    found.append(Token("end", "", len(source), len(source)))
    return found, flaws
