"""``python -m guard.supervise.children ROLE``: what the supervisor starts. One role's imports and nothing of the others'."""

from __future__ import annotations

import logging
import os
import sys
from typing import Final

__all__ = ["LISTEN_FD", "main"]

LISTEN_FD: Final = "HANDRAIL_INTERNAL_LISTEN_FD"  # number of the inherited listening socket


def _gateway() -> None:
    from guard.gateway.service import run
    from guard.settings import load_settings

    run(load_settings(), int(os.environ[LISTEN_FD]))


def _scorer() -> None:
    from detectors.scorer.process import run
    from guard.settings import load_settings
    from guard.supervise.paths import Paths

    settings = load_settings()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run(Paths.of(settings.home).scorer_socket, device=settings.device, parent_death=os.getppid())


def _worker() -> None:
    from guard.escalation.worker import run
    from guard.settings import load_settings

    run(load_settings())


def _demo() -> None:
    import socket

    from guard.demo.chatbot import run

    run(socket.socket(fileno=int(os.environ[LISTEN_FD])))


def main() -> int:
    """Runs the role that is named by the first argument; 1 with a sentence where it cannot start."""
    from detectors.errors import DetectorError
    from guard.errors import HandrailError
    from policies.errors import PolicyError

    roles = {"gateway": _gateway, "scorer": _scorer, "worker": _worker, "demo": _demo}
    try:
        roles[sys.argv[1]]()
    except (DetectorError, HandrailError, PolicyError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
