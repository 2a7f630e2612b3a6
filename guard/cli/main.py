"""The `handrail` command. Each command imports what it needs when it runs: `handrail --help` stays quick."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guard.cli import admin, attribute, audit, dashboards, deliveries, evaluation, external, models, opinion, policy, redact
from guard.cli.options import DatabaseUrl, DataDir, console, device_name, settings_from

if TYPE_CHECKING:
    from guard.settings import Settings

__all__ = ["app", "main"]

app = typer.Typer(
    help="A proxy between people and chatbots that scores every turn, answers with compassion and hands over to people.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Port = Annotated[int | None, typer.Option(help="Port, 8080 by default; 0 takes a free one.", show_default=False)]
Host = Annotated[str | None, typer.Option(help="Address to listen on, 127.0.0.1 by default.", show_default=False)]
Upstream = Annotated[
    str | None,
    typer.Option(
        "--upstream",
        "--upstream-url",
        help="The chatbot's base URL, ending in /v1; without it a demo chatbot answers.",
        show_default=False,
    ),
]
Policy = Annotated[
    str | None, typer.Option(help="A pack's name or a policy file; companion-app by default.", show_default=False)
]
Device = Annotated[
    str | None,
    typer.Option(
        help="What scores: auto, cpu, cuda, cuda:N, or https://host:port.", show_default=False, callback=device_name
    ),
]
Workers = Annotated[int | None, typer.Option(help="Gateway processes, 1 by default.", show_default=False)]


@app.command()
def up(
    upstream: Upstream = None,
    port: Port = None,
    host: Host = None,
    policy: Policy = None,
    workers: Workers = None,
    device: Device = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Start everything on this machine: database, scorer, gateway, worker, console. Ctrl-C stops it."""
    from guard.supervise.screen import Screen
    from guard.supervise.up import run

    settings = settings_from(
        upstream_url=upstream,
        port=port,
        host=host,
        policy=policy,
        workers=workers,
        device=device,
        data_dir=data_dir,
        database_url=database_url,
    )
    run(settings, Screen(console()))


@app.command()
def serve(
    upstream: Upstream = None,
    port: Port = None,
    host: Host = None,
    policy: Policy = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Run one gateway by itself, beside a scorer and a database that are there already."""
    from guard.gateway.service import run
    from guard.supervise.paths import Paths
    from guard.supervise.sockets import listen
    from guard.telemetry.logs import configure

    settings = settings_from(
        upstream_url=upstream, port=port, host=host, policy=policy, data_dir=data_dir, database_url=database_url
    )
    configure("gateway", form=settings.log_format)
    _check_key(settings)
    paths = Paths.of(settings.home)
    run(settings, listen(settings.host, settings.port).detach(), paths.scorer_socket, paths.console_socket)


@app.command()
def scorer(
    socket: Annotated[
        Path | None, typer.Option(help="Its Unix socket; by default the data folder's.", show_default=False)
    ] = None,
    device: Device = None,
    data_dir: DataDir = None,
) -> None:
    """Run the scorer by itself, on a Unix socket."""
    from detectors.scorer.process import run
    from guard.supervise.paths import Paths
    from guard.telemetry.logs import configure
    from policies.directory.spared import crisis_lines

    settings = settings_from(device=device, data_dir=data_dir)
    configure("scorer", form=settings.log_format)
    run(
        socket or Paths.of(settings.home).prepare().scorer_socket,
        device=settings.scorer_device,
        model=settings.model,
        packs=settings.packs,
        downloads=settings.allow_downloads,
        spared=crisis_lines,
    )


@app.command()
def worker(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Run the worker by itself: it tells people about cases."""
    from guard.supervise.children import work
    from guard.telemetry.logs import configure

    settings = settings_from(data_dir=data_dir, database_url=database_url)
    configure("worker", form=settings.log_format)
    _check_key(settings)
    raise typer.Exit(work(settings))


@app.command("console")
def review_console(
    socket: Annotated[
        Path | None, typer.Option(help="Its Unix socket; by default the data folder's.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Run the clinicians' console by itself, on a Unix socket; the gateway forwards /review to it."""
    from guard.review.process import run
    from guard.supervise.paths import Paths
    from guard.telemetry.logs import configure

    settings = settings_from(data_dir=data_dir, database_url=database_url)
    configure("console", form=settings.log_format)
    _check_key(settings)
    run(settings, socket or Paths.of(settings.home).prepare().console_socket)


@app.command()
def demo(
    only: Annotated[str | None, typer.Option(help="Play one conversation.", show_default=False)] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Lines for a log, without colour or movement.")] = False,
    own: Annotated[bool, typer.Option("--own", help="Where none runs, start one and stop it after.")] = False,
    url: Annotated[str | None, typer.Option(help="The gateway; by default the one that runs.", show_default=False)] = None,
    key_file: Annotated[Path | None, typer.Option(help="The key; by default first-key.", show_default=False)] = None,
    data_dir: DataDir = None,
) -> None:
    """Play five conversations through the gateway and show what it noticed, decided and did."""
    from guard.demo.command import show

    settings = settings_from(data_dir=data_dir)
    show(settings, console(), only=only, plain=plain, own=own, url=url, key_file=key_file)


@app.command()
def score(
    input: Annotated[Path, typer.Option("--input", help="JSON Lines: {id, messages}.", exists=True, dir_okay=False)],
    output: Annotated[Path, typer.Option("--output", help="JSON Lines: {id, model, signals}.", dir_okay=False)],
    device: Device = None,
) -> None:
    """Score the last message of each row. Needs no database, network or key."""
    from guard.cli.score import score_file

    settings = settings_from(device=device)
    raise typer.Exit(
        score_file(
            input,
            output,
            settings.scorer_device,
            model=settings.model,
            packs=settings.packs,
            downloads=settings.allow_downloads,
        )
    )


@app.command()
def doctor(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Look at an installation and say what is wrong with it."""
    from guard.cli.doctor import examine

    raise typer.Exit(examine(settings_from(data_dir=data_dir, database_url=database_url), console()))


models.model.command("check")(external.check)
models.model.command("calibrate-pack")(external.calibrate_pack)
app.add_typer(models.model, name="model")
app.command()(models.train)
app.command()(models.calibrate)
app.command("eval")(evaluation.evaluate)
for group in (admin.tenant, admin.key, admin.reviewer, admin.channel, admin.db):
    app.add_typer(group)
for name, commands in (
    ("policy", policy),
    ("audit", audit),
    ("dashboards", dashboards),
    ("deliveries", deliveries),
    ("opinion", opinion),
):
    app.add_typer(commands.app, name=name)
app.command("redact")(redact.redact)
app.command("attribute")(attribute.attribute)


def _check_key(settings: Settings) -> None:
    """A process that came to another installation's database must not work on it with a key of its own."""
    from guard.records.installation import assure

    if settings.database_url is not None:
        assure(settings.database_url, settings.home)


def main() -> None:
    """Runs the command. Errors of Handrail are a sentence on standard error and status 1; wrong usage is status 2."""
    try:
        app(prog_name="handrail")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        from detectors.errors import DetectorError
        from guard.errors import HandrailError
        from policies.errors import PolicyError

        if not isinstance(error, HandrailError | DetectorError | PolicyError):
            raise
        console(errors=True).print("[bold red]error:[/] ", end="")
        console(errors=True).print(str(error), soft_wrap=True, markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
