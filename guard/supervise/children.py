"""``python -m guard.supervise.children ROLE``: what the supervisor starts. One role's imports and nothing of the others'."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from detectors.errors import DetectorError
from guard.errors import HandrailError
from policies.errors import PolicyError

if TYPE_CHECKING:
    from guard.settings import Settings

__all__ = ["LISTEN_FD", "Role", "main", "work"]

LISTEN_FD: Final = "HANDRAIL_INTERNAL_LISTEN_FD"  # number of the inherited listening socket


class Role(StrEnum):
    """What a child is."""

    GATEWAY = "gateway"
    SCORER = "scorer"
    WORKER = "worker"
    CONSOLE = "console"
    DEMO = "demo"


def _gateway(settings: Settings) -> None:
    from guard.gateway.service import run
    from guard.supervise.paths import Paths

    paths = Paths.of(settings.home)
    run(settings, int(os.environ[LISTEN_FD]), paths.scorer_socket, paths.console_socket)


def _scorer(settings: Settings) -> None:
    from detectors.scorer.process import run
    from guard.supervise.paths import Paths
    from policies.directory.spared import crisis_lines

    run(
        Paths.of(settings.home).scorer_socket,
        device=settings.scorer_device,
        model=settings.model,
        packs=settings.packs,
        downloads=settings.allow_downloads,
        parent_death=os.getppid(),
        spared=crisis_lines,
    )


def work(settings: Settings, parent: int | None = None) -> int:
    """Runs the worker; ``parent``: it ends when this is no longer its parent. Returns its status."""
    from guard.escalation.worker import run

    return run(settings, parent_death=parent)


def _worker(settings: Settings) -> int:
    return work(settings, os.getppid())


def _console(settings: Settings) -> None:
    from guard.review.process import run
    from guard.supervise.paths import Paths

    run(settings, Paths.of(settings.home).console_socket)


def _demo(settings: Settings) -> None:
    from guard.demo.chatbot import run

    run(socket.socket(fileno=int(os.environ[LISTEN_FD])))


_ROLES: Final[Mapping[Role, Callable[[Settings], int | None]]] = {
    Role.GATEWAY: _gateway,
    Role.SCORER: _scorer,
    Role.WORKER: _worker,
    Role.CONSOLE: _console,
    Role.DEMO: _demo,
}


def main() -> int:
    """Runs the role that is named by the first argument; 1 with a sentence where it cannot start."""
    from guard.settings import load_settings
    from guard.telemetry.logs import configure

    role = Role(sys.argv[1])
    try:
        settings = load_settings()
        configure(role.value, form=settings.log_format)
        return _ROLES[role](settings) or 0
    except (DetectorError, HandrailError, PolicyError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
