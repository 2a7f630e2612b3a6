"""The course of a session as a picture: distress, risk, the session's state, and what Handrail did, turn by turn.

The page shows it as an image, and the same numbers as a table beside it. The SVG has no script and loads nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from guard.review.timeline import Turn

__all__ = ["STATE_HEIGHTS", "draw"]

STATE_HEIGHTS: Final[Mapping[str, float]] = MappingProxyType(
    {"steady": 0.0, "distressed": 0.25, "recovering": 0.5, "elevated": 0.75, "crisis": 1.0}
)
"""Where each state of a session stands on the axis of the probabilities."""

_SIZE: Final = (960, 380)
_FONT: Final = "system-ui, sans-serif"
_LIGHT: Final = {"panel": "#ffffff", "ink": "#1f2933", "faint": "#c5ccd3", "lines": ("#1f6f8b", "#b3261e", "#5b4b8a")}
_DARK: Final = {"panel": "#171c22", "ink": "#e6e9ec", "faint": "#46505a", "lines": ("#7cc7e0", "#ff9a8f", "#c3b3f0")}
_DASHES: Final = ("", "8,4", "2,4")
_SVG: Final = "{http://www.w3.org/2000/svg}"


def draw(turns: Sequence[Turn], *, dark: bool = False) -> bytes:
    """An SVG of these turns, oldest first, on its own ground: the page chooses which by its theme."""
    pygal, etree, style = _library()
    colours = _DARK if dark else _LIGHT
    chart = pygal.Line(
        style=_style(style, colours),
        width=_SIZE[0],
        height=_SIZE[1],
        js=[],
        range=(0, 1),
        min_scale=4,
        y_labels=[{"value": height, "label": f"{height:.2f} {state}"} for state, height in STATE_HEIGHTS.items()],
        x_label_rotation=40,
        show_legend=True,
        legend_at_bottom=True,
        legend_box_size=14,
        dots_size=3,
        explicit_size=True,
        disable_xml_declaration=True,
        print_values=False,
        no_data_text="No turn was scored",
        margin=12,
    )
    chart.uuid = "course"
    chart.x_labels = [_label(turn) for turn in turns]
    series = (
        ("Distress", [turn.distress for turn in turns]),
        ("Highest risk", [turn.risk for turn in turns]),
        ("State of the session", [STATE_HEIGHTS.get(turn.state) for turn in turns]),
    )
    for (name, values), dash in zip(series, _DASHES, strict=True):
        chart.add(
            name, values, allow_interruptions=True, stroke_style={"width": 2.5, **({"dasharray": dash} if dash else {})}
        )
    tree = chart.render_tree()
    _strip(tree)
    return bytes(etree.tostring(tree, encoding="utf-8"))


def _label(turn: Turn) -> str:
    return f"{turn.number}" if turn.action == "allow" else f"{turn.number} {turn.action}"


def _library() -> tuple[Any, Any, Any]:
    """pygal, its trees and its styles, loaded with the first chart.

    It hooks itself into every later import, for plugins that nobody has here, in a way that warns each time one fails.
    """
    import pygal  # type: ignore[import-untyped]
    from pygal.etree import etree  # type: ignore[import-untyped]
    from pygal.style import Style  # type: ignore[import-untyped]

    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]
    return pygal, etree, Style


def _style(style: Any, colours: Mapping[str, Any]) -> Any:
    return style(
        background=colours["panel"],
        plot_background=colours["panel"],
        foreground=colours["ink"],
        foreground_strong=colours["ink"],
        foreground_subtle=colours["faint"],
        colors=colours["lines"],
        font_family=_FONT,
        label_font_size=13,
        major_label_font_size=13,
        legend_font_size=14,
        no_data_font_size=18,
        guide_stroke_color=colours["faint"],
        major_guide_stroke_color=colours["faint"],
        stroke_width=2.5,
        opacity="1",
        transition="0s",
    )


def _strip(tree: Any) -> None:
    """Takes out what a still picture has no use for: scripts, the values that they would show, and comments."""
    for parent in list(tree.iter()):
        for child in list(parent):
            name = child.tag.removeprefix(_SVG) if isinstance(child.tag, str) else "comment"
            if name in ("script", "desc", "comment"):
                parent.remove(child)
