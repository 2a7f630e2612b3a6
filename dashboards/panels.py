"""What a dashboard is made of, whoever draws it: Grafana's JSON and the documentation's pictures come from the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = [
    "JOB",
    "RANGE",
    "RATE",
    "Board",
    "Panel",
    "Query",
    "Row",
    "Shape",
    "happened",
    "now",
    "share",
    "since",
    "told",
    "total",
]

JOB: Final = 'job=~"$job"'
"""Every selector of a panel has it: an installation is one job of Prometheus."""

RATE: Final = "$__rate_interval"
RANGE: Final = "$__range"


class Shape(StrEnum):
    """How a panel is drawn."""

    LINES = "lines"
    STACK = "stack"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL and the name of its series, with labels in double braces."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """``about``: one line on what it shows. ``unit``: Grafana's name of it. ``width`` of 24 columns. ``limit``: the value
    from which on it is bad, drawn as a line. ``words``: numbers show the series' names instead of the values."""

    title: str
    about: str
    queries: tuple[Query, ...]
    unit: str = "short"
    shape: Shape = Shape.LINES
    width: int = 8
    limit: float | None = None
    decimals: int | None = None
    top: float | None = None
    words: bool = False

    @property
    def height(self) -> int:
        """In Grafana's rows."""
        return 4 if self.shape is Shape.NUMBER else 8


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. ``uid`` is its name in addresses and files."""

    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]

    def panels(self) -> Iterator[Panel]:
        """All of them, in reading order."""
        for row in self.rows:
            yield from row.panels


def now(metric: str, by: str = "", where: str = "") -> str:
    """A gauge that every machine counts for itself: the highest, never the sum."""
    return f"max by ({by}) ({_selected(metric, where)})" if by else f"max({_selected(metric, where)})"


def told(metric: str, by: str = "", where: str = "", every: float = 60) -> str:
    """How often something was counted in ``every`` seconds."""
    rate = f"rate({_selected(metric, where)}[{RATE}])"
    counted = total(rate, by)
    return counted if every == 1 else f"{every:g} * {counted}"


def happened(counted: str) -> str:
    """Only what happened: kinds of trouble that there might be are not drawn."""
    return f"{counted} > 0"


def total(expr: str, by: str = "") -> str:
    """The sum, by labels."""
    return f"sum by ({by}) ({expr})" if by else f"sum({expr})"


def share(part: str, whole: str) -> str:
    """``part``, by any labels, of one ``whole``; nothing where the whole is zero."""
    return f"{part} / scalar({whole} > 0)"


def since(instant: str) -> str:
    """Seconds since an instant; zero where there is none."""
    return f"time() - ({instant} > 0) or vector(0)"


def _selected(metric: str, where: str) -> str:
    return f"{metric}{{{JOB}, {where}}}" if where else f"{metric}{{{JOB}}}"
