"""A dashboard as a page, drawn from Prometheus' answers in the places that Grafana would give its panels."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import pairwise

from dashboards.grafana_json import depth, placed
from dashboards.panels import Board, Panel, Query, Shape
from tests.acceptance.observed import Prometheus, filled

__all__ = ["drawn"]

_WIDTH = 1280
_LINE = 32  # pixels of one of Grafana's rows
_GAP = 8
_COLOURS = (
    "#2a6fb0", "#d9822b", "#2f8f5b", "#b23a48", "#7a5ea8", "#5a8f8f", "#8c6d31", "#c2649a", "#4a5a6a", "#86a33a",
    "#1f4e79", "#a3541a",
)  # fmt: skip
_STYLE = """
*{box-sizing:border-box}body{margin:0;padding:16px 20px 20px;width:1280px;background:#f3f4f6;color:#1d2430;
font:13px/1.35 'DejaVu Sans',sans-serif}h1{font-size:20px;margin:0}p{margin:2px 0 10px;color:#555f6d}
.row{font-weight:bold;margin:12px 0 6px;font-size:14px}.grid{position:relative}
.panel{position:absolute;background:#fff;border:1px solid #d8dce2;border-radius:4px;padding:7px 9px;overflow:hidden}
.title{font-weight:bold;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.number{font-size:30px;text-align:center;margin-top:14px;color:#1d2430}.number.bad{color:#b23a48}
.number.words{font-size:14px;overflow-wrap:anywhere;margin-top:12px;line-height:1.3}
.legend{font-size:11px;line-height:15px;max-height:45px;overflow:hidden}.legend span{margin-right:9px;white-space:nowrap}
.legend i{display:inline-block;width:9px;height:9px;border-radius:2px;margin-right:4px}
text{font:11px 'DejaVu Sans',sans-serif;fill:#555f6d}
"""

Series = tuple[str, list[tuple[float, float]]]


def drawn(board: Board, source: Prometheus, start: float, end: float, *, rate: str, step: float) -> tuple[str, int]:
    """The page, and its height in pixels."""
    parts, height = [f"<h1>{escape(board.title)}</h1><p>{escape(board.about)}</p>"], 90
    for row in board.rows:
        inner = "".join(
            _panel(panel, left, line, source, start, end, rate=rate, step=step) for panel, left, line in placed(row)
        )
        tall = depth(row) * _LINE
        parts.append(f'<div class="row">{escape(row.title)}</div><div class="grid" style="height:{tall}px">{inner}</div>')
        height += tall + 38
    return f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style>{''.join(parts)}", height


def _panel(
    panel: Panel, left: int, line: int, source: Prometheus, start: float, end: float, *, rate: str, step: float
) -> str:
    unit = (_WIDTH - 40) / 24
    width, height = panel.width * unit - _GAP, panel.height * _LINE - _GAP
    window = f"{round(end - start)}s"
    if panel.shape is Shape.NUMBER:
        inner = _number(panel, source, end, rate, window)
    else:
        series = _series(panel, source, start, end, rate, window, step)
        lines = min(3, _lines([name for name, _ in series], width - 20))
        inner = _chart(panel, series, width - 20, height - 44 - 15 * lines, start, end)
    place = f"left:{left * unit:.0f}px;top:{line * _LINE}px;width:{width:.0f}px;height:{height}px"
    return f'<div class="panel" style="{place}"><div class="title">{escape(panel.title)}</div>{inner}</div>'


def _series(panel: Panel, source: Prometheus, start: float, end: float, rate: str, window: str, step: float) -> list[Series]:
    found: list[Series] = []
    for query in panel.queries:
        for labels, values in source.over(filled(query.expr, rate, window), start, end, step):
            known = [(at, value) for at, value in values if math.isfinite(value)]
            if known:
                found.append((_named(query, labels), known))
    return sorted(found)


def _named(query: Query, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), query.legend)


def _number(panel: Panel, source: Prometheus, end: float, rate: str, window: str) -> str:
    [query] = panel.queries
    answer = source.over(filled(query.expr, rate, window), end, end, 1)
    if panel.words:
        shown = "<br>".join(escape(_named(query, labels)) for labels, _ in answer)
        return f'<div class="number words">{shown}</div>'
    value = answer[0][1][-1][1] if answer else math.nan
    bad = " bad" if panel.limit is not None and value >= panel.limit else ""
    return f'<div class="number{bad}">{_told(value, panel.unit, panel.decimals)}</div>'


def _chart(panel: Panel, series: Sequence[Series], width: float, height: float, start: float, end: float) -> str:
    left, bottom = 64.0, 18.0
    instants = sorted({at for _, values in series for at, _ in values})
    stacked = panel.shape is Shape.STACK
    floor = dict.fromkeys(instants, 0.0)
    layers: list[tuple[str, list[tuple[float, float, float]]]] = []
    for name, values in series:
        layer = []
        for at, value in values:
            low = floor[at] if stacked else 0.0
            layer.append((at, low, low + value))
            floor[at] = low + value
        layers.append((name, layer))
    top = panel.top or max((high for _, layer in layers for _, _, high in layer), default=0.0)
    if panel.limit is not None and top > panel.limit / 4:
        top = max(top, panel.limit * 1.05)
    top = _round(top, panel)

    def x(at: float) -> float:
        return left + (at - start) / (end - start) * (width - left - 6)

    def y(value: float) -> float:
        return 6 + (1 - value / top) * (height - bottom - 6)

    out = []
    for part in range(5):
        value = top * part / 4
        out.append(f'<line x1="{left}" x2="{width - 6:.1f}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#e6e8ec"/>')
        shown = _told(value, panel.unit, None)
        out.append(f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{shown}</text>')
    for minute in range(math.ceil(start / 60), math.floor(end / 60) + 1):
        if (end - start) < 180 or minute % 2 == 0:
            clock = datetime.fromtimestamp(minute * 60, UTC).strftime("%H:%M")
            middle = min(x(minute * 60), width - 20)
            out.append(f'<text x="{middle:.1f}" y="{height - 3:.1f}" text-anchor="middle">{clock}</text>')
    for place, (_, layer) in enumerate(layers):
        colour = _COLOURS[place % len(_COLOURS)]
        for piece in _pieces(layer):
            upper = " ".join(f"{x(at):.1f},{y(high):.1f}" for at, _, high in piece)
            if stacked:
                lower = " ".join(f"{x(at):.1f},{y(low):.1f}" for at, low, _ in reversed(piece))
                out.append(f'<polygon points="{upper} {lower}" fill="{colour}" fill-opacity="0.45"/>')
            out.append(f'<polyline points="{upper}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
    if panel.limit is not None and panel.limit <= top:
        at = y(panel.limit)
        out.append(
            f'<line x1="{left}" x2="{width - 6:.1f}" y1="{at:.1f}" y2="{at:.1f}" stroke="#b23a48" stroke-dasharray="5 4"/>'
        )
    legend = "".join(
        f'<span><i style="background:{_COLOURS[place % len(_COLOURS)]}"></i>{escape(name)}</span>'
        for place, (name, _) in enumerate(layers)
    )
    svg = f'<svg width="{width:.0f}" height="{height:.0f}">{"".join(out)}</svg>'
    return f'{svg}<div class="legend">{legend}</div>'


def _pieces(layer: Sequence[tuple[float, float, float]]) -> list[list[tuple[float, float, float]]]:
    """The parts of a line between its gaps."""
    steps = sorted(after[0] - before[0] for before, after in pairwise(layer))
    usual = steps[0] if steps else 0.0
    pieces = [[layer[0]]]
    for before, after in pairwise(layer):
        if after[0] - before[0] > usual * 1.5:
            pieces.append([])
        pieces[-1].append(after)
    return pieces


def _lines(names: Sequence[str], width: float) -> int:
    """How many lines the legend takes, by the usual width of a letter."""
    lines, used = 1, 0.0
    for name in names:
        wide = 22 + 6.7 * len(name)
        if used and used + wide > width:
            lines, used = lines + 1, 0.0
        used += wide
    return lines


def _round(top: float, panel: Panel) -> float:
    """Above ``top``, so that quarters of it are told in few digits."""
    whole = panel.decimals == 0
    if panel.unit == "bytes" and top >= 4 * 2**10:
        unit = 2**20 if top >= 4 * 2**20 else 2**10
        return math.ceil(top / unit / 40) * 40 * unit if top >= 40 * unit else math.ceil(top / unit / 4) * 4.0 * unit
    if panel.unit == "s" and top >= 90:
        return math.ceil(top / 120) * 120.0
    if top <= 0:
        return 4.0 if whole else 1.0
    size = 10.0 ** math.floor(math.log10(top))
    for factor in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10):
        if top <= factor * size * 1.0001:
            top = factor * size
            break
    return float(math.ceil(top / 4) * 4) if whole else top


def _told(value: float, unit: str, decimals: int | None) -> str:
    if math.isnan(value):
        return "no data"
    if unit == "percentunit":
        return f"{value * 100:.{1 if decimals is None else decimals}f}".rstrip("0").rstrip(".") + " %"
    if unit == "s":
        return _duration(value, decimals)
    if unit == "bytes":
        for size, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
            if value >= size:
                return f"{value / size:.3g} {name}"
        return f"{value:.0f} B"
    suffix = {"cpm": " / min", "reqps": " / s"}.get(unit, "")
    shown = f"{value:.{decimals}f}" if decimals is not None else f"{value:.3g}" if value < 1000 else f"{value:.0f}"
    return shown + suffix


def _duration(seconds: float, decimals: int | None) -> str:
    if seconds == 0:
        return "0 s"
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 90:
        return f"{seconds:.0f} s" if decimals == 0 else f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
