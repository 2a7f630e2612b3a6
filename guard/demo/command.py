"""`handrail demo`: finds a gateway that runs, or starts one for the time of the play."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from rich.console import Console

from guard.demo.play import Gateway, GatewayAway, away, play
from guard.demo.stage import PlainStage, TerminalStage
from guard.errors import StartFailed
from guard.settings import Settings
from guard.supervise import probes
from guard.supervise.paths import Paths
from guard.supervise.spawn import tail

__all__ = ["show"]

_START_SECONDS: Final = 60.0  # beside what the scorer and then the gateway may take
_STOP_SECONDS: Final = 12.0
_BREATH_SECONDS: Final = 1.2  # between two turns, to read by


def show(
    settings: Settings,
    console: Console,
    *,
    only: str | None = None,
    plain: bool = False,
    own: bool = False,
    url: str | None = None,
    key_file: Path | None = None,
) -> None:
    """Plays the conversations. ``own``: starts a Handrail where none runs, and stops it afterwards.

    Raises :class:`~guard.demo.play.GatewayAway` where there is none to play through.
    """
    plain = plain or not console.is_terminal
    paths = Paths.of(settings.home)
    with _gateway(settings, paths, console, own=own, url=url, key_file=key_file) as gateway:
        console.print(f"Playing through {gateway.address}/v1", highlight=False)
        told = "Scores are estimates, not a diagnosis; the people in these conversations are invented."
        console.print(told, style="dim", soft_wrap=True)
        if plain:
            play(gateway, PlainStage(console), only)
            return
        with TerminalStage(console) as stage:
            play(gateway, stage, only, lambda: time.sleep(_BREATH_SECONDS))


@contextmanager
def _gateway(
    settings: Settings, paths: Paths, console: Console, *, own: bool, url: str | None, key_file: Path | None
) -> Iterator[Gateway]:
    address = (url or _told(paths) or f"http://127.0.0.1:{settings.port}").rstrip("/").removesuffix("/v1")
    if _answers(address):
        yield Gateway(address, _key(key_file or paths.first_key))
        return
    if url is not None or not own:
        raise away(Gateway(address, ""))
    console.print("No Handrail runs here; starting one for the demo.", style="dim")
    with _own(settings, paths) as started:
        yield Gateway(started, _key(key_file or paths.first_key))
        console.print("Stopping the demo's Handrail; its data is kept.", style="dim")


@contextmanager
def _own(settings: Settings, paths: Paths) -> Iterator[str]:
    paths.prepare()
    log = paths.logs / "demo-up.log"
    command = [sys.executable, "-m", "guard.cli.main", "up", "--port", "0", "--data-dir", str(settings.home)]
    with log.open("wb") as output:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0)
    try:
        seconds = _START_SECONDS + 2 * settings.start_seconds
        until = time.monotonic() + seconds
        while not ((address := _told(paths)) and _answers(address)):
            if child.poll() is not None:
                raise StartFailed(f"Handrail did not start:\n{tail(log)}")
            if time.monotonic() > until:
                raise StartFailed(f"Handrail was not ready within {seconds:.0f} s; see {log}")
            time.sleep(0.1)
        yield address
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.kill(child.pid, signal.SIGKILL)  # its children end with it
                child.wait()


def _told(paths: Paths) -> str | None:
    """The address that a running supervisor wrote down."""
    try:
        return paths.address.read_text("utf-8").strip() or None
    except OSError:
        return None


def _answers(address: str) -> bool:
    parts = urlsplit(address)
    if parts.scheme != "http" or parts.hostname is None:
        return parts.scheme == "https"  # not ours to probe; the first turn will tell
    return asyncio.run(probes.readyz(parts.hostname, parts.port or 80))


def _key(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except OSError:
        raise GatewayAway(
            f"the key cannot be read from {path}; `make up` writes it there, or give another file with --key-file"
        ) from None
