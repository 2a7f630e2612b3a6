"""The gateway process: everything that its turns need, put together, served on a listening socket, drained at its end."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final, cast

import uvicorn

from detectors.errors import ScorerUnavailable
from detectors.scorer.client import ScorerClient
from detectors.scorer.fallback import FallbackScorer
from guard.errors import RecordsUnavailable, SettingsInvalid
from guard.gateway.app import create_app
from guard.gateway.console import Console
from guard.gateway.counts import Counts
from guard.gateway.health import GatewayHealth
from guard.gateway.listener import Listener
from guard.gateway.outage import ScorerOutage
from guard.gateway.upstream import AiohttpUpstream
from guard.gateway.veil import Veil
from guard.records.contract import PolicySource
from guard.records.ids import IdMaker
from guard.records.installation import compare
from guard.records.keys import Keys
from guard.records.pseudonyms import PostgresPseudonyms
from guard.records.store import PostgresRecords
from guard.settings import Settings
from guard.telemetry.census import Census
from guard.telemetry.metrics import Metrics
from guard.turns.desk import Desk
from guard.turns.room import ActivePolicy, Room
from guard.turns.session import merge
from guard.turns.sessions import SessionCache
from policies.completions.compose import TemplateComposer
from policies.decide import decide
from policies.load import load_policy

__all__ = ["run"]

_log = logging.getLogger(__name__)

_SCORER_CONNECTIONS: Final = 2
_SCORER_WAIT_SECONDS: Final = 5.0  # at a start, so that the first readiness comes with the first probe
_WARM_SECONDS: Final = 60.0  # to load what finds names, on a machine that is busy
_BACKLOG: Final = 1024
_IDLE_SECONDS: Final = 75
_CLOSE_SECONDS: Final = 0.5  # of the time to drain, kept for the records' end


def run(settings: Settings, listening: int, scorer: Path, console: Path) -> None:
    """Serves on the inherited socket with file descriptor ``listening`` until SIGTERM or SIGINT, with the scorer and the
    console whose Unix sockets are ``scorer`` and ``console``.

    Then it takes no more, and turns under way end within ``settings.drain_seconds``. Raises
    :class:`~guard.errors.SettingsInvalid` and :class:`policies.errors.PolicyInvalid` where it cannot start.
    """
    _Gateway(settings, scorer, console).serve(socket.socket(fileno=listening))


class _Gateway:
    """The collaborators of one process, from its start to its end."""

    def __init__(self, settings: Settings, scorer_socket: Path, console_socket: Path) -> None:
        if settings.upstream_url is None:
            raise SettingsInvalid("there is no chatbot to answer: give --upstream https://…/v1 or set HANDRAIL_UPSTREAM_URL")
        if settings.database_url is None:
            raise SettingsInvalid("there is no database: set HANDRAIL_DATABASE_URL, or run `handrail up` for all of it")
        self._settings = settings
        policy = load_policy(settings.policy)
        self._policy = ActivePolicy(policy.name, policy.hash, policy.reads, partial(decide, policy), policy.off)
        self._metrics = Metrics()
        self._metrics.policy(self._policy.hash, self._policy.name)
        self._metrics.journal_limit(settings.journal_max_bytes)
        counts = Counts(self._metrics)
        counts.expect(policy)
        keys = Keys.load(settings.home)
        self._records = PostgresRecords(
            settings,
            settings.database_url,
            keys,
            merge_state=merge,
            policies=(PolicySource(policy.hash, policy.name, json.dumps(dict(policy.source), sort_keys=True)),),
            meters=self._metrics,
            admit=partial(compare, keys=keys, home=settings.home),
        )
        self._client = ScorerClient(scorer_socket, connections=_SCORER_CONNECTIONS, meter=self._metrics.scorer())
        outage = ScorerOutage(self._records, lambda: self._client.healthy)
        scorer = FallbackScorer(self._client, on_failure=outage.failed, on_answer=outage.answered)
        scorer.prepare()
        self._room = Room(
            records=self._records,
            scorer=scorer,
            composer=TemplateComposer(),
            policy=lambda: self._policy,
            hashed=keys.hashed,
            settings=settings,
            clock=lambda: datetime.now(UTC),
            new_id=IdMaker(),
            cache=SessionCache(settings.session_cache),
            finder=self._client,
            meters=counts,
        )
        console = Console(console_socket)
        self._health = GatewayHealth(self._client, self._records, self._metrics.queue, console.answers, self._metrics.alert)
        self._app = create_app(
            desk=Desk(self._room),
            records=self._records,
            upstream=AiohttpUpstream(settings.upstream_url, settings),
            settings=settings,
            live=self._health.live,
            ready=self._health.ready,
            metrics=self._metrics.render,
            meters=counts,
            life=self._life,
            console=console,
            veil=Veil(
                self._client,
                PostgresPseudonyms(self._records.database, keys),
                keys.hashed,
                counts,
                seconds=settings.redact_seconds,
                failures=self._metrics,
            ),
            finder=self._client,
        )

    def serve(self, listening: socket.socket) -> None:
        config = uvicorn.Config(
            cast(Any, self._app),
            http=Listener,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            backlog=_BACKLOG,
            proxy_headers=True,
            forwarded_allow_ips=self._settings.trusted_proxies,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=max(1, round(self._settings.drain_seconds - _CLOSE_SECONDS)),
        )
        # What was loaded stays for good; the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        _Server(config, self._health).run(sockets=[listening])

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        """From before the first request to after the last."""
        async with self._records:
            await self._client.start(_SCORER_WAIT_SECONDS)
            watch = asyncio.create_task(self._health.watch())
            warm = asyncio.create_task(self._warm())
            census = asyncio.create_task(Census(self._metrics.count, self._records.database).run())
            _log.info("the gateway serves")
            try:
                yield
            finally:
                self._health.drain()
                left = await self._room.drain(self._settings.drain_seconds)
                if left:
                    _log.error("%d turns had not ended when the gateway did", left)
                watch.cancel()
                census.cancel()
                warm.cancel()
                await self._client.close()

    async def _warm(self) -> None:
        """Lets the scorer load what finds names where somebody will ask for it: else the first turn would wait."""
        try:
            if await self._records.redacts():
                await self._client.entities(["ready"], deadline=_WARM_SECONDS)
        except (RecordsUnavailable, ScorerUnavailable):
            _log.warning("names cannot be found yet; the first turns that need it wait for it")


class _Server(uvicorn.Server):
    """Says that it drains as soon as it is told to end."""

    def __init__(self, config: uvicorn.Config, health: GatewayHealth) -> None:
        super().__init__(config)
        self._health = health

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Signal handler."""
        self._health.drain()
        super().handle_exit(sig, frame)
