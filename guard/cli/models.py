"""`handrail model`, `handrail train` and `handrail calibrate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import typer

from guard.cli.options import console, local_device_name, settings_from

__all__ = ["calibrate", "model", "train"]


class What(StrEnum):
    """Which of the models that ship is trained."""

    SIGNALS = "signals"
    NAMES = "names"


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

    found = card(folder, settings_from().packs)
    if as_json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    screen = console()
    screen.print(f"[bold]{found['name']}@{found['version']}[/], vocabulary {found['vocabulary']}")
    screen.print("Not clinically validated. Labels by authors of this project and by a model.")
    for source in found["sources"]:
        screen.print(f"trained on {source['name']} ({source['licence']}), {source['examples']:,} examples", highlight=False)
    others: dict[str, list[str]] = {}
    for pack in found.get("external", ()):
        screen.print(
            f"beside it {pack['name']}: {pack['model']} ({pack['licence']}), for {', '.join(pack['languages'])}; not "
            "measured by this project",
            highlight=False,
            markup=False,
        )
        for name, entry in pack["signals"].items():
            others.setdefault(name, []).append(f"{pack['name'].partition('@')[0]} ({entry['use']})")
    table = Table("signal", "answered by", "threshold", "calibration error", box=None)
    for name, entry in found["signals"].items():
        by = ", ".join((entry["tier"], *others.get(name, ())))
        table.add_row(name, by, _number(entry["threshold"]), _number(entry["ece"]))
    screen.print(table)


@model.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 8090,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", callback=local_device_name)] = "auto",
    token_file: Annotated[
        Path | None, typer.Option(help="A file with what callers must show; needed beyond this machine.", show_default=False)
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--model", help="A model's folder; by default the one that is installed.", show_default=False),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="For TLS: a certificate chain, PEM.", exists=True, dir_okay=False, show_default=False)
    ] = None,
    certificate_key: Annotated[
        Path | None, typer.Option(help="For TLS: its key, PEM.", exists=True, dir_okay=False, show_default=False)
    ] = None,
) -> None:
    """Serve the model to scorers on other machines, which are given its address as their device."""
    from detectors.encoder.serving import run
    from guard.telemetry.logs import configure

    configure("model", form=settings_from().log_format)
    run(
        host=host,
        port=port,
        device=device,
        token_file=token_file,
        folder=folder,
        certificate=certificate,
        certificate_key=certificate_key,
    )


def train(
    data: Annotated[Path, typer.Option(help="The folder of the public data sets.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Option(help="Where checkpoints, log and the model go.", file_okay=False)] = Path(
        "runs/model"
    ),
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")] = False,
    minutes: Annotated[float | None, typer.Option(help="End by then, whatever was planned.", show_default=False)] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Rounds through the data; by default 4, or what names need.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="What all chance is drawn from.")] = 1,
    rate: Annotated[float | None, typer.Option(help="The encoder's learning rate.", show_default=False)] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="Only this source; may be given more than once.", show_default=False)
    ] = None,
    draw: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE=SHARE",
            help="How much of a source, or of an edition (corpus/4), an epoch draws; may be repeated.",
            show_default=False,
        ),
    ] = None,
    init: Annotated[Path | None, typer.Option(help="Start from an earlier run's network.pt.", show_default=False)] = None,
    halfway: Annotated[
        bool, typer.Option("--halfway", help="End in the middle between --init and where training led.")
    ] = False,
    folds: Annotated[
        int,
        typer.Option(
            help="Networks trained first whose word on what they did not see becomes part of the labels.", min=0, max=20
        ),
    ] = 0,
    words: Annotated[bool, typer.Option("--words", help="Train the word embeddings as well.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", callback=local_device_name)] = "auto",
    what: Annotated[
        What, typer.Option(help="The model that scores, or the head that finds names for `redact`.")
    ] = What.SIGNALS,
    name: Annotated[str | None, typer.Option(help="The model's name.", show_default=False)] = None,
    version: Annotated[str, typer.Option(help="The model's version.")] = "0",
) -> None:
    r"""Train a model, export it and say how well it does on data that it has not seen. Needs the extra \[torch]."""
    if what is What.NAMES:
        if resume or source or draw or folds or halfway or words or device != "auto":
            raise typer.BadParameter(
                "--resume, --source, --draw, --folds, --halfway, --words and --device are for --what signals",
                param_hint="--what",
            )
        from detectors.pii.training.command import train as train_names

        train_names(
            data,
            out,
            minutes=minutes,
            epochs=epochs,
            seed=seed,
            rate=rate,
            init=init,
            name=name or "handrail-pii",
            version=version,
            tell=_tell,
        )
        return
    from detectors.training.command import train as run

    if halfway and init is None:
        raise typer.BadParameter("there is no middle without a start; give --init", param_hint="--halfway")
    run(
        data,
        out,
        resume=resume,
        minutes=minutes,
        epochs=epochs or 4,
        seed=seed,
        rate=rate,
        sources=source,
        draw=dict(map(_share, draw or ())),
        init=init,
        halfway=halfway,
        folds=folds,
        words=words,
        device=device,
        name=name or "handrail-minilm",
        version=version,
        tell=_tell,
    )


def _tell(line: str) -> None:
    console().print(line, highlight=False, markup=False)


def _share(given: str) -> tuple[str, float]:
    source, _, share = given.partition("=")
    try:
        return source, float(share)
    except ValueError:
        raise typer.BadParameter(f"{given!r} is no share of a source; write goemotions=0.3", param_hint="--draw") from None


def calibrate(
    data: Annotated[Path, typer.Option(help="The folder of the public data sets.", exists=True, file_okay=False)],
    folder: Annotated[
        Path | None,
        typer.Option(
            "--model", help="A model's folder; by default the one that is installed.", file_okay=False, show_default=False
        ),
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(help="A folder for the figures on the test split.", file_okay=False, show_default=False)
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="A model card whose tables are written anew.", dir_okay=False, show_default=False)
    ] = None,
) -> None:
    """Fit calibration and thresholds of a model anew on the validation split, as after a change of the lexicon."""
    from detectors.encoder.manifest import shipped
    from detectors.training.command import calibrate as run

    folder = folder or shipped()
    if folder is None:
        raise typer.BadParameter("this installation carries no model; give its folder", param_hint="--model")
    run(data, folder, out=figures, card=card, tell=_tell)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
