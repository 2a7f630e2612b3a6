"""A picture's axes in plain SVG: no scripts, no fonts of its own, nothing from a network. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

__all__ = ["COLOURS", "Axes", "Scale"]

COLOURS: Final = ("#1b5e8a", "#b4561c")
"""Of what is shown, and of what it is compared with; told apart in grey and by people who see red and green alike."""

_INK, _SOFT, _GRID = "#22303a", "#5b6770", "#e3e7ea"
_LEFT, _TOP, _RIGHT, _BOTTOM = 62, 54, 18, 50

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to a share of the axis, clipped to it. ``log``: in powers of ten."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False
    percent: bool = False

    def place(self, value: float) -> float:
        """Where a value stands, 0 to 1."""
        value = min(max(value, self.low), self.high)
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def told(self, tick: float) -> str:
        """A tick's text."""
        return f"{tick * 100:g}%" if self.percent else f"{tick:g}"


@dataclass(slots=True)
class Axes:
    """What is drawn, in the order in which it was added; :meth:`svg` gives the picture."""

    title: str
    note: str
    x: Scale
    y: Scale
    across: str
    up: str
    width: int = 400
    height: int = 320
    names: Sequence[str] = ()  # along the y axis in place of its ticks, from the top
    _drawn: list[str] = field(default_factory=list)
    _legend: list[tuple[str, str]] = field(default_factory=list)
    _left: int = _LEFT

    def __post_init__(self) -> None:
        if self.names:
            self._left = 26 + int(6.1 * max(map(len, self.names)))

    def line(self, points: Points, colour: str, *, dashed: bool = False, name: str = "") -> None:
        """A line through points, with its name in the legend."""
        route = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self._place, points))
        dash = ' stroke-dasharray="4 4"' if dashed else ""
        width = 1 if dashed else 2
        self._drawn.append(f'<polyline points="{route}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>')
        if name:
            self._legend.append((name, colour))

    def band(self, lower: Points, upper: Points, colour: str) -> None:
        """What lies between two lines, faintly."""
        route = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self._place, (*lower, *reversed(upper))))
        self._drawn.append(f'<polygon points="{route}" fill="{colour}" fill-opacity="0.14"/>')

    def dot(self, point: tuple[float, float], colour: str, *, size: float = 3.0, hollow: bool = False) -> None:
        """A point; a hollow one is to be taken with care."""
        x, y = self._place(point)
        fill = "white" if hollow else colour
        self._drawn.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" fill="{fill}" stroke="{colour}" stroke-width="1.5"/>'
        )

    def bar(self, x: float, width: float, top: float, colour: str) -> None:
        """A column from the axis up to ``top``."""
        (left, upper), (right, lower) = self._place((x, top)), self._place((x + width, self.y.low))
        self._drawn.append(
            f'<rect x="{left:.1f}" y="{upper:.1f}" width="{max(0.0, right - left - 1):.1f}" height="{lower - upper:.1f}" '
            f'fill="{colour}" fill-opacity="0.16"/>'
        )

    def text(self, point: tuple[float, float], words: str) -> None:
        """Small words beside a point."""
        x, y = self._place(point)
        self._drawn.append(f'<text x="{x + 6:.1f}" y="{y + 4:.1f}" fill="{_SOFT}" font-size="11">{escape(words)}</text>')

    def svg(self) -> str:
        """The picture."""
        width, height = self._left + self.width + _RIGHT, _TOP + self.height + _BOTTOM
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" aria-label="{escape(self.title)}" font-family="system-ui, sans-serif" font-size="12" '
            f'fill="{_INK}">',
            f"<title>{escape(self.title)}</title>",
            f'<rect width="{width}" height="{height}" fill="white"/>',
            f'<text x="14" y="22" font-size="14" font-weight="600">{escape(self.title)}</text>',
            f'<text x="14" y="40" font-size="11" fill="{_SOFT}">{escape(self.note)}</text>',
            *self._grid(),
            *self._drawn,
            *self._labels(),
        ]
        return "\n".join([*lines, "</svg>", ""])

    def _place(self, point: tuple[float, float]) -> tuple[float, float]:
        return self._left + self.x.place(point[0]) * self.width, _TOP + (1 - self.y.place(point[1])) * self.height

    def _grid(self) -> list[str]:
        right, bottom = self._left + self.width, _TOP + self.height
        lines = []
        for tick in self.x.ticks:
            x, _ = self._place((tick, self.y.low))
            lines.append(f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="{_GRID}"/>')
            lines.append(f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{self.x.told(tick)}</text>')
        for at, tick in enumerate(self.y.ticks):
            _, y = self._place((self.x.low, tick))
            words = self.names[at] if self.names else self.y.told(tick)
            lines.append(f'<path d="M{self._left} {y:.1f}H{right}" stroke="{_GRID}"/>')
            lines.append(f'<text x="{self._left - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(words)}</text>')
        lines.append(f'<path d="M{self._left} {_TOP}V{bottom}H{right}" fill="none" stroke="{_SOFT}"/>')
        return lines

    def _labels(self) -> list[str]:
        middle, bottom = self._left + self.width / 2, _TOP + self.height + 38
        lines = [f'<text x="{middle:.1f}" y="{bottom}" text-anchor="middle" fill="{_SOFT}">{escape(self.across)}</text>']
        if self.up:
            y = _TOP + self.height / 2
            lines.append(
                f'<text x="16" y="{y:.1f}" text-anchor="middle" fill="{_SOFT}" transform="rotate(-90 16 {y:.1f})">'
                f"{escape(self.up)}</text>"
            )
        right = self._left + self.width - 8
        for at, (name, colour) in enumerate(reversed(self._legend)):
            y = _TOP + self.height - 14 - 17 * at
            lines.append(
                f'<text x="{right}" y="{y}" text-anchor="end" fill="{colour}" font-weight="600">{escape(name)}</text>'
            )
        return lines
