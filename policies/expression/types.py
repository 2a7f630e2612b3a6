"""Checks a tree: names, types, thresholds, cost. Finds all that is wrong at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from detectors.signals import SIGNALS, Kind
from policies.expression.names import CHOICES, CONSTANTS, FUNCTIONS, ROOTS, WORDS, nearest, window
from policies.expression.nodes import Binary, Call, Flaw, ListOf, Literal, Name, Node, Type, Unary

__all__ = ["COSTLIEST", "Known", "check", "cost", "reads"]

COSTLIEST: Final = 120
"""What an expression may cost: one for each node and item, four for each function."""

_ORDERED: Final = {"<", "<=", ">", ">="}
_EQUAL: Final = {"==", "!="}
_NUMERIC: Final = {Type.NUMBER, Type.COUNT}


@dataclass(frozen=True, slots=True)
class Known:
    """What the policy itself names."""

    bands: Collection[str] = ()
    rules: Collection[str] = ()


@dataclass(slots=True)
class _Check:
    known: Known
    flaws: list[Flaw] = field(default_factory=list)

    def flaw(self, node: Node, code: str, message: str, hint: str | None = None) -> Type:
        self.flaws.append(Flaw(node.start, node.end, code, message, hint))
        return Type.UNKNOWN

    def type_of(self, node: Node) -> Type:
        match node:
            case Literal():
                return _literal(node)
            case Name():
                return self._name(node)
            case Call():
                return self._call(node)
            case Unary():
                return self._unary(node)
            case Binary():
                return self._binary(node)
            case ListOf():
                return Type.LIST

    def _name(self, node: Name) -> Type:
        if node.text in CONSTANTS:
            return Type.BAND
        if node.text.startswith("band."):
            name = node.text[5:]
            if name in self.known.bands:
                return Type.BAND
            hint = nearest(name, self.known.bands)
            return self.flaw(node, "unknown-band", f"there is no band {name!r} in this policy", hint)
        found = ROOTS.get(node.text)
        if found is not None:
            return found
        everything = [*ROOTS, *(f"band.{name}" for name in self.known.bands), *CONSTANTS]
        dotted = node.text.split(".", 1)[0] + "."
        own = dotted in ("session.", "tenant.", "person.", "reply.")
        hint = nearest(node.text, everything)
        alike = hint is not None and any(f"{name!r}" in hint for name in SIGNALS)
        what = "field" if own or ("." not in node.text and not alike) else "signal"
        return self.flaw(node, f"unknown-{what}", f"there is no {what} {node.text!r}", hint)

    def _call(self, node: Call) -> Type:
        function = FUNCTIONS.get(node.function)
        if function is None:
            hint = nearest(node.function, FUNCTIONS)
            return self.flaw(node, "unknown-function", f"there is no function {node.function!r}", hint)
        if len(node.arguments) != len(function.parameters):
            return self.flaw(node, "arguments", f"{node.function} is written as {function.usage}")
        for argument, kind in zip(node.arguments, function.parameters, strict=True):
            self._argument(argument, kind, function.usage)
        return function.result

    def _argument(self, argument: Literal, kind: str, usage: str) -> None:
        value = argument.value
        if kind == "steps":
            if value not in range(2, 9):
                self.flaw(argument, "arguments", f"a number of turns from 2 to 8, as in {usage}")
        elif not isinstance(value, str):
            self.flaw(argument, "arguments", f"a name in quotes, as in {usage}")
        elif kind == "window":
            if window(value) is None:
                self.flaw(argument, "arguments", f"a time such as '30m', '1h' or '7d', as in {usage}")
        elif kind == "rule":
            if value not in self.known.rules:
                self.flaw(argument, "unknown-rule", f"there is no rule {value!r}", nearest(value, self.known.rules))
        elif value not in CHOICES[kind]:
            known = ", ".join(CHOICES[kind])
            hint = nearest(value, CHOICES[kind])
            what = {"trended": "signal", "peak": "risk class", "rung": "rung", "recency": "time"}[kind]
            code = "unknown-signal" if kind == "trended" else f"unknown-{what.replace(' ', '-')}"
            self.flaw(argument, code, f"{value!r} is not one of: {known}", hint)

    def _unary(self, node: Unary) -> Type:
        operand = self.type_of(node.operand)
        if operand is Type.UNKNOWN:
            return operand
        if node.operator == "!":
            if operand is Type.BOOL:
                return operand
            return self.flaw(node, "type", f"'!' needs true or false, not a {operand.value}")
        return operand if operand in _NUMERIC else self.flaw(node, "type", f"'-' needs a number, not a {operand.value}")

    def _binary(self, node: Binary) -> Type:
        left, right = self.type_of(node.left), self.type_of(node.right)
        operator = node.operator
        if operator in ("&&", "||"):
            for side, found in ((node.left, left), (node.right, right)):
                if found not in (Type.BOOL, Type.UNKNOWN):
                    self.flaw(side, "type", f"{operator!r} needs true or false on both sides, not a {found.value}")
            return Type.BOOL
        if operator == "in":
            self._within(node, left)
            return Type.BOOL
        if Type.UNKNOWN in (left, right):
            return Type.BOOL if operator in _EQUAL | _ORDERED else Type.UNKNOWN
        pair = _meet(node, left, right)
        if operator in _EQUAL:
            if pair is None:
                self.flaw(node, "type", f"a {left.value} is never equal to a {right.value}")
            elif pair is Type.BOOL and not all(isinstance(side, Name | Call | Literal) for side in (node.left, node.right)):
                self.flaw(node, "type", "compare fields with true or false, not conditions; use &&, || and !")
            else:
                self._word(node)
                self._threshold(node)
            return Type.BOOL
        if operator in _ORDERED:
            if pair not in (Type.NUMBER, Type.COUNT, Type.BAND) and not {left, right} <= _NUMERIC:
                self.flaw(node, "type", f"{operator!r} cannot order a {left.value} and a {right.value}")
            else:
                self._threshold(node)
            return Type.BOOL
        if not {left, right} <= _NUMERIC:
            return self.flaw(node, "type", f"{operator!r} needs numbers, not a {left.value} and a {right.value}")
        if operator == "/" and isinstance(node.right, Literal) and node.right.value == 0:
            return self.flaw(node, "type", "a division by zero")
        return Type.NUMBER if operator == "/" or Type.NUMBER in (left, right) else Type.COUNT

    def _within(self, node: Binary, left: Type) -> None:
        if not isinstance(node.right, ListOf):  # pragma: no cover - the grammar has no other
            return
        if not node.right.items:
            self.flaw(node.right, "type", "an empty list: nothing is in it")
        for item in node.right.items:
            found = _literal(item)
            fits = found is left or (left is Type.NUMBER and found is Type.COUNT) or left is Type.UNKNOWN
            if not fits:
                self.flaw(item, "type", f"a {left.value} is never equal to a {found.value}")
            elif isinstance(node.left, Name) and isinstance(item.value, str):
                self._known_word(node.left, item)

    def _word(self, node: Binary) -> None:
        for name, literal in ((node.left, node.right), (node.right, node.left)):
            if isinstance(name, Name) and isinstance(literal, Literal) and isinstance(literal.value, str):
                self._known_word(name, literal)

    def _known_word(self, name: Name, literal: Literal) -> None:
        words = WORDS.get(name.text)
        if words is not None and literal.value not in words:
            hint = nearest(str(literal.value), words)
            self.flaw(literal, "unknown-word", f"{name.text} is one of: {', '.join(words)}", hint)

    def _threshold(self, node: Binary) -> None:
        for name, literal in ((node.left, node.right), (node.right, node.left)):
            if not (isinstance(name, Name) and isinstance(literal, Literal)) or isinstance(literal.value, bool | str):
                continue
            signal = SIGNALS.get(name.text)
            highest = {Kind.PROBABILITY: 1.0, Kind.LEVEL: 6.0}.get(signal.kind) if signal is not None else None
            if highest is not None and not 0 <= literal.value <= highest:
                message = f"{name.text} lies in [0, {highest:g}], so {literal.value:g} is no threshold for it"
                self.flaw(literal, "threshold", message)


def _literal(node: Literal) -> Type:
    if isinstance(node.value, bool):
        return Type.BOOL
    if isinstance(node.value, str):
        return Type.TEXT
    return Type.COUNT if isinstance(node.value, int) else Type.NUMBER


def _meet(node: Binary, left: Type, right: Type) -> Type | None:
    if left is right:
        return left
    # a whole-number literal passes for a double: `distress > 0` needs no `.0`
    for literal, other in ((node.left, right), (node.right, left)):
        if other is Type.NUMBER and isinstance(literal, Literal) and _literal(literal) is Type.COUNT:
            return Type.NUMBER
    return None


def cost(node: Node) -> int:
    """A bound of what evaluating costs, in units of one comparison."""
    match node:
        case Unary():
            return 1 + cost(node.operand)
        case Binary():
            return 1 + cost(node.left) + cost(node.right)
        case ListOf():
            return len(node.items)
        case Call():
            return 4
        case _:
            return 1


def reads(node: Node) -> tuple[Name | Call, ...]:
    """Every field and function that it reads, constants left out, in order."""
    match node:
        case Name():
            return () if node.text in CONSTANTS else (node,)
        case Call():
            return (node,)
        case Unary():
            return reads(node.operand)
        case Binary():
            return (*reads(node.left), *reads(node.right))
        case _:
            return ()


def check(node: Node, known: Known) -> list[Flaw]:
    """Everything that is wrong with a condition, in the order of the text."""
    checker = _Check(known)
    found = checker.type_of(node)
    if found not in (Type.BOOL, Type.UNKNOWN):
        checker.flaw(node, "type", f"a condition is true or false; this is a {found.value}")
    price = cost(node)
    if price > COSTLIEST:
        checker.flaw(node, "expression-too-costly", f"costs {price} steps, at most {COSTLIEST} are allowed; split the rule")
    return sorted(checker.flaws, key=lambda flaw: flaw.start)
