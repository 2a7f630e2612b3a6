"""The grammar, a stated subset of CEL (cel-spec): recursive descent, bounded in depth.

::

    or      = and { "||" and }
    and     = not { "&&" not }
    relation= sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=") sum | "in" "[" literal { "," literal } "]" ]
    sum     = product { ("+" | "-") product }
    product = unary { ("*" | "/") unary }
    unary   = "!" unary | "-" unary | primary
    primary = literal | name | function "(" literal { "," literal } ")" | "(" or ")"

As in CEL, ``!`` binds tighter than a comparison, and comparisons do not chain.
"""

from __future__ import annotations

from typing import Final

from policies.expression.lexer import Token, tokens
from policies.expression.nodes import Binary, Call, Flaw, ListOf, Literal, Name, Node, Unary

__all__ = ["DEEPEST", "parse"]

DEEPEST: Final = 24
"""Levels of parentheses and of ``!`` and ``-`` that may stand inside one another."""

_RELATIONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
_WORDS: Final = {"true": True, "false": False}
_NOT_WORDS: Final = {"and": "&&", "or": "||", "not": "!", "True": "true", "False": "false", "AND": "&&", "OR": "||"}


class _Broken(Exception):
    """The text cannot be read any further."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._depth = 0

    @property
    def _now(self) -> Token:
        return self._tokens[self._at]

    def _is(self, text: str) -> bool:
        token = self._now
        return token.text == text and token.kind in ("operator", "name")

    def _take(self) -> Token:
        token = self._now
        if token.kind != "end":
            self._at += 1
        return token

    def _fail(self, wanted: str) -> _Broken:
        token = self._now
        seen = "the expression ends" if token.kind == "end" else f"found {token.text!r}"
        better = _NOT_WORDS.get(token.text)
        if token.text in _RELATIONS:
            message = "comparisons do not chain; join two of them with &&"
        else:
            message = f"expected {wanted}, {seen}"
        hint = f"did you mean {better!r}?" if better else None
        return _Broken(Flaw(token.start, max(token.end, token.start + 1), "syntax", message, hint))

    def _need(self, text: str) -> Token:
        if not self._is(text):
            raise self._fail(f"{text!r}")
        return self._take()

    def whole(self) -> Node:
        node = self._or()
        if self._now.kind != "end":
            raise self._fail("an operator or the end")
        return node

    def _or(self) -> Node:
        node = self._and()
        while self._is("||"):
            self._take()
            right = self._and()
            node = Binary(node.start, right.end, "||", node, right)
        return node

    def _and(self) -> Node:
        node = self._relation()
        while self._is("&&"):
            self._take()
            right = self._relation()
            node = Binary(node.start, right.end, "&&", node, right)
        return node

    def _relation(self) -> Node:
        left = self._sum()
        token = self._now
        if token.text in _RELATIONS:
            self._take()
            right = self._sum()
            return Binary(left.start, right.end, token.text, left, right)
        if token.kind == "name" and token.text == "in":
            self._take()
            items = self._list()
            return Binary(left.start, items.end, "in", left, items)
        return left

    def _sum(self) -> Node:
        node = self._product()
        while self._now.text in ("+", "-") and self._now.kind == "operator":
            operator = self._take().text
            right = self._product()
            node = Binary(node.start, right.end, operator, node, right)
        return node

    def _product(self) -> Node:
        node = self._unary()
        while self._now.text in ("*", "/") and self._now.kind == "operator":
            operator = self._take().text
            right = self._unary()
            node = Binary(node.start, right.end, operator, node, right)
        return node

    def _enter(self, token: Token) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            message = f"nested more than {DEEPEST} deep"
            raise _Broken(Flaw(token.start, token.end, "expression-too-deep", message))

    def _unary(self) -> Node:
        token = self._now
        if token.text in ("!", "-") and token.kind == "operator":
            self._enter(token)
            self._take()
            operand = self._unary()
            self._depth -= 1
            if token.text == "-" and isinstance(operand, Literal) and type(operand.value) in (int, float):
                return Literal(token.start, operand.end, -operand.value)  # type: ignore[operator]  # a number, see above
            return Unary(token.start, operand.end, token.text, operand)
        return self._primary()

    def _primary(self) -> Node:
        token = self._now
        if self._is("("):
            self._enter(token)
            self._take()
            node = self._or()
            self._need(")")
            self._depth -= 1
            return node
        if token.kind in ("number", "text"):
            return self._literal()
        if token.kind == "name" and token.text not in _NOT_WORDS and token.text != "in":
            if token.text in _WORDS:
                return self._literal()
            self._take()
            if self._is("("):
                return self._call(token)
            return Name(token.start, token.end, token.text)
        raise self._fail("a value")

    def _literal(self) -> Literal:
        token = self._now
        negative = token.text == "-" and token.kind == "operator"
        if negative:
            self._take()
        value = self._now
        if value.kind == "number":
            self._take()
            number = float(value.text) if any(mark in value.text for mark in ".eE") else int(value.text)
            return Literal(token.start, value.end, -number if negative else number)
        if not negative and value.kind == "text":
            self._take()
            return Literal(value.start, value.end, value.text[1:-1])
        if not negative and value.text in _WORDS:
            self._take()
            return Literal(value.start, value.end, _WORDS[value.text])
        raise self._fail("a literal")

    def _items(self, closing: str) -> tuple[tuple[Literal, ...], Token]:
        items: list[Literal] = []
        if not self._is(closing):
            items.append(self._literal())
            while self._is(","):
                self._take()
                items.append(self._literal())
        return tuple(items), self._need(closing)

    def _list(self) -> ListOf:
        opening = self._need("[")
        items, closing = self._items("]")
        return ListOf(opening.start, closing.end, items)

    def _call(self, name: Token) -> Call:
        self._need("(")
        arguments, closing = self._items(")")
        return Call(name.start, closing.end, name.text, arguments)


def parse(source: str) -> tuple[Node | None, list[Flaw]]:
    """The tree of an expression, ``None`` where it cannot be read; and what is wrong with it."""
    found, flaws = tokens(source)
    if flaws:
        return None, flaws
    try:
        return _Parser(found).whole(), []
    except _Broken as broken:
        return None, [broken.flaw]
