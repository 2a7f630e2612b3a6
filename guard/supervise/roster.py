"""Which programs a Handrail consists of, and what each of them gets to know."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from socket import socket
from types import MappingProxyType
from typing import Final

import guard
from guard.settings import Settings
from guard.supervise import probes
from guard.supervise.children import LISTEN_FD, Role
from guard.supervise.paths import Paths
from guard.supervise.process import Program
from guard.supervise.sockets import address, reachable

__all__ = ["Roster"]

_DRAIN_SECONDS: Final = 6.0  # for turns under way: a shutdown takes 10 s at most, PostgreSQL's end included
_FETCH_SECONDS: Final = 3600.0  # for the models of packs, before the scorer first serves
_SECRETS: Final = frozenset(
    {
        "HANDRAIL_DATABASE_URL", "HANDRAIL_BROKER_URL", "HANDRAIL_UPSTREAM_KEY", "HANDRAIL_SMTP_URL", "HANDRAIL_OPINION_KEY",
        "HANDRAIL_DEVICE_TOKEN",
    }
)  # fmt: skip
_KNOWS: Final[Mapping[Role, frozenset[str]]] = MappingProxyType(
    {
        Role.GATEWAY: frozenset({"HANDRAIL_DATABASE_URL", "HANDRAIL_BROKER_URL", "HANDRAIL_UPSTREAM_KEY"}),
        Role.SCORER: frozenset({"HANDRAIL_DEVICE_TOKEN"}),
        Role.DEMO: frozenset(),
        Role.WORKER: _SECRETS - {"HANDRAIL_UPSTREAM_KEY", "HANDRAIL_DEVICE_TOKEN"},
        Role.CONSOLE: frozenset({"HANDRAIL_DATABASE_URL"}),
    }
)
"""The secrets that each role has a use for."""


@dataclass(frozen=True, slots=True)
class Roster:
    """``gateway``: the listening socket that all its workers share. ``demo``: the demo chatbot's, where there is one.
    ``metrics``: the variables of the metrics' files."""

    settings: Settings
    paths: Paths
    database_url: str
    gateway: socket
    demo: socket | None
    metrics: Mapping[str, str]

    @property
    def fetches(self) -> bool:
        """Whether the scorer may have models to fetch before it serves."""
        return bool(self.settings.packs) and self.settings.allow_downloads

    def behind(self) -> list[Program]:
        """What the gateway needs, and where people are: the worker and the console."""
        scorer = self._program(Role.SCORER, ready=partial(probes.accepts, self.paths.scorer_socket))
        programs = [replace(scorer, first_seconds=_FETCH_SECONDS if self.fetches else 0.0)]
        if self.demo is not None:
            programs.append(self._program(Role.DEMO, listening=self.demo))
        console = self._program(Role.CONSOLE, ready=partial(probes.accepts, self.paths.console_socket))
        return [*programs, self._program(Role.WORKER), console]

    def gateways(self) -> list[Program]:
        """The gateway's workers. One that was started again is left to serve with the lexicon where it is not ready."""
        host, port = reachable(self.gateway)
        ready, answers = partial(probes.readyz, host, port), partial(probes.answers, host, port)
        count = self.settings.workers
        names = ["gateway"] if count == 1 else [f"gateway-{number}" for number in range(1, count + 1)]
        return [
            self._program(Role.GATEWAY, name=name, ready=ready, answers=answers, listening=self.gateway) for name in names
        ]

    def _program(
        self,
        role: Role,
        *,
        name: str | None = None,
        ready: Callable[[], Awaitable[bool]] | None = None,
        answers: Callable[[], Awaitable[bool]] | None = None,
        listening: socket | None = None,
    ) -> Program:
        environment = self._environment()
        files: tuple[int, ...] = ()
        if listening is not None:
            environment[LISTEN_FD] = str(listening.fileno())
            files = (listening.fileno(),)
        kept_from_it = _SECRETS - _KNOWS[role]
        environment = {key: value for key, value in environment.items() if key not in kept_from_it}
        command = (sys.executable, "-m", "guard.supervise.children", role.value)
        name = name or role.value
        log = self.paths.logs / f"{name}.log"
        seconds = self.settings.start_seconds
        return Program(name, command, environment, log, ready, ready_seconds=seconds, answers=answers, files=files)

    def _environment(self) -> dict[str, str]:
        changes: dict[str, object] = {
            "database_url": self.database_url,
            "port": self.gateway.getsockname()[1],
            "drain_seconds": min(self.settings.drain_seconds, _DRAIN_SECONDS),
        }
        if self.demo is not None:
            changes["upstream_url"] = f"{address(self.demo)}/v1"
        source = str(Path(guard.__file__).parents[1])  # where the children find this very code
        path = os.pathsep.join(part for part in (source, os.environ.get("PYTHONPATH", "")) if part)
        return {**os.environ, **self.settings.model_copy(update=changes).environment(), **self.metrics, "PYTHONPATH": path}
