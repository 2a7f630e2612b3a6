"""``python -m detectors.scorer SOCKET``: the scorer by itself, without the ``handrail`` command."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from detectors.encoder.devices import Device
from detectors.errors import DetectorError
from detectors.scorer.process import run


class _Brief(logging.Formatter):
    """Of an exception only the type: its message may quote a text."""

    def formatException(self, ei: object) -> str:
        """See :class:`logging.Formatter`."""
        kind = ei[0] if isinstance(ei, tuple) else None
        return kind.__name__ if isinstance(kind, type) else "exception"


def main(arguments: list[str] | None = None) -> int:
    """Runs the scorer; 2 where it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m detectors.scorer", description="Scores texts over a Unix socket.")
    parser.add_argument("socket", help="path of the socket; its folder must be yours alone (mode 0700)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N, or a model server's address")
    parser.add_argument("--model", action="store_true", help="let the shipped model score above the lexicon")
    parser.add_argument("--pack", action="append", default=[], help="a pack of another model; may be given more than once")
    parser.add_argument("--allow-downloads", action="store_true", help="fetch packs' models that are not here")
    parser.add_argument("--parent-pid", type=int, default=None, help="end when this process is no longer the parent")
    parser.add_argument("--drain-seconds", type=float, default=5.0, help="for what was asked before the end")
    given = parser.parse_args(arguments)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Brief("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        run(
            given.socket,
            device=Device(given.device, os.environ.get("HANDRAIL_DEVICE_TOKEN")),
            model=given.model,
            packs=given.pack,
            downloads=given.allow_downloads,
            parent_death=given.parent_pid,
            drain_seconds=given.drain_seconds,
        )
    except DetectorError as error:
        sys.stderr.write(f"the scorer cannot start: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
