"""`handrail eval`: figures, pictures and a verdict from labelled files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer

from guard.cli.options import console, local_device_name

if TYPE_CHECKING:
    from detectors.evaluation.command import Evaluation
    from detectors.evaluation.rows import Row
    from detectors.evaluation.sections import Section
    from guard.evaluation.play import Player

__all__ = ["evaluate"]

_WORSE: Final = 3
_UNDECIDED: Final = 4
_WIDTH: Final = 200  # of a table where the output is no terminal
_SLICED: Final = 6  # signals whose slices fit on a screen


def _pairs(given: Sequence[str] | None, known: Iterable[str] | None, option: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for each in given or ():
        name, _, value = each.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise typer.BadParameter(f"{each!r} is no NAME=NUMBER", param_hint=option) from None
        if known is not None and name not in known:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(known)}", param_hint=option)
        if not 0 <= found[name] <= 1:
            raise typer.BadParameter(f"{value} is not from 0 to 1", param_hint=option)
    return found


def evaluate(
    files: Annotated[
        list[Path], typer.Argument(help="JSON Lines: {id, messages, labels}; see docs/evaluation.md.", show_default=False)
    ],
    model: Annotated[
        str,
        typer.Option(
            help="full, model, lexicon, a model's folder (full:FOLDER: the lexicon below it), or a file of `handrail score`."
        ),
    ] = "full",
    against: Annotated[str | None, typer.Option(help="Another one to compare with.", show_default=False)] = None,
    policy: Annotated[
        str | None,
        typer.Option(help="A pack or policy file: what it would do to the rows, and how often wrongly.", show_default=False),
    ] = None,
    signal: Annotated[
        list[str] | None, typer.Option(help="Only this signal; may be given more than once.", show_default=False)
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SIGNAL=VALUE",
            help="In place of the model's own, for a signal with labels; more than once.",
            show_default=False,
        ),
    ] = None,
    at_fpr: Annotated[
        float,
        typer.Option(
            min=0.00001, max=0.5, help="False positives at which models are compared, and signals without a threshold."
        ),
    ] = 0.01,
    margin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIGURE=VALUE",
            help="How much lower may still pass: auroc=0.005, recall_at_1pct=0.02, recall_at_0.1pct=0.05.",
            show_default=False,
        ),
    ] = None,
    gate: Annotated[
        bool, typer.Option("--gate", help="With --against: status 3 where --model is worse, 4 where that is undecided.")
    ] = False,
    resamples: Annotated[int, typer.Option(min=20, max=10_000, help="Resamples of an interval.")] = 400,
    output: Annotated[
        Path | None,
        typer.Option(help="A folder for report.html, .md, .json and pictures.", show_default=False, file_okay=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON instead of tables.")] = False,
    pictures: Annotated[bool, typer.Option(help="Draw curves where --output is given.")] = True,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", callback=local_device_name)] = "auto",
) -> None:
    """Say how well scores tell labels, with 95% intervals, by slice, against another model, and under a policy."""
    from detectors.evaluation.command import Plan, narrowed
    from detectors.evaluation.command import evaluate as run
    from detectors.evaluation.comparison import MARGINS, Verdict
    from detectors.evaluation.pages import write
    from detectors.evaluation.pictures import draw
    from detectors.evaluation.report import as_json as report_of
    from detectors.evaluation.rows import read_rows
    from detectors.evaluation.sections import sections
    from guard.turns.questions import asked

    if gate and against is None:
        raise typer.BadParameter("needs another model to compare with; give --against", param_hint="--gate")
    margins = {**MARGINS, **_pairs(margin, MARGINS, "--margin")}
    plan = Plan(
        model, against, device, _pairs(threshold, None, "--threshold"), at_fpr, margins, resamples, tuple(signal or ())
    )
    player = _player(policy)
    every = read_rows(files, asked)
    found = run(narrowed(every, signal or ()), plan, player)
    report, tables = report_of(found, [path.name for path in files]), sections(found)
    if player is not None:
        told, more = _consequences(found, player, every, policy or "")
        report["policy"] = told
        tables = [*more, *tables]
    about = f"{report['rows']:,} rows, {report['conversations']:,} conversations of {', '.join(report['files'])}"
    if output is not None:
        drawn = draw(found) if pictures else []
        report["pictures"] = [picture.file for picture in drawn]
        write(output, f"{found.model}: evaluation", about, report, tables, drawn)
    if as_json:
        typer.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
    else:
        _show(f"{found.model}: {about}", tables)
    if gate:
        typer.echo(f"gate: {found.model} is {_against(found.verdict)} {found.against}", err=True)
        raise typer.Exit({Verdict.NO_WORSE: 0, Verdict.WORSE: _WORSE, Verdict.UNDECIDED: _UNDECIDED}[found.verdict])


def _against(verdict: str) -> str:
    return "undecided against" if verdict == "undecided" else f"{verdict} than"


def _player(policy: str | None) -> Player | None:
    if policy is None:
        return None
    from guard.evaluation.play import Player
    from policies.load import load_policy

    return Player(load_policy(policy))


def _consequences(found: Evaluation, player: Player, rows: Sequence[Row], policy: str) -> tuple[Any, list[Section]]:
    from detectors.evaluation.report import plain
    from guard.evaluation.consequences import benign, consequences
    from guard.evaluation.sections import sections

    harmless = frozenset(row.id for row in rows if benign(row))
    seen = consequences(Path(policy).stem, found.table, player.played, harmless, found.plan.resampled)
    return plain(seen), sections(seen)


def _show(title: str, tables: Sequence[Section]) -> None:
    screen = console()
    width = screen.width if screen.is_terminal else _WIDTH
    screen.print(title, highlight=False, markup=False, soft_wrap=True)
    sliced = {table.signal for table in tables if table.long}
    for table in tables:
        if not table.long or len(sliced) <= _SLICED:
            screen.print(f"\n{table.title}", style="bold", highlight=False, markup=False, soft_wrap=True)
            if table.lead:
                screen.print(table.lead, style="dim", highlight=False, markup=False)
            screen.print(_plain(table, width), highlight=False, markup=False, soft_wrap=True)
    if len(sliced) > _SLICED:
        screen.print(f"\nSlices of {len(sliced)} signals are in the report (--output), or narrow with --signal.")


def _plain(table: Section, width: int) -> str:
    """A table in columns; where it is too wide, a block for each row."""
    header, *rows = table.lines
    widths = [max(len(line[at]) for line in table.lines) for at in range(len(header))]
    if sum(widths) + 2 * len(widths) <= width:
        return "\n".join(
            "  ".join(cell.ljust(wide) for cell, wide in zip(line, widths, strict=True)).rstrip() for line in table.lines
        )
    label = max(map(len, header))
    return "\n\n".join(
        "\n".join(
            [row[0], *(f"  {name.ljust(label)}  {cell}" for name, cell in zip(header[1:], row[1:], strict=True) if cell)]
        )
        for row in rows
    )
