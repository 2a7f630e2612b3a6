"""`handrail up`, for real: its processes, its end, and what happens when any of them is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from guard.records.alerts import INSTALLATION
from guard.supervise.paths import Paths
from tests.running import ROOT, Running, alive, descendants, start


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One that runs under a private home, as a checkout in root's home would."""
    private = tmp_path_factory.mktemp("up") / "home"
    private.mkdir(mode=0o700)
    up = start(private / "data")
    yield up
    if up.process.poll() is None:
        up.process.terminate()
        assert up.process.wait(12) == 0
    assert not descendants(up.process.pid)


def test_it_prints_where_it_is_and_a_command_that_works(running: Running) -> None:
    """The curl is taken from the screen as it stands and run by a shell."""
    screen = running.output.read_text()
    command = re.search(r"^ +curl .*?(?:[^\\]\n)", screen, re.DOTALL | re.MULTILINE)
    assert command is not None, screen
    done = subprocess.run(["bash", "-c", command.group()], capture_output=True, text=True, check=False)
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    assert " 200 " in head.splitlines()[0], done
    assert "x-handrail-turn" in head.lower()
    assert json.loads(body)["choices"][0]["message"]["content"]
    turn = re.search(r"x-handrail-turn: (\S+)", head, re.IGNORECASE)
    assert turn is not None
    running.until(lambda: turn.group(1) in running.output.read_text())
    assert "I had a long day" not in running.output.read_text().split("Turns as they pass", 1)[1]


def test_keys_are_private_and_nothing_but_the_gateway_listens_on_tcp_for_others(running: Running) -> None:
    """The data folder is 0700, each secret 0600."""
    assert stat.S_IMODE(running.home.stat().st_mode) == 0o700
    for name in ("first-key", "first-reviewer", "master.key"):
        assert stat.S_IMODE((running.home / name).stat().st_mode) == 0o600, name
    assert (running.home / "first-key").read_text().startswith("hr_")
    assert len((running.home / "first-reviewer").read_text().splitlines()) == 2


def test_the_first_reviewer_signs_in_where_the_screen_says(running: Running) -> None:
    """At the address that is printed, with the tenant that is printed, and the two lines of the file that is printed."""
    line = re.search(
        r"^  console +(\S+)  tenant (\S+), name and password in (\S+)$", running.output.read_text(), re.MULTILINE
    )
    assert line is not None, running.output.read_text()
    address, tenant, file = line.groups()
    name, password = Path(file).read_text().split()
    with httpx.Client(follow_redirects=True, timeout=20) as browser:
        page = browser.get(address)
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert csrf is not None, page.text
        form = {"csrf": csrf.group(1), "tenant": tenant, "name": name, "password": password}
        inside = browser.post(f"{address}/login", data=form)
        assert inside.url.path == "/review/queue", inside.text
        assert f'<span class="name">{name}</span>' in inside.text
    with urllib.request.urlopen(f"{running.address}/readyz", timeout=5) as reply:  # noqa: S310
        assert json.load(reply)["console"] == "answers"


def test_a_second_one_on_the_same_folder_is_refused_with_the_first_one_s_number(running: Running) -> None:
    """In one sentence, without a traceback, and the first goes on."""
    done = subprocess.run(
        [sys.executable, "-m", "guard.cli.main", "up", "--port", "0", "--data-dir", str(running.home)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"process {running.process.pid}" in done.stderr
    assert "Traceback" not in done.stderr
    assert running.ready()


@pytest.mark.parametrize("role", ["scorer", "worker", "console", "gateway", "demo", "postgres -D"])
def test_any_process_that_is_killed_comes_back_with_one_alert(running: Running, role: str) -> None:
    """SIGKILL: a new process, and turns are answered again."""
    pattern = role if " " in role else f"children {role}"
    (victim,) = [pid for pid, command in running.children().items() if pattern in command and alive_parent(pid, running)]
    os.kill(victim, signal.SIGKILL)
    running.until(lambda: any(pattern in command for pid, command in running.children().items() if pid != victim))
    running.until(running.ready)
    reply, headers = running.ask("hello again")
    assert reply["choices"][0]["message"]["content"]
    assert headers["x-handrail-turn"]
    shared = {"scorer": "detectors_unavailable", "postgres -D": "records_unavailable"}
    kind = shared.get(role, f"process_died:{role}")

    def told() -> bool:
        try:
            with psycopg.connect(running.url) as connection:
                found = connection.execute("select count(*) from operational_alerts where kind = %s", [kind]).fetchone()
        except psycopg.OperationalError:
            return False
        return found == (1,)

    running.until(told)


def alive_parent(pid: int, running: Running) -> bool:
    """Whether it is the supervisor's own child."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1] == str(running.process.pid)


def test_a_killed_supervisor_takes_all_along_and_the_next_one_keeps_the_data(
    tmp_path: Path, launch: Callable[..., Running]
) -> None:
    """Within two seconds nothing is left, and the next start has the turn, the same key and no trouble."""
    home = tmp_path / "data"
    first = launch(home)
    _, headers = first.ask("please remember this turn", **{"x-handrail-session": "one"})
    turn, key = headers["x-handrail-turn"], (home / "first-key").read_text()
    first.until(lambda: turn in first.output.read_text())
    children = first.children()
    assert len(children) > 5
    with psycopg.connect(first.url) as connection:
        for kind in ("detectors_unavailable", "process_died:gateway-2"):
            connection.execute(
                "insert into operational_alerts (tenant_id, id, kind) values (%s, gen_random_uuid(), %s)",
                [INSTALLATION, kind],
            )
    first.process.kill()
    killed = time.monotonic()
    first.process.wait()
    while any(alive(pid) for pid in children) and time.monotonic() - killed < 10:
        time.sleep(0.02)
    took = time.monotonic() - killed
    assert took < 2, f"{took:.1f} s; left: {[children[pid] for pid in children if alive(pid)]}"
    second = launch(home)
    assert (home / "first-key").read_text() == key
    request = urllib.request.Request(  # noqa: S310
        f"{second.address}/v1/turns/{turn}", headers={"authorization": f"Bearer {key.strip()}"}
    )
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
        assert json.load(reply)["id"] == turn
    second.until(lambda: not open_alerts(second))
    began = time.monotonic()
    second.process.send_signal(signal.SIGINT)
    assert second.process.wait(12) == 0
    assert time.monotonic() - began < 10
    assert not [pid for pid in children if alive(pid)]
    assert not Paths.of(home).address.exists()


def open_alerts(running: Running) -> list[str]:
    """The kinds of alerts that are open."""
    with psycopg.connect(running.url) as connection:
        rows = connection.execute("select kind from operational_alerts where closed_at is null").fetchall()
    return [kind for (kind,) in rows]


def test_a_very_long_path_works(tmp_path: Path, launch: Callable[..., Running]) -> None:
    """Sockets go to a short private folder; the data stay where they were asked for."""
    home = tmp_path / ("long-" * 20) / ("path-" * 20)
    up = launch(home)
    assert up.ask("hello")[1]["x-handrail-turn"]
    sockets = Paths.of(home).run
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.is_relative_to(home)
    up.process.terminate()
    assert up.process.wait(12) == 0
