"""Where a condition can hold: a union of boxes, one interval or set of words for each value that it reads.

Sound but not complete: a condition outside this form (arithmetic, fields against fields) has no boxes, and nothing is
claimed of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from policies.expression.evaluate import key_of
from policies.expression.names import CONSTANTS, WORDS
from policies.expression.nodes import Binary, Call, ListOf, Literal, Name, Node, Unary

__all__ = ["Box", "Span", "bounds", "empty", "inside"]

_MOST: Final = 64
_OPPOSITE: Final = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Span:
    """Values that one field may have: an interval, or words. ``words`` ``None``: any word but ``barred``."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    words: frozenset[Any] | None = None
    barred: frozenset[Any] = frozenset()


Box = Mapping[str, Span]


def bounds(node: Node) -> list[Box] | None:
    """The boxes of a condition, ``None`` where it has no such form or too many."""
    return _boxes(node, True)


def _boxes(node: Node, holds: bool) -> list[Box] | None:
    match node:
        case Unary(operator="!"):
            return _boxes(node.operand, not holds)
        case Binary(operator="&&" | "||"):
            left, right = _boxes(node.left, holds), _boxes(node.right, holds)
            if left is None or right is None:
                return None
            if (node.operator == "||") is holds:
                return _few([*left, *right])
            return _few([_meet(one, two) for one in left for two in right])
        case Binary(operator="in") if isinstance(node.left, Name | Call) and isinstance(node.right, ListOf):
            items = frozenset(item.value for item in node.right.items)
            return [{key_of(node.left): Span(words=items) if holds else Span(barred=items)}]
        case Binary():
            return _relation(node, holds)
        case Name() | Call():
            return [{key_of(node): Span(words=frozenset({holds}))}]
        case Literal(value=bool() as value):
            return [{}] if value is holds else []
        case _:
            return None


def _few(boxes: list[Box]) -> list[Box] | None:
    return boxes if len(boxes) <= _MOST else None


def _relation(node: Binary, holds: bool) -> list[Box] | None:
    left, right, operator = node.left, node.right, node.operator
    if _value(left) is not None and operator in _MIRRORED:
        left, right, operator = right, left, _MIRRORED[operator]
    value = _value(right)
    if value is None or not isinstance(left, Name | Call) or _value(left) is not None or operator not in _OPPOSITE:
        return None
    if not holds:
        operator = _OPPOSITE[operator]
    key = key_of(left)
    if isinstance(value, bool | str):
        return [{key: Span(words=frozenset({value})) if operator == "==" else Span(barred=frozenset({value}))}]
    match operator:
        case ">=":
            return [{key: Span(low=value)}]
        case ">":
            return [{key: Span(low=value, open_low=True)}]
        case "<=":
            return [{key: Span(high=value)}]
        case "<":
            return [{key: Span(high=value, open_high=True)}]
        case "==":
            return [{key: Span(low=value, high=value)}]
        case _:
            return [{key: Span(high=value, open_high=True)}, {key: Span(low=value, open_low=True)}]


def _value(node: Node) -> Any:
    if isinstance(node, Literal):
        return node.value
    return CONSTANTS.get(node.text) if isinstance(node, Name) else None


def _meet(one: Box, two: Box) -> Box:
    met = dict(one)
    for key, span in two.items():
        met[key] = _narrow(met[key], span) if key in met else span
    return met


def _narrow(one: Span, two: Span) -> Span:
    if one.low > two.low or (one.low == two.low and one.open_low):
        low, open_low = one.low, one.open_low
    else:
        low, open_low = two.low, two.open_low
    if one.high < two.high or (one.high == two.high and one.open_high):
        high, open_high = one.high, one.open_high
    else:
        high, open_high = two.high, two.open_high
    words = one.words
    if two.words is not None:
        words = two.words if words is None else words & two.words
    return replace(
        one, low=low, high=high, open_low=open_low, open_high=open_high, words=words, barred=one.barred | two.barred
    )


def _outside(key: str, span: Span) -> bool:
    """Whether no value that the field can have lies in the span."""
    low, high = (0, 3) if key.startswith("band.") else (-math.inf, math.inf)
    if span.low > span.high or (span.low == span.high and (span.open_low or span.open_high)):
        return True
    if span.low > high or (span.low == high and span.open_low) or span.high < low:
        return True
    if span.high == low and span.open_high:
        return True
    left = span.words if span.words is not None else frozenset(WORDS[key]) if key in WORDS else None
    return left is not None and not left - span.barred


def empty(box: Box) -> bool:
    """Whether nothing lies in a box."""
    return any(_outside(key, span) for key, span in box.items())


def _within(key: str, span: Span, outer: Span) -> bool:
    above = span.low > outer.low or (span.low == outer.low and (span.open_low or not outer.open_low))
    below = span.high < outer.high or (span.high == outer.high and (span.open_high or not outer.open_high))
    if not (above and below):
        return False
    own = span.words if span.words is not None else frozenset(WORDS[key]) if key in WORDS else None
    if outer.words is not None:
        return own is not None and own - span.barred <= outer.words
    return outer.barred <= span.barred if own is None else not (own - span.barred) & outer.barred


def inside(box: Box, outer: Box) -> bool:
    """Whether every point of ``box`` lies in ``outer``."""
    return all(key in box and _within(key, box[key], span) for key, span in outer.items())
