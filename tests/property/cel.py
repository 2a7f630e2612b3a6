"""Renders a condition as CEL and evaluates it with the CEL library: the oracle of the evaluator's tests and benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cel

from policies.expression.evaluate import key_of
from policies.expression.names import CONSTANTS
from policies.expression.nodes import Binary, Call, ListOf, Literal, Name, Node, Unary


def render(node: Node) -> str:
    """The same condition in CEL. Numbers are written as doubles: CEL does not mix them with ints."""
    match node:
        case Literal(value=bool() as value):
            return "true" if value else "false"
        case Literal(value=str() as text):
            return f"'{text}'"
        case Literal(value=value):
            number = float(value)
            return f"{number!r}" if number >= 0 else f"({number!r})"
        case Name(text=text):
            return f"{float(CONSTANTS[text])!r}" if text in CONSTANTS else text
        case Call():
            arguments = ", ".join(repr(argument.value) for argument in node.arguments)
            return f"{node.function}({arguments})"
        case ListOf():
            return f"[{', '.join(render(item) for item in node.items)}]"
        case Unary():
            return f"{node.operator}({render(node.operand)})"
        case Binary():
            return f"({render(node.left)} {node.operator} {render(node.right)})"


def context(values: Mapping[str, Any]) -> dict[str, Any]:
    """A CEL context from dotted names and function calls."""
    found: dict[str, Any] = {}
    calls: dict[str, dict[tuple[Any, ...], Any]] = {}
    for key, value in values.items():
        if "(" in key:
            name, _, rest = key.partition("(")
            calls.setdefault(name, {})[tuple(part.strip().strip("'") for part in rest[:-1].split(","))] = value
            continue
        *path, last = key.split(".")
        at = found
        for part in path:
            at = at.setdefault(part, {})
        at[last] = float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    for name, answers in calls.items():
        found[name] = lambda *given, answers=answers: float(answers[tuple(str(one) for one in given)])
    return found


def decide(node: Node, values: Mapping[str, Any]) -> bool:
    """What the CEL library says."""
    return bool(cel.compile(render(node)).execute(context(values)))


__all__ = ["context", "decide", "key_of", "render"]
