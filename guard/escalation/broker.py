"""PostgreSQL as the broker: kombu's pgmq transport, with the connection that Handrail's settings describe.

Kombu takes the address apart and puts it together again without quoting, TLS options or time bounds, reads ``DATABASE_URL``
behind the caller's back, and drops and makes the wake-up trigger anew whenever a process declares a queue. Here a connection
string goes through whole (a Unix socket's folder as host included), and queues and triggers are made once, under a lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import psycopg
from kombu.transport import pgmq as base
from kombu.transport import virtual
from pgmq import PGMQueue, install_pgmq_from_sql
from psycopg import sql
from psycopg_pool import ConnectionPool

from guard.errors import RecordsUnavailable
from guard.escalation.errors import BrokerUnfit

__all__ = ["Channel", "Transport", "prepare"]

_LOCK: Final = 0x70676D71
_POOL_SECONDS: Final = 2.0
_RECONNECT_SECONDS: Final = 1.0  # then the next use begins anew, without the pauses that have grown by then
_POOL_CONNECTIONS: Final = 4
_TURN_SECONDS: Final = 0.5


def prepare(conninfo: str, queues: Sequence[str]) -> None:
    """Installs pgmq's tables and functions and makes ``queues`` with their wake-up triggers, as far as they are missing.

    Safe to call from several processes at once. Raises :class:`~guard.errors.RecordsUnavailable` with the server away and
    :class:`BrokerUnfit` where this user may not make them.
    """
    try:
        with psycopg.connect(conninfo) as connection:
            connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
            if not _has(connection, "select to_regclass('pgmq.meta') is not null"):
                install_pgmq_from_sql(conn=connection)
            for queue in queues:
                if not _has(connection, "select exists (select from pgmq.meta where queue_name = %s)", queue):
                    connection.execute("select pgmq.create(%s)", [queue])
                # Without a throttle: two messages at once are two wake-ups.
                if not _has(
                    connection,
                    "select exists (select from pg_trigger where tgname = 'trigger_notify_queue_insert_listeners' "
                    "and tgrelid = to_regclass('pgmq.' || quote_ident('q_' || %s)))",
                    queue,
                ):
                    connection.execute("select pgmq.enable_notify_insert(%s, 0)", [queue])
    except psycopg.OperationalError as error:
        raise RecordsUnavailable(f"the broker's PostgreSQL cannot be reached: {str(error).splitlines()[0]}") from None
    except psycopg.Error as error:
        raise BrokerUnfit(
            f"pgmq cannot be set up in this database ({error.diag.message_primary or type(error).__name__}); let the user "
            "create a schema there, install the pgmq extension, or set HANDRAIL_BROKER_URL to Redis or RabbitMQ"
        ) from None


def _has(connection: psycopg.Connection, statement: str, *values: str) -> bool:
    row = connection.execute(sql.SQL(statement), values or None).fetchone()
    return bool(row and row[0])


class Channel(base.Channel):
    """Uses the queues that :func:`prepare` made; makes and drops none."""

    def _new_queue(self, queue: str, **_: Any) -> None:
        """It is there. Whoever consumes also listens; whoever declares to send does not."""

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        """Direct exchanges are routed by kombu itself."""

    def _maybe_enable_notify(self, queue: str, queue_name: str | None = None) -> None:
        if self.use_notify:
            self.connection._register_notify_queue(queue_name or self._queue_name(queue))


class Transport(base.Transport):
    """Kombu's transport over the connection string in ``transport_options["conninfo"]``."""

    Channel = Channel

    def _create_pgmq_client(self) -> PGMQueue:
        options = self._options()
        pool = ConnectionPool(
            options["conninfo"],
            min_size=1,
            max_size=_POOL_CONNECTIONS,
            timeout=_POOL_SECONDS,
            check=ConnectionPool.check_connection,  # after a restart of the server the first use must not fail
            reconnect_timeout=_RECONNECT_SECONDS,
            open=True,
            name="handrail-broker",
        )
        # The connection fields are not used with a pool; given, so that no environment variable is read for them.
        return PGMQueue(
            conn_string=None, host="unused", port="0", database="unused", username="unused", password="unused",  # noqa: S106
            vt=int(options["visibility_timeout"]), init_extension=False, pool=pool,
        )  # fmt: skip

    def _options(self) -> dict[str, Any]:
        client: Any = self.client
        options: dict[str, Any] = client.transport_options
        return options

    def _get_notify_waiter(self) -> base._NotifyWaiter:
        if self._notify_waiter is None:
            self._notify_waiter = base._NotifyWaiter(self._options()["conninfo"])
        return self._notify_waiter

    def establish_connection(self) -> Any:
        """Connected once the server answers. Kombu lists all queues for that, with a warning each time."""
        self._ask()
        return virtual.Transport.establish_connection(self)  # type: ignore[no-untyped-call]

    def verify_connection(self, connection: Any) -> bool:
        """Whether the server answers."""
        try:
            self._ask()
        except psycopg.Error:
            return False
        return True

    def _ask(self) -> None:
        pool: Any = self._get_pgmq_client().pool
        with pool.connection() as connection:
            connection.execute("select 1")

    def drain_events(self, connection: Any, timeout: Any = None) -> Any:  # type: ignore[override]
        """As kombu's, in shorter turns: between them the worker sees that it was told to stop."""
        turn = None if timeout is None else min(timeout, _TURN_SECONDS)
        return super().drain_events(connection, timeout=turn)  # type: ignore[no-untyped-call]

    def close_connection(self, connection: Any) -> None:
        """Closes the pool too: kombu leaves one that it was given open."""
        client = self._pgmq_client
        try:
            super().close_connection(connection)
        finally:
            pool = getattr(client, "pool", None)
            if pool is not None:
                pool.close(timeout=1.0)
