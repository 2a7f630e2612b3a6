"""The embedded PostgreSQL: a real server on a Unix socket, under our own supervision."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from guard.errors import StartFailed
from guard.supervise import cluster as clusters
from guard.supervise.paths import FolderLock, Paths, private_folder
from guard.supervise.spawn import end, open_log, spawn, tail

__all__ = ["EmbeddedPostgres"]

_NAME: Final = "handrail"  # of the role and of its database
_START_SECONDS: Final = 60.0  # until it is ready, or says that it recovers
_SLOW_SECONDS: Final = 10.0
_RECOVERS: Final = "PostgreSQL recovers after a crash; that may take minutes, and whoever ends it makes it begin anew"
_POLL_SECONDS: Final = 0.01
_STOP_SECONDS: Final = 7.5
_HURRY_SECONDS: Final = 1.0  # where others wait for the loop

# No TCP, no word of a statement's values in the log, and as few surprises of the host's locale as can be.
_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    "logging_collector": "off",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "huge_pages": "off",
    "jit": "off",
    "password_encryption": "scram-sha-256",
}


class EmbeddedPostgres:
    """One PostgreSQL cluster in ``data_dir/postgres``, listening on a socket in ``socket_dir`` and nowhere else.

    ``socket_dir``: a private folder; by default the one that :class:`~guard.supervise.paths.Paths` gives. A context
    manager: started on entry, stopped on exit. To be used from the main thread (the server ends with the thread that
    started it). When this process is killed the server ends at once, as after a power cut, and loses nothing that was
    committed; the next start recovers. One process at a time: a second one gets
    :class:`~guard.errors.AlreadyRunning`.
    """

    def __init__(
        self, data_dir: Path, socket_dir: Path | None = None, *, slow: Callable[[str], None] = lambda words: None
    ) -> None:
        """``slow`` is told in words of a recovery that takes over 10 s; it does not raise."""
        paths = Paths.of(data_dir)
        self._home = paths.home
        self._slow = slow
        self._socket_dir = (socket_dir or paths.run).absolute()
        self._lock = FolderLock(self._home / "postgres.lock", "another PostgreSQL")
        self._cluster: clusters.Cluster | None = None
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """``postgresql://`` address of the database for its owner, a role without superuser's rights. Holds a secret."""
        return self._url(_NAME, _NAME)

    @property
    def child(self) -> subprocess.Popen[bytes] | None:
        """The server's process, from :meth:`start` to :meth:`stop`."""
        return self._child

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self._child is not None and self._child.poll() is None

    @property
    def exists(self) -> bool:
        """Whether a cluster was made for this data folder, here or in the home that its pointer names. Makes nothing."""
        return (self._home / "postgres").exists() or (self._home / "postgres-home").exists()

    @property
    def log(self) -> Path:
        """The server's log."""
        return self._home / "logs" / "postgres.log"

    def start(self, give_up: Callable[[], bool] = lambda: False) -> None:
        """Starts the server and returns when it answers; under a second, after a crash as long as it recovers. Does nothing
        if it runs.

        ``give_up`` is asked while it waits. Raises :class:`~guard.errors.StartFailed` with the server's last words.
        """
        if self.running:
            return
        try:
            for pause in self._starting(give_up):
                time.sleep(pause)
        except BaseException:
            self.stop()
            raise

    def stop(self, seconds: float = _STOP_SECONDS) -> None:
        """Ends the server within ``seconds``: sessions are cut off, what was committed is on disk. Does nothing if it is
        off. Where the time does not do for a clean end, the next start recovers."""
        if self._child is not None:
            end(self._child, ((signal.SIGINT, 0.8 * seconds), (signal.SIGQUIT, 0.2 * seconds)))
            self._child = None
        self._cluster = None
        self._lock.release()

    async def restart(self) -> None:
        """Starts it anew after it was stopped or has died, on the same socket and with the same address. While it recovers
        the event loop goes on. Raises as :meth:`start`. Where it is cancelled the server may run: :meth:`stop` ends it."""
        if self._child is not None:
            end(self._child, ((signal.SIGINT, 0.8 * _STOP_SECONDS), (signal.SIGQUIT, 0.2 * _STOP_SECONDS)))
            self._child = None
        try:
            for pause in self._starting(lambda: False):
                await asyncio.sleep(pause)
        except Exception:
            self.stop(_HURRY_SECONDS)
            raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _starting(self, give_up: Callable[[], bool]) -> Iterator[float]:
        """Starts the server step by step; yields how many seconds to wait before the next."""
        if self._cluster is None:
            self._cluster = clusters.prepare(self._home, self._socket_dir)
            private_folder(self.log.parent)
            self._lock.acquire()
        fresh = clusters.make(self._cluster, self._secret(clusters.SUPERUSER), self.log, give_up)
        yield from clusters.clear_leftovers(self._cluster)
        yield from self._launch(self._cluster, give_up)
        if fresh or not self._provided():
            self._provide()

    def _launch(self, cluster: clusters.Cluster, give_up: Callable[[], bool]) -> Iterator[float]:
        program = [str(cluster.bin / "postgres"), "-D", str(cluster.data), "-k", str(cluster.sockets)]
        for name, value in _SETTINGS.items():
            program += ["-c", f"{name}={value}"]
        log = open_log(self.log)
        try:
            # SIGQUIT is PostgreSQL's immediate shutdown: its children and shared memory go with it.
            self._child = spawn(
                program,
                environment=clusters.environment(),
                log=log,
                death_signal=signal.SIGQUIT,
                standing=cluster.standing,
            )
        finally:
            os.close(log)
        began, told = time.monotonic(), False
        while (status := self._status(cluster)) != "ready":
            lasts = time.monotonic() - began
            if self._child.poll() is not None:
                raise StartFailed(f"PostgreSQL did not start; the end of {self.log}:\n{tail(self.log)}")
            # Whoever ends a recovery makes it begin anew: it has all the time that it takes.
            if (lasts > _START_SECONDS and status != "starting") or give_up():
                raise StartFailed(f"PostgreSQL was not ready in time; see {self.log}")
            if lasts > _SLOW_SECONDS and status == "starting" and not told:
                self._slow(_RECOVERS)
                told = True
            yield _POLL_SECONDS

    def _status(self, cluster: clusters.Cluster) -> str:
        """What the server says of itself: ``starting`` (it recovers), ``ready``, or nothing yet."""
        try:
            lines = (cluster.data / "postmaster.pid").read_text("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return lines[7].strip() if len(lines) > 7 else ""  # src/include/utils/pidfile.h: line 8 is the status

    def _provided(self) -> bool:
        """Whether the owner can come in and take on each role that the tables are walled off for."""
        import psycopg

        try:
            with psycopg.connect(self.url, connect_timeout=10) as connection:
                statement = "select count(*) from pg_roles where rolname = any (%s) and pg_has_role(oid, 'SET')"
                row = connection.execute(statement, [_walled_roles()]).fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and row[0] == len(_walled_roles())

    def _provide(self) -> None:
        """Makes the owner, its database and the roles that it takes on, so that it needs no right to make roles: at the
        first start, where an earlier one was killed before it came to this, or after one of an older version."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self._url(clusters.SUPERUSER, "postgres"), connect_timeout=10, autocommit=True) as connection:
            name, word = sql.Identifier(_NAME), sql.Literal(self._secret(_NAME))
            there = connection.execute("select 1 from pg_roles where rolname = %s", [_NAME]).fetchone()
            verb = sql.SQL("alter" if there else "create")
            connection.execute(sql.SQL("{} role {} login password {}").format(verb, name, word))
            if not connection.execute("select 1 from pg_database where datname = %s", [_NAME]).fetchone():
                connection.execute(sql.SQL("create database {} owner {}").format(name, name))
            for walled in _walled_roles():
                role = sql.Identifier(walled)
                if not connection.execute("select 1 from pg_roles where rolname = %s", [walled]).fetchone():
                    connection.execute(sql.SQL("create role {} nologin").format(role))
                connection.execute(sql.SQL("grant {} to {} with inherit false, set true").format(role, name))

    def _secret(self, role: str) -> str:
        return clusters.secret(self._home / f"postgres-{role}")

    def _url(self, role: str, database: str) -> str:
        sockets = self._cluster.sockets if self._cluster else clusters.sockets(self._home, self._socket_dir)
        return f"postgresql://{role}:{self._secret(role)}@/{database}?host={quote(str(sockets), safe='')}"


def _walled_roles() -> list[str]:
    from guard.records.scope import Role

    return [role.in_database for role in Role]
