"""Brings a database to this version of the code. Safe to call from several processes at once.

Migrations are plain SQL in the package ``migrations``; yoyo keeps track of them. A migration and the note that it was
applied are one transaction, so that a crash leaves either both or none. Whoever reads or writes a table waits behind a
migration that waits for it: so each waits a second at most, and then lets the others go first before it tries again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from typing import Final
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict
from yoyo import get_backend, read_migrations  # type: ignore[import-untyped]
from yoyo.backends import DatabaseBackend  # type: ignore[import-untyped]
from yoyo.migrations import Migration, MigrationList  # type: ignore[import-untyped]

from detectors.signals import BY_ID, VOCABULARY_VERSION, Side, vocabulary
from guard.errors import RecordsUnavailable
from guard.records.errors import DatabaseBusy, DatabaseTooOld, RightsMissing, SchemaUnknown, VocabularyMismatch

__all__ = ["MigrationStatus", "migrate", "rollback", "status"]

_LOCK: Final = 0x68616E64  # one number for every process that migrates this database
_CONNECT_SECONDS: Final = 5
_OLDEST: Final = 150000
_LOCK_SECONDS: Final = 1
_PAUSE_SECONDS: Final = 2.0
_TRIES: Final = 20
_LOOK_SECONDS: Final = 2


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """Names of migrations. ``applied`` in the order of their files; ``waiting`` still to be applied."""

    applied: tuple[str, ...]
    waiting: tuple[str, ...]
    server_version: int


def migrate(database_url: str) -> tuple[str, ...]:
    """Applies what is missing, stores the vocabulary and makes this month's partitions. Returns the names applied.

    Raises :class:`~guard.errors.RecordsUnavailable` where the database cannot be reached,
    :class:`~guard.records.errors.DatabaseTooOld` below PostgreSQL 15,
    :class:`~guard.records.errors.DatabaseBusy` where somebody holds a lock for about a minute that a migration needs,
    :class:`~guard.records.errors.RightsMissing` where the user may not do what a migration does,
    :class:`~guard.records.errors.SchemaUnknown` where the database is ahead of this code, and
    :class:`~guard.records.errors.VocabularyMismatch` where this vocabulary version is stored with other signals.
    """
    with _locked(database_url) as connection, _migrations(database_url) as (backend, files):
        known = {migration.hash for migration in files}
        unknown = [found for found in backend.get_applied_migration_hashes() if found not in known]
        if unknown:
            raise SchemaUnknown(
                f"the database has {len(unknown)} migration(s) that this version of Handrail does not know; "
                "run the newer version, or roll the database back with it first"
            )
        names = []
        for migration in backend.to_apply(files):
            try:
                _step(backend, migration, "apply")
            except psycopg.errors.InsufficientPrivilege as error:
                raise _rights_missing(migration.id, error) from None
            names.append(migration.id)
        _store_vocabulary(connection)
        # It waits for no lock for long either; the gateways and the worker try again.
        with suppress(psycopg.errors.LockNotAvailable):
            connection.execute("select ensure_partitions(now())")
        return tuple(names)


def rollback(database_url: str, *, count: int = 1) -> tuple[str, ...]:
    """Takes back the last ``count`` migrations, newest first. Their tables and rows are gone. Returns their names. Raises
    :class:`~guard.records.errors.DatabaseBusy` as :func:`migrate` does."""
    with _locked(database_url), _migrations(database_url) as (backend, files):
        names = []
        for migration in list(backend.to_rollback(files))[:count]:
            _step(backend, migration, "rollback")
            names.append(migration.id)
        return tuple(names)


def status(database_url: str) -> MigrationStatus:
    """Which migrations are applied and which wait. Raises :class:`~guard.records.errors.DatabaseBusy` while another process
    migrates for longer than two seconds."""
    with _locked(database_url, seconds=_LOOK_SECONDS) as connection, _migrations(database_url) as (backend, files):
        waiting = tuple(migration.id for migration in backend.to_apply(files))
        applied = tuple(migration.id for migration in files if migration.id not in waiting)
        return MigrationStatus(applied, waiting, connection.info.server_version)


def _step(backend: DatabaseBackend, migration: Migration, direction: str) -> None:
    for number in range(_TRIES):
        if number:
            time.sleep(_PAUSE_SECONDS)
        with suppress(psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            with backend.transaction():
                migration.process_steps(backend, direction)
                note = backend.mark_one if direction == "apply" else backend.unmark_one
                note(migration, log=False)
            return
    done = "applied" if direction == "apply" else "taken back"
    raise DatabaseBusy(
        f"migration {migration.id} was not {done}, and nothing of it stays: somebody holds a lock that it needs. "
        "See pg_stat_activity for what has run for minutes, end it or wait for its end, and run this again"
    )


def _rights_missing(name: str, error: psycopg.Error) -> RightsMissing:
    said = error.diag.message_primary or "a right is missing"
    hint = f"; {error.diag.message_hint}" if error.diag.message_hint else ""
    return RightsMissing(f"migration {name} was not applied, and nothing of it stays: {said}{hint}")


@contextmanager
def _locked(database_url: str, *, seconds: int = 0) -> Iterator[psycopg.Connection]:
    """A connection that holds the migration lock until it is closed. ``seconds``: the longest wait for it; 0: no bound."""
    try:
        connection = psycopg.connect(
            database_url, autocommit=True, connect_timeout=_CONNECT_SECONDS, application_name="handrail migrate"
        )
    except psycopg.OperationalError as error:
        raise RecordsUnavailable(f"PostgreSQL cannot be reached: {str(error).splitlines()[0]}") from None
    with connection:
        if connection.info.server_version < _OLDEST:
            raise DatabaseTooOld(
                f"PostgreSQL {connection.info.server_version // 10000} is too old: "
                "Handrail needs version 15 or later at HANDRAIL_DATABASE_URL"
            )
        connection.execute("set timezone to 'UTC'")
        connection.execute("select set_config('lock_timeout', %s, false)", [f"{seconds}s"])
        try:
            connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        except psycopg.errors.LockNotAvailable:
            raise DatabaseBusy("another process migrates this database at the moment; ask again when it is done") from None
        yield connection


@contextmanager
def _migrations(database_url: str) -> Iterator[tuple[DatabaseBackend, MigrationList]]:
    options = {key: str(value) for key, value in conninfo_to_dict(database_url).items() if value is not None}
    with resources.as_file(resources.files("migrations")) as folder:
        # The folder is a package as well: its __init__ is no migration.
        files = read_migrations(str(folder)).filter(lambda migration: migration.path.endswith(".sql"))
        backend = get_backend(f"postgresql+psycopg:///?{urlencode(options)}")
        with backend:
            backend.execute(f"set lock_timeout = '{_LOCK_SECONDS}s'")
            # The advisory lock is the lock: a row that a killed process left behind means nothing.
            backend.break_lock()
            yield backend, files


def _store_vocabulary(connection: psycopg.Connection) -> None:
    with connection.transaction():
        for signal in BY_ID.values():
            row = (signal.id, signal.name, signal.side.value, signal.kind.value, signal.since)
            connection.execute(
                "insert into signals (id, name, side, kind, since) values (%s, %s, %s, %s, %s) on conflict do nothing", row
            )
            stored = connection.execute(
                "select id, name, side, kind, since from signals where id = %s", [signal.id]
            ).fetchone()
            if stored != row:
                raise VocabularyMismatch(
                    f"signal {signal.id} is stored as {stored!r} and declared as {row!r}; ids and names are never reused: "
                    "give the changed signal a new id"
                )
        for side in Side:
            ids = [signal.id for signal in vocabulary(side)]
            connection.execute(
                "insert into vocabularies (version, side, signal_ids) values (%s, %s, %s) on conflict do nothing",
                (VOCABULARY_VERSION, side.value, ids),
            )
            found = connection.execute(
                "select signal_ids from vocabularies where version = %s and side = %s", (VOCABULARY_VERSION, side.value)
            ).fetchone()
            if found is None or found[0] != ids:
                raise VocabularyMismatch(
                    f"vocabulary {VOCABULARY_VERSION}, side {side.value!r}, is stored with other signals than this code "
                    "declares; raise VOCABULARY_VERSION in detectors.signals"
                )
