"""Compiles a checked tree to a closure that decides in three values (Kleene 1952): true, false, or not decidable.

``None`` is a value that nobody knows: it makes a condition undecidable only where the rest does not decide it. Not a number
is a value that the tenant's profile forbids: whatever compares it never helps the condition to hold, even under ``!``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from policies.expression.names import CONSTANTS, RESTING_ON
from policies.expression.nodes import Binary, Call, ListOf, Literal, Name, Node, Unary

__all__ = ["Condition", "compile_condition", "key_of", "rests_on"]

Condition = Callable[[Sequence[Any]], bool | None]
"""From the row of values to true, false, or ``None`` where a missing value leaves it open."""

_Value = Callable[[Sequence[Any]], Any]

_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def key_of(node: Name | Call) -> str:
    """Under which key a field or a function call stands in the row of values."""
    if isinstance(node, Name):
        return node.text
    return f"{node.function}({', '.join(repr(argument.value) for argument in node.arguments)})"


def rests_on(node: Name | Call) -> tuple[str, ...]:
    """The signals without which a field or a function has no value."""
    if isinstance(node, Name):
        return (node.text, *((RESTING_ON[node.text],) if node.text in RESTING_ON else ()))
    return (str(node.arguments[0].value),) if node.function == "trend" else ()


def compile_condition(node: Node, slots: Mapping[str, int]) -> Condition:
    """A closure over a row of values; ``slots`` says where each key of :func:`key_of` stands in it."""
    return _condition(node, slots, positive=True)


def _condition(node: Node, slots: Mapping[str, int], *, positive: bool) -> Condition:
    match node:
        case Binary(operator="&&" | "||"):
            parts = [_condition(part, slots, positive=positive) for part in _flat(node, node.operator)]
            return _all(parts) if node.operator == "&&" else _any(parts)
        case Unary(operator="!"):
            return _not(_condition(node.operand, slots, positive=not positive))
        case Binary():
            return _relation(node, slots, positive=positive)
        case _:
            return _truth(_value(node, slots), positive=positive)


def _flat(node: Node, operator: str) -> list[Node]:
    if isinstance(node, Binary) and node.operator == operator:
        return [*_flat(node.left, operator), *_flat(node.right, operator)]
    return [node]


def _all(parts: Sequence[Condition]) -> Condition:
    if len(parts) == 2:
        first, second = parts

        def both(row: Sequence[Any]) -> bool | None:
            one = first(row)
            if one is False:
                return False
            two = second(row)
            if two is False:
                return False
            return None if one is None or two is None else True

        return both

    def every(row: Sequence[Any]) -> bool | None:
        result: bool | None = True
        for part in parts:
            found = part(row)
            if found is False:
                return False
            if found is None:
                result = None
        return result

    return every


def _any(parts: Sequence[Condition]) -> Condition:
    def some(row: Sequence[Any]) -> bool | None:
        result: bool | None = False
        for part in parts:
            found = part(row)
            if found:
                return True
            if found is None:
                result = None
        return result

    return some


def _not(inner: Condition) -> Condition:
    def negated(row: Sequence[Any]) -> bool | None:
        found = inner(row)
        return None if found is None else not found

    return negated


def _truth(value: _Value, *, positive: bool) -> Condition:
    def truth(row: Sequence[Any]) -> bool | None:
        found = value(row)
        if found is None:
            return None
        if isinstance(found, float):  # forbidden: not a number
            return not positive
        return bool(found)

    return truth


def _relation(node: Binary, slots: Mapping[str, int], *, positive: bool) -> Condition:
    left, right, operator = node.left, node.right, node.operator
    if operator in _MIRRORED and _constant(left) is not None and _constant(right) is None:
        left, right, operator = right, left, _MIRRORED[operator]
    if operator == "in" and isinstance(right, ListOf):
        return _within(_value(left, slots), frozenset(item.value for item in right.items), positive=positive)
    constant = _constant(right)
    if isinstance(left, Name | Call) and constant is not None and operator in _AGAINST:
        return _AGAINST[operator](slots[key_of(left)], constant, positive)
    return _compare(_value(left, slots), _value(right, slots), operator, positive=positive)


def _constant(node: Node) -> Any:
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Name):
        return CONSTANTS.get(node.text)
    return None


# The comparisons that nearly every rule consists of, each as one closure. Not a number compares as false with everything;
# under an odd number of negations it must come out true, so the opposite comparison is denied there.


def _at_least(slot: int, bound: Any, positive: bool) -> Condition:
    if positive:

        def holds(row: Sequence[Any]) -> bool | None:
            value = row[slot]
            return None if value is None else value >= bound

        return holds

    def not_below(row: Sequence[Any]) -> bool | None:
        value = row[slot]
        return None if value is None else not value < bound

    return not_below


def _below(slot: int, bound: Any, positive: bool) -> Condition:
    if positive:

        def holds(row: Sequence[Any]) -> bool | None:
            value = row[slot]
            return None if value is None else value < bound

        return holds

    def not_at_least(row: Sequence[Any]) -> bool | None:
        value = row[slot]
        return None if value is None else not value >= bound

    return not_at_least


_AGAINST: Final[Mapping[str, Callable[[int, Any, bool], Condition]]] = {">=": _at_least, "<": _below}


def _within(value: _Value, items: frozenset[Any], *, positive: bool) -> Condition:
    def within(row: Sequence[Any]) -> bool | None:
        found = value(row)
        if found is None:
            return None
        if found != found:  # not a number: forbidden
            return not positive
        return found in items

    return within


_OPERATIONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _compare(left: _Value, right: _Value, operator: str, *, positive: bool) -> Condition:
    operation = _OPERATIONS[operator]

    def compare(row: Sequence[Any]) -> bool | None:
        one, two = left(row), right(row)
        if one is None or two is None:
            return None
        if one != one or two != two:  # not a number: forbidden
            return not positive
        return operation(one, two)

    return compare


def _value(node: Node, slots: Mapping[str, int]) -> _Value:
    match node:
        case Literal(value=value):
            return lambda row: value
        case Name() if node.text in CONSTANTS:
            constant = CONSTANTS[node.text]
            return lambda row: constant
        case Name() | Call():
            slot = slots[key_of(node)]
            return lambda row: row[slot]
        case Unary(operator="-"):
            inner = _value(node.operand, slots)

            def negative(row: Sequence[Any]) -> Any:
                found = inner(row)
                return None if found is None else -found

            return negative
        case Binary(operator="+" | "-" | "*" | "/"):
            return _arithmetic(_value(node.left, slots), _value(node.right, slots), node.operator)
        case _:
            return _condition(node, slots, positive=True)


def _arithmetic(left: _Value, right: _Value, operator: str) -> _Value:
    def calculate(row: Sequence[Any]) -> Any:
        one, two = left(row), right(row)
        if one is None or two is None:
            return None
        match operator:
            case "+":
                return one + two
            case "-":
                return one - two
            case "*":
                return one * two
        if two != 0:
            return one / two
        # IEEE 754, as CEL divides doubles; nothing divided by nothing is not known
        return None if one == 0 else math.copysign(math.inf, one) * math.copysign(1.0, two)

    return calculate
