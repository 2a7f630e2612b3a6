"""`handrail model check` and `handrail model calibrate-pack`: other people's models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guard.cli.options import console, local_device_name, settings_from
from guard.cli.rows import RowsFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detectors.external.fitting import Fit

__all__ = ["calibrate_pack", "check"]

Pack = Annotated[str, typer.Argument(help="A pack's file, or the name of one that is shipped.", show_default=False)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", callback=local_device_name)]
Download = Annotated[bool, typer.Option("--download", help="Fetch the model from the hub where it is not on this machine.")]


def check(pack: Pack, device: Device = "auto", download: Download = False) -> None:
    """Load another model by its pack and show what it would answer, on two neutral sentences too."""
    from rich.table import Table

    from detectors.encoder.devices import placed
    from detectors.external.examination import examine

    found = examine(pack, placed(device), downloads=download or settings_from().allow_downloads)
    screen = console()
    screen.print(f"{found.name}: {found.model}", highlight=False, markup=False)
    screen.print(
        f"licence {found.licence}; languages {', '.join(found.languages)}; not measured by this project, not clinically "
        f"validated\n{found.parameters / 1e6:.1f} million parameters, {found.size / 2**20:.0f} MiB on {found.device}, "
        f"loaded in {found.load_seconds:.1f} s; {found.output} over its labels, up to {found.longest} tokens at once",
        highlight=False,
        markup=False,
    )
    table = Table("signal", "read from", "labels", "use", "calibration", "threshold", box=None)
    for line in found.lines:
        table.add_row(
            line.signal, line.text, line.labels, line.use.value, line.calibration, f"{line.threshold:g}", style=None
        )
    screen.print(table)
    if found.unused:
        screen.print(f"labels without a signal: {', '.join(found.unused)}", highlight=False, markup=False)
    for sample in found.samples:
        highest = sorted(sample.values.items(), key=lambda item: -item[1])[:5]
        told = ", ".join(f"{name} {value:.3f}" for name, value in highest) or "nothing"
        screen.print(f"\n{sample.text}\n  {told}; {sample.seconds * 1000:.0f} ms", highlight=False, markup=False)
    for mind in found.minds:
        screen.print(f"\nmind: {mind}", highlight=False, markup=False)


def calibrate_pack(
    pack: Pack,
    data: Annotated[
        list[Path], typer.Option(help="JSON Lines: {id, messages, labels}; may be given more than once.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option(help="Where the pack is written with its calibration; may be the same file.", show_default=False),
    ] = None,
    prevalence: Annotated[
        float | None,
        typer.Option(
            min=0.0001,
            max=0.9999,
            help="Share of texts that have a signal where it will be used; by default as in --data.",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    download: Download = False,
) -> None:
    """Fit calibration and thresholds of a pack to labelled rows."""
    from detectors.encoder.devices import placed
    from detectors.evaluation.rows import read_rows
    from detectors.external.fitting import fit, written
    from detectors.external.pack import PACKS, read_pack
    from detectors.external.tier import ExternalTier
    from guard.turns.questions import asked

    found = read_pack(pack)
    if output is not None and output.absolute().parent == PACKS:
        raise RowsFailed("the packs that are shipped stay as they are; give another file for --output")
    rows = read_rows(data, asked)
    tier = ExternalTier.load(found, placed(device), downloads=download or settings_from().allow_downloads)
    fits = fit(tier, rows, prevalence=prevalence)
    _shown(fits)
    if output is None:
        return
    text = written(found, fits, output)
    half = output.with_name(f".{output.name}.new")
    try:
        half.write_text(text, "utf-8")
        half.replace(output)
    except OSError as error:
        raise RowsFailed(f"{output} cannot be written: {error.strerror}; choose another file") from None
    finally:
        half.unlink(missing_ok=True)
    console().print(f"written to {output}", highlight=False, markup=False)


def _shown(fits: Sequence[Fit]) -> None:
    from rich.table import Table

    table = Table("signal", "rows", "positive", "AUROC", "error before", "after", "slope", "offset", "threshold", box=None)
    for one in fits:
        counts = (one.signal, f"{one.rows:,}", f"{one.positives:,}")
        if one.found is None:
            table.add_row(*counts, "too few rows of either kind; left as it is")
            continue
        after = "" if one.found.ece is None else f"{one.found.ece:.3f}"
        own = one.found.calibration
        table.add_row(
            *counts,
            f"{one.found.auroc:.3f}",
            f"{one.found.raw_ece:.3f}",
            after,
            f"{own.slope:g}",
            f"{own.offset:g}",
            f"{one.found.threshold:g}",
        )
    console().print(table)
