"""What an expression is made of: tokens with positions, a tree, and the faults found in it.

Positions are offsets into the expression's own text, in code points from 0, half-open.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Binary", "Call", "Expression", "Flaw", "ListOf", "Literal", "Name", "Node", "Type", "Unary"]


class Type(StrEnum):
    """What a part of an expression is. Whole-number literals pass for doubles, never the other way round."""

    NUMBER = "number"  # a double
    COUNT = "count"  # an int
    BAND = "band"
    TEXT = "text"
    BOOL = "bool"
    LIST = "list"
    UNKNOWN = "unknown"  # something faulty; silences what would follow from it


@dataclass(frozen=True, slots=True)
class Flaw:
    """One fault at ``[start, end)``."""

    start: int
    end: int
    code: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal. ``value`` is an ``int``, ``float``, ``bool`` or ``str``."""

    start: int
    end: int
    value: float | bool | str


@dataclass(frozen=True, slots=True)
class Name:
    """A dotted field, or one of the constants OFF, WATCH, ELEVATED, HIGH."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of literals, the right side of ``in``."""

    start: int
    end: int
    items: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function with literal arguments."""

    start: int
    end: int
    function: str
    arguments: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Unary:
    """``!x`` or ``-x``."""

    start: int
    end: int
    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands. ``operator``: && || == != < <= > >= + - * / in."""

    start: int
    end: int
    operator: str
    left: Node
    right: Node


Node = Literal | Name | ListOf | Call | Unary | Binary
Expression = Node
