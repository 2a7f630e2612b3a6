"""Grafana's JSON of the dashboards, by the foundation SDK."""

from __future__ import annotations

import json
from typing import Any, Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as models

from dashboards.panels import Board, Panel, Row, Shape

__all__ = ["DATASOURCE", "dashboard_json", "depth", "placed"]

DATASOURCE: Final = "handrail-prometheus"
"""The uid of the data source that provisioning makes; a dashboard's variable offers the others."""

_REF: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_BAD: Final = "red"
_GOOD: Final = "green"
_COLUMNS: Final = 24


def dashboard_json(board: Board) -> str:
    """The dashboard as Grafana reads it. The same for the same board."""
    built = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags(["handrail"])
        .editable()
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Handrail")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["handrail"])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(
            dashboard.QueryVariable("job")
            .label("Installation")
            .datasource(_REF)
            .query("label_values(handrail_policy_info, job)")
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(models.VariableSort.ALPHABETICAL_ASC)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(models.VariableOption(selected=True, text="All", value="$__all"))
        )
    )
    number, top = 0, 0
    for row in board.rows:
        number += 1
        built = built.with_row(dashboard.Row(row.title).id(number).grid_pos(_place(0, top, _COLUMNS, 1)))
        top += 1
        for panel, left, line in placed(row):
            number += 1
            made = _panel(panel).id(number).grid_pos(_place(left, top + line, panel.width, panel.height))
            built = built.with_panel(made)
        top += depth(row)
    return json.dumps(json.loads(JSONEncoder(sort_keys=True).encode(built.build())), indent=1, sort_keys=True) + "\n"


def placed(row: Row) -> list[tuple[Panel, int, int]]:
    """Each panel with its column and line within the row, from left to right and then down."""
    left, line, tallest, found = 0, 0, 0, []
    for panel in row.panels:
        if left + panel.width > _COLUMNS:
            left, line, tallest = 0, line + tallest, 0
        found.append((panel, left, line))
        left, tallest = left + panel.width, max(tallest, panel.height)
    return found


def depth(row: Row) -> int:
    """How many lines the row's panels take."""
    return max(line + panel.height for panel, _, line in placed(row))


def _place(left: int, top: int, width: int, height: int) -> models.GridPos:
    return models.GridPos(h=height, w=width, x=left, y=top)


def _panel(panel: Panel) -> Any:
    made: Any = _number(panel) if panel.shape is Shape.NUMBER else _lines(panel)
    made = made.title(panel.title).description(panel.about).datasource(_REF).unit(panel.unit)
    if panel.decimals is not None:
        made = made.decimals(panel.decimals)
    made = made.thresholds(_thresholds(panel)).no_value("none")
    for at, query in enumerate(panel.queries):
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(chr(ord("A") + at))
        target = target.datasource(_REF)
        made = made.with_target(target.instant() if panel.shape is Shape.NUMBER else target.range())
    return made


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    steps = [models.Threshold(value=None, color=_GOOD)]
    if panel.limit is not None:
        steps.append(models.Threshold(value=panel.limit, color=_BAD))
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _number(panel: Panel) -> stat.Panel:
    mode = looks.BigValueTextMode.NAME if panel.words else looks.BigValueTextMode.VALUE
    colour = looks.BigValueColorMode.VALUE if panel.limit is not None else looks.BigValueColorMode.NONE
    reduced = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
    return stat.Panel().text_mode(mode).color_mode(colour).graph_mode(looks.BigValueGraphMode.NONE).reduce_options(reduced)


def _lines(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(looks.LegendDisplayMode.LIST).placement(looks.LegendPlacement.BOTTOM)
    made = (
        timeseries.Panel()
        .line_width(1)
        .show_points(looks.VisibilityMode.NEVER)
        .fill_opacity(40 if panel.shape is Shape.STACK else 5)
        .legend(legend.show_legend(True))
        .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING))
        .min(0)
    )
    if panel.top is not None:
        made = made.max(panel.top)
    if panel.shape is Shape.STACK:
        made = made.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL).group("A"))
    if panel.limit is not None:
        made = made.thresholds_style(common.GraphThresholdsStyleConfig().mode(looks.GraphTresholdsStyleMode.DASHED))
    return made
