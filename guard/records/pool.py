"""Connections to PostgreSQL: bounded, with a timeout on everything, and back by themselves after the database was away."""

from __future__ import annotations

import asyncio
import logging
import select
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Self, TypeVar

import orjson
import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from guard.errors import HandrailError, RecordsLate, RecordsUnavailable

__all__ = ["Database", "is_outage"]

_logger = logging.getLogger(__name__)

_PROBE_FIRST: Final = 0.05
_PROBE_LAST: Final = 1.0
_ASK_AFTER: Final = 0.5  # of the time that work has: then PostgreSQL is asked whether it answers at all,
_ASK_FOR: Final = 0.4  # within so much of it
_WAITING: Final = 2048  # callers that may wait for a connection at one moment
# Everything on a turn's path is found by a key. A plan that was made while the tables were small must not read them whole
# once they are large.
_PLANS: Final = "-c enable_seqscan=off -c enable_mergejoin=off"
_FAILURES: Final = (psycopg.Error, OSError, TimeoutError)  # the pool's own errors are among psycopg's
_RECONNECT_SECONDS: Final = 2.0  # short, so that its backoff stays short too: the probe below asks again and again


_T = TypeVar("_T")


def is_outage(error: BaseException) -> bool:
    """Whether ``error`` says that the database is away, rather than that one statement is wrong or slow."""
    if isinstance(error, RecordsLate):
        return False
    if isinstance(error, (RecordsUnavailable, PoolTimeout, PoolClosed, TooManyRequests, OSError, TimeoutError)):
        return True
    if isinstance(error, (psycopg.errors.QueryCanceled, psycopg.errors.PipelineAborted)):
        return False
    state = getattr(error, "sqlstate", None)
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        # 40: somebody else's turn first (retried); 53: out of memory, disk or connections; 57P0x: going down or coming up
        return state is None or state[:2] in ("08", "53", "57", "58")
    return False


async def _configure(connection: AsyncConnection[Any]) -> None:
    set_json_loads(orjson.loads, connection)


async def _alive(connection: AsyncConnection[Any]) -> bool:
    """Whether the server has not ended an idle connection meanwhile. An idle connection has nothing to say: only one that
    can be read from has to be asked."""
    try:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        if poll.poll(0):
            await connection.execute("")
    except psycopg.Error:
        return False
    return True


class Database:
    """A pool for everything (``main``) and one for claims, whose commits need not wait for the disk.

    ``seconds`` bounds a statement, a wait for a lock, a wait for a connection and a connection attempt. ``admit`` is asked
    before the database is first used: while it raises a :class:`~guard.errors.HandrailError` the database counts as away.
    """

    def __init__(
        self,
        url: str,
        *,
        seconds: float,
        connections: int = 8,
        admit: Callable[[AsyncConnection[Any]], Awaitable[None]] | None = None,
    ) -> None:
        self._seconds = seconds
        self._admit = admit
        self._away = False
        self._outage: asyncio.Future[None] | None = None
        self._late: set[asyncio.Task[Any]] = set()
        self._asking: asyncio.Task[None] | None = None
        self._back: asyncio.Task[None] | None = None
        self._on_back: list[Callable[[], None]] = []
        self._on_away: list[Callable[[], None]] = []
        self._main = self._pool(url, "main", connections, "-c synchronous_commit=on")
        self._claims = self._pool(url, "claims", 2, "-c synchronous_commit=off")

    def _pool(self, url: str, name: str, size: int, options: str = "") -> AsyncConnectionPool[AsyncConnection[Any]]:
        milliseconds = max(1, round(self._seconds * 1000))
        options = " ".join(
            [
                str(conninfo_to_dict(url).get("options") or ""),
                f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}",
                f"-c idle_in_transaction_session_timeout={10 * milliseconds}",
                f"-c timezone=UTC -c jit=off {_PLANS} {options}",
            ]
        ).strip()
        kwargs: dict[str, Any] = {
            "autocommit": True,
            "application_name": f"handrail {name}",
            "connect_timeout": max(1, round(self._seconds)),
            "options": options,
            # A database that vanished without a word is noticed within seconds.
            "tcp_user_timeout": milliseconds,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
        }
        return AsyncConnectionPool(
            url,
            connection_class=self._noting_connections(),
            kwargs=kwargs,
            min_size=1,
            max_size=size,
            open=False,
            name=f"handrail-{name}",
            timeout=self._seconds,
            max_waiting=_WAITING,
            reconnect_timeout=_RECONNECT_SECONDS,
            num_workers=2,
            configure=_configure,
        )

    def _noting_connections(self) -> type[AsyncConnection[Any]]:
        """Connections whose failure to connect is noted at once: the pool alone would try on until its timeout."""
        note = self.note

        class NotingConnection(AsyncConnection[Any]):
            @classmethod
            async def connect(cls, *args: Any, **kwargs: Any) -> Self:
                try:
                    return await super().connect(*args, **kwargs)
                except psycopg.OperationalError as error:
                    if "too many clients" not in str(error) and "connection slots" not in str(error):
                        note(error)
                    raise

        return NotingConnection

    @property
    def away(self) -> bool:
        """Whether the database is known to be away. Callers then do without it at once instead of waiting."""
        return self._away

    async def wait(self, work: asyncio.Future[Any]) -> bool:
        """Waits until ``work`` is done, the database is found to be away, or the time is over: whichever is first. Returns
        whether ``work`` is done. Does not cancel it. Work that is slow is a reason to ask whether the database answers."""
        if self._outage is None:
            self._outage = asyncio.get_running_loop().create_future()
        if not self._away:
            ends = [work, self._outage]
            if not await self._first(ends, _ASK_AFTER):
                if self._asking is None or self._asking.done():
                    self._asking = self._behind(self._ask())
                await self._first(ends, 1 - _ASK_AFTER)
        return work.done()

    async def _first(self, ends: Sequence[asyncio.Future[Any]], share: float) -> bool:
        """Waits for the first of ``ends``, at most ``share`` of the time; whether one is done."""
        done, _ = await asyncio.wait(ends, timeout=share * self._seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    async def bounded(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The result of ``work``. Raises :class:`~guard.errors.RecordsUnavailable` as soon as the database is found to be
        away, and :class:`~guard.errors.RecordsLate` where it answers and the time is over. Work that is late is cancelled
        behind the caller's back: that may take a while."""
        task = self._behind(work)
        if await self.wait(task) and not task.cancelled():
            return task.result()
        task.cancel()
        if self._away:
            raise RecordsUnavailable("PostgreSQL does not answer")
        raise RecordsLate("PostgreSQL takes too long")

    def _behind(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.get_running_loop().create_task(work)
        self._late.add(task)
        task.add_done_callback(self._forget)
        return task

    async def _ask(self) -> None:
        """One transaction may wait for a lock while all others go on. Only a server that does not answer a plain question
        is away."""
        answer = self._behind(self._answer())
        if not await self._first([answer], _ASK_FOR) or answer.cancelled() or answer.exception() is not None:
            answer.cancel()
            self.note(RecordsUnavailable("PostgreSQL does not answer"))

    async def _answer(self) -> None:
        # Of the claims' pool: slow transactions are in the other one, and may have taken all of it.
        connection = await self._take(self._claims)
        try:
            await connection.execute("select 1")
        finally:
            await self._claims.putconn(connection)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._late.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has dealt with it

    def when_away(self, call: Callable[[], None]) -> None:
        """``call`` runs each time the database goes away."""
        self._on_away.append(call)

    def when_back(self, call: Callable[[], None]) -> None:
        """``call`` runs each time the database has come back."""
        self._on_back.append(call)

    async def open(self) -> None:
        """Connects. Returns also where the database is away: it is then looked for in the background."""
        await asyncio.gather(self._main.open(wait=False), self._claims.open(wait=False))
        try:
            # Not the pools' own wait: when it times out it ends the pool for good.
            await self._probe()
        except (*_FAILURES, HandrailError) as error:
            self.note(error if is_outage(error) else RecordsUnavailable("PostgreSQL does not answer"))

    async def close(self) -> None:
        """Closes all connections, after late work has ended."""
        if self._late:
            await asyncio.wait(self._late, timeout=self._seconds)
        if self._back is not None:
            self._back.cancel()
            await asyncio.wait([self._back])
        await asyncio.gather(self._main.close(self._seconds), self._claims.close(self._seconds))

    @asynccontextmanager
    async def connection(self, *, claims: bool = False) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection in autocommit mode, UTC. Raises :class:`~guard.errors.RecordsUnavailable` at once while the
        database is known to be away; an outage that shows itself here is noted."""
        if self._away:
            raise RecordsUnavailable("PostgreSQL is away")
        pool = self._claims if claims else self._main
        try:
            connection = await self._take(pool)
            try:
                yield connection
            finally:
                await pool.putconn(connection)
        except _FAILURES as error:
            self.note(error)
            raise

    async def _take(self, pool: AsyncConnectionPool[AsyncConnection[Any]]) -> AsyncConnection[Any]:
        """A living connection. The pool's own check pauses for a second between two dead ones; after a restart all are."""
        for _ in range(pool.max_size + 2):
            connection = await pool.getconn()
            try:
                if await _alive(connection):
                    return connection
            except BaseException:
                await pool.putconn(connection)
                raise
            await pool.putconn(connection)
        raise RecordsUnavailable("PostgreSQL ends every connection")

    def note(self, error: BaseException) -> None:
        """Takes notice of an error; an outage begins the search for the database's return."""
        if self._away or not is_outage(error):
            return
        self._away = True
        if self._outage is not None and not self._outage.done():
            self._outage.set_result(None)
        _logger.warning("PostgreSQL is away (%s); turns go to the journal", type(error).__name__)
        self._back = asyncio.get_running_loop().create_task(self._wait_until_back())
        for call in self._on_away:
            call()

    async def _wait_until_back(self) -> None:
        pause, refused = _PROBE_FIRST, False
        while True:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PROBE_LAST)
            try:
                await asyncio.gather(self._main.check(), self._claims.check())
                await self._probe()
            except PoolClosed:
                return
            except _FAILURES:
                continue
            except HandrailError:
                if not refused:
                    _logger.exception("PostgreSQL answers and is not used")
                refused = True
                continue
            break
        self._away, self._outage = False, None
        _logger.info("PostgreSQL is back")
        for call in self._on_back:
            call()

    async def _probe(self) -> None:
        for pool in (self._main, self._claims):
            async with asyncio.timeout(self._seconds), pool.connection(self._seconds) as connection:
                await connection.execute("select 1")
                if self._admit is not None:
                    await self._compare(self._admit, connection)

    async def _compare(
        self, admit: Callable[[AsyncConnection[Any]], Awaitable[None]], connection: AsyncConnection[Any]
    ) -> None:
        try:
            await admit(connection)
        except psycopg.ProgrammingError:  # not migrated yet, so nothing to be compared with
            return
        self._admit = None
