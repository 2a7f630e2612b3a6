"""`handrail model`, `handrail train` and `handrail eval`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from guard.cli.options import console

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["evaluate", "model", "train"]

model = typer.Typer(help="The model that scores.", no_args_is_help=True)


@model.command()
def show(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    folder: Annotated[
        Path | None, typer.Option(help="A model's folder; by default the one that is installed.", show_default=False)
    ] = None,
) -> None:
    """Show which model is installed, what it was trained on, and who answers each signal."""
    from rich.table import Table

    from detectors.card import card

    found = card(folder)
    if as_json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    screen = console()
    screen.print(f"[bold]{found['name']}@{found['version']}[/], vocabulary {found['vocabulary']}")
    screen.print("Not clinically validated. Labels by authors of this project and by a model.")
    for source in found["sources"]:
        screen.print(f"trained on {source['name']} ({source['licence']}), {source['examples']:,} examples", highlight=False)
    table = Table("signal", "answered by", "threshold", "calibration error", box=None)
    for name, entry in found["signals"].items():
        table.add_row(name, entry["tier"], _number(entry["threshold"]), _number(entry["ece"]))
    screen.print(table)


def train(
    data: Annotated[Path, typer.Option(help="The folder of the public data sets.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Option(help="Where checkpoints, log and the model go.", file_okay=False)] = Path(
        "runs/model"
    ),
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")] = False,
    minutes: Annotated[float | None, typer.Option(help="End by then, whatever was planned.", show_default=False)] = None,
    epochs: Annotated[int, typer.Option(help="Rounds through the data.")] = 4,
    seed: Annotated[int, typer.Option(help="What all chance is drawn from.")] = 1,
    rate: Annotated[float | None, typer.Option(help="The encoder's learning rate.", show_default=False)] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="Only this source; may be given more than once.", show_default=False)
    ] = None,
    init: Annotated[Path | None, typer.Option(help="Start from an earlier run's network.pt.", show_default=False)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    name: Annotated[str, typer.Option(help="The model's name.")] = "handrail-minilm",
    version: Annotated[str, typer.Option(help="The model's version.")] = "0",
) -> None:
    """Train the model, export it and say how well it does on data that it has not seen. Needs the extra [torch]."""
    from detectors.training.command import train as run

    run(
        data,
        out,
        resume=resume,
        minutes=minutes,
        epochs=epochs,
        seed=seed,
        rate=rate,
        sources=source,
        init=init,
        device=device,
        name=name,
        version=version,
        tell=lambda line: console().print(line, highlight=False, markup=False),
    )


def evaluate(
    files: Annotated[list[Path], typer.Argument(help="JSON Lines: {id, messages, labels}.", show_default=False)],
    model: Annotated[
        str, typer.Option(help="full, model, lexicon, a model's folder, or a file that `handrail score` wrote.")
    ] = "full",
    against: Annotated[str | None, typer.Option(help="Another one to compare with.", show_default=False)] = None,
    output: Annotated[
        Path | None, typer.Option(help="A folder for report.json and pictures.", show_default=False, file_okay=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON instead of a table.")] = False,
    pictures: Annotated[bool, typer.Option(help="Draw curves where --output is given.")] = True,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Say how well scores tell labels, with 95% intervals, by slice, and against another model."""
    from detectors.evaluation.command import evaluate as run

    report = run(files, model=model, against=against, device=device, output=output, pictures=pictures)
    if as_json:
        typer.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
        return
    screen = console()
    screen.print(f"{report['model']}: {report['rows']:,} rows, {report['conversations']:,} conversations", highlight=False)
    screen.print(_table(report["findings"], with_threshold=True))
    if "comparisons" in report:
        screen.print(f"less {report['against']} (above zero: {report['model']} is higher)", highlight=False)
        screen.print(_table(report["comparisons"], with_threshold=False))
    if any(row["insufficient"] for row in report["findings"]):
        screen.print("insufficient: fewer than 50 positives")


def _table(rows: list[Mapping[str, Any]], *, with_threshold: bool) -> Table:
    from rich.table import Table

    heads = ["signal", "slice", "n", "positive", "AUROC", "AUPRC", "recall at 1% FP", "at 0.1%", "FP at 90% recall", "ECE"]
    table = Table(*heads, *(["flagged"] if with_threshold else []), box=None)
    keys = ("auroc", "auprc", "recall_at_1pct", "recall_at_0.1pct", "fpr_at_90pct_recall", "ece")
    for row in rows:
        positives = f"{row['positives']:,}" + (" (insufficient)" if row["insufficient"] else "")
        cells = [row["signal"], row["slice"], f"{row['rows']:,}", positives, *(_interval(row[key]) for key in keys)]
        table.add_row(*cells, *([_flagged(row)] if with_threshold else []))
    return table


def _flagged(row: Mapping[str, Any]) -> str:
    if row["recall"] is None or row["threshold"] is None:
        return ""
    return f"{_interval(row['recall'])} / {_interval(row['false_positives'])}"


def _interval(found: Mapping[str, float | None]) -> str:
    if found["value"] is None:
        return "-"
    if found["low"] is None or found["high"] is None:
        return f"{found['value']:.3f}"
    return f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
