"""Pictures of an evaluation: plain SVG, without scripts or anything from a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

import numpy as np

from detectors.evaluation.measures import Bins, Ranking, Vector
from detectors.evaluation.rows import Row

__all__ = ["draw"]

_POINTS: Final = 120
_SIDE: Final = 320  # pixels of the square that is drawn in
_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 40, 24, 56
_TICKS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class _Picture:
    name: str
    title: str
    x: str
    y: str
    points: Sequence[tuple[float, float]]
    diagonal: bool = False


def draw(rows: Sequence[Row], scores: Mapping[str, Mapping[str, float]], signal: str, folder: Path) -> list[Path]:
    """Recall over false positives, precision over recall, and calibration of one signal; the files that were written, none
    where there is nothing to tell apart."""
    known = [row for row in rows if signal in row.labels and signal in scores.get(row.id, {})]
    labels = np.array([float(row.labels[signal] >= 0.5) for row in known])
    values = np.array([scores[row.id][signal] for row in known], dtype=np.float64)
    curve = Ranking(labels, values).curve()
    if not curve.told:
        return []
    recall = curve.positives / curve.positives[-1]
    false = curve.negatives / curve.negatives[-1]
    precision = curve.positives / (curve.positives + curve.negatives)
    at = np.unique(np.linspace(0, len(recall) - 1, _POINTS).astype(np.intp))
    bins = [(mean, share) for mean, share, _ in Bins(labels, values).table()]
    pictures = (
        _Picture("roc", "recall over false positives", "false positives", "recall", _pairs(false[at], recall[at]), True),
        _Picture("precision", "precision over recall", "recall", "precision", _pairs(recall[at], precision[at])),
        _Picture("calibration", "share of positives over score", "score", "share of positives", bins, True),
    )
    written = []
    for picture in pictures:
        path = folder / f"{signal}.{picture.name}.svg"
        path.write_text(_svg(f"{signal}: {picture.title}, n = {len(known):,}", picture), "utf-8")
        written.append(path)
    return written


def _pairs(x: Vector, y: Vector) -> list[tuple[float, float]]:
    return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]


def _svg(title: str, picture: _Picture) -> str:
    width, height = _LEFT + _SIDE + _RIGHT, _TOP + _SIDE + _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return round(_LEFT + x * _SIDE, 1), round(_TOP + (1 - y) * _SIDE, 1)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{_LEFT}" y="24" font-size="13">{escape(title)}</text>',
    ]
    for tick in _TICKS:
        (x, bottom), (left, y) = place(tick, 0), place(0, tick)
        lines += [
            f'<path d="M{x} {_TOP}V{bottom}M{left} {y}H{_LEFT + _SIDE}" stroke="#ddd"/>',
            f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{tick:g}</text>',
            f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{tick:g}</text>',
        ]
    middle = _TOP + _SIDE / 2
    lines += [
        f'<text x="{_LEFT + _SIDE / 2}" y="{height - 14}" text-anchor="middle">{escape(picture.x)}</text>',
        f'<text x="16" y="{middle}" text-anchor="middle" transform="rotate(-90 16 {middle})">{escape(picture.y)}</text>',
    ]
    if picture.diagonal:
        (x, y), (a, b) = place(0, 0), place(1, 1)
        lines.append(f'<path d="M{x} {y}L{a} {b}" stroke="#999" stroke-dasharray="4 4"/>')
    placed = [place(x, y) for x, y in picture.points]
    route = " ".join(f"{x},{y}" for x, y in placed)
    lines.append(f'<polyline points="{route}" fill="none" stroke="#1f5f8b" stroke-width="2"/>')
    lines += [f'<circle cx="{x}" cy="{y}" r="1.8" fill="#1f5f8b"/>' for x, y in placed]
    return "\n".join([*lines, "</svg>", ""])
