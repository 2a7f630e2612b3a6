"""The database as the worker uses it: one connection a process and thread, looked at before each use."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import resources
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row

__all__ = ["INSTALLATION", "Store", "connection_string"]

INSTALLATION: Final = UUID(int=0)
"""The tenant that stands for the whole installation."""

_CONNECT_SECONDS: Final = 5
_STATEMENT_SECONDS: Final = 10


def connection_string(database_url: str, process: str) -> str:
    """``database_url`` with bounds on connecting and on each statement, and a name by which the server shows it.

    A dead peer is noticed within half a minute. What the address itself says wins.
    """
    bounds: dict[str, str | int] = {
        "connect_timeout": _CONNECT_SECONDS,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        "application_name": f"handrail {process}",
        "options": f"-c statement_timeout={_STATEMENT_SECONDS}s -c idle_in_transaction_session_timeout=30s -c timezone=UTC",
    }
    given = conninfo_to_dict(database_url)
    return make_conninfo(database_url, **{name: value for name, value in bounds.items() if name not in given})


class Store:
    """Named statements over a connection that outlives a restart of the server. Usable from several threads and after a
    fork: each process and thread gets a connection of its own."""

    def __init__(self, database_url: str, process: str = "worker", *, package: str = "guard.escalation") -> None:
        """``package``: in whose folder ``queries`` the statements are."""
        self._conninfo = connection_string(database_url, process)
        self._local = threading.local()
        folder = resources.files(package).joinpath("queries")
        self._statements: Final[Mapping[str, bytes]] = {
            entry.name.removesuffix(".sql"): entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith(".sql")
        }

    @property
    def conninfo(self) -> str:
        """The connection string, password included: for connecting only."""
        return self._conninfo

    def statement(self, name: str) -> bytes:
        """The text of ``queries/name.sql``."""
        return self._statements[name]

    def connection(self) -> psycopg.Connection[DictRow]:
        """This thread's connection, in autocommit, alive a moment ago; within :meth:`transaction` the transaction's own,
        alive or not. Raises ``psycopg.OperationalError`` with the server away."""
        begun: psycopg.Connection[DictRow] | None = getattr(self._local, "transaction", None)
        if begun is not None:
            return begun
        found: psycopg.Connection[DictRow] | None = getattr(self._local, "connection", None)
        if found is not None and getattr(self._local, "pid", 0) == os.getpid() and not found.closed:
            try:
                found.execute("select 1")
            except psycopg.Error:
                with suppress(psycopg.Error):
                    found.close()
            else:
                return found
        fresh = psycopg.connect(self._conninfo, autocommit=True, row_factory=dict_row)
        self._local.connection, self._local.pid = fresh, os.getpid()
        return fresh

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[DictRow]]:
        """One transaction of everything that this thread runs within it. A connection that breaks meanwhile is not replaced:
        what came after would be written although what came before is not."""
        connection = self.connection()
        before = getattr(self._local, "transaction", None)
        try:
            self._local.transaction = connection
            with connection.transaction():
                yield connection
        finally:
            self._local.transaction = before

    def rows(self, name: str, values: Mapping[str, Any] | None = None) -> list[DictRow]:
        """Runs a named statement that returns rows, in its own transaction unless one is open on this thread."""
        return self.connection().execute(self._statements[name], values or {}).fetchall()

    def run(self, name: str, values: Mapping[str, Any] | None = None) -> int:
        """Runs a named statement and returns how many rows it wrote."""
        return self.connection().execute(self._statements[name], values or {}).rowcount

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Whether nobody else in the whole installation is at ``name`` now. The session lock that says so ends with the
        process, or with the connection."""
        connection = self.connection()
        row = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0)) as taken", [name]).fetchone()
        taken = bool(row and row["taken"])
        try:
            yield taken
        finally:
            if taken:
                with suppress(psycopg.Error):  # a lost connection has let go of it already
                    connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", [name])

    def close(self) -> None:
        """Closes this thread's connection."""
        found: psycopg.Connection[DictRow] | None = getattr(self._local, "connection", None)
        if found is not None and getattr(self._local, "pid", 0) == os.getpid():
            found.close()
        self._local.connection = None
