"""How long the console's pages take with 100,000 turns, 2,500 sessions and 1,000 cases of one tenant behind them: the real
process, through a gateway."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psycopg

from guard.review.cookies import SESSION
from tests.integration.console.test_process import gateway
from tests.integration.review.desk import desk
from tests.proof.record import record
from tests.running import ROOT

_TURNS, _SESSIONS, _CASES, _ASKED = 40, 2_500, 1_000, 60
_SLOWEST = 2.0  # seconds at the 95th percentile: what a person still takes for an answer

_COPIES = (
    "create temporary table copies as select n, gen_random_uuid() as session_id from generate_series(2, %(sessions)s) n",
    """insert into sessions select s.tenant_id, c.session_id, sha256(c.session_id::text::bytea), s.key_version, s.person,
           s.zone, s.started_at, s.last_at - c.n * interval '1 minute', s.version, s.state, s.synthetic
       from copies c cross join sessions s where s.id = %(session)s""",
    """create temporary table copied_turns as select t.id as old, c.n, c.session_id, gen_random_uuid() as id
       from copies c cross join turns t where t.session_id = %(session)s""",
    """insert into turns (tenant_id, id, at, attempt, session_id, person, ordinal, protocol, streamed, status, action,
           severity, policy, vocabulary, zone, delivered, rules, spoken, session)
       select t.tenant_id, m.id, t.at - m.n * interval '1 minute', t.attempt, m.session_id, t.person, t.ordinal, t.protocol,
           t.streamed, t.status, t.action, t.severity, t.policy, t.vocabulary, t.zone, t.delivered, t.rules, t.spoken,
           t.session
       from copied_turns m join turns t on t.id = m.old""",
    """insert into scores (tenant_id, turn_id, turn_at, attempt, side, vocabulary, model, language, covered, values, tiers)
       select s.tenant_id, m.id, s.turn_at - m.n * interval '1 minute', s.attempt, s.side, s.vocabulary, s.model, s.language,
           s.covered, s.values, s.tiers
       from copied_turns m join scores s on s.turn_id = m.old""",
    """insert into cases (tenant_id, id, case_key, session_id, person, first_turn, last_turn, severity, assigned_to, state,
           opened_at, raised_at, acknowledge_by, act_by)
       select k.tenant_id, c.session_id, sha256(c.session_id::text::bytea), c.session_id, k.person, f.id, f.id, 1 + c.n %% 4,
           k.assigned_to, 'notified', k.opened_at - c.n * interval '1 minute', k.raised_at - c.n * interval '1 minute',
           k.acknowledge_by - c.n * interval '1 minute', k.act_by + c.n * interval '1 minute'
       from copies c cross join cases k join copied_turns f on f.session_id = c.session_id and f.old = k.last_turn
       where k.id = %(case)s and c.n <= %(cases)s""",
    """insert into case_events (tenant_id, case_id, id, key, kind, at, turn_id, severity, detail)
       select e.tenant_id, c.session_id, gen_random_uuid(), e.key, e.kind, e.at, f.id, e.severity, e.detail
       from copies c cross join case_events e join copied_turns f on f.session_id = c.session_id and f.old = e.turn_id
       where e.case_id = %(case)s and c.n <= %(cases)s""",
)


async def test_pages_stay_quick_with_a_hundred_thousand_turns(database_url: str, tmp_path: Path) -> None:
    home = tmp_path / "data"
    async with desk(database_url, home) as at:
        tenant = at.world.tenant()
        reviewer = at.person(tenant, "ann", "reviewer")
        for number in range(_TURNS):
            severity = 4 if number == _TURNS - 1 else 0
            _, case_id = await at.turn(tenant, "one", f"turn-{number}", severity=severity)
    [kept] = at.world.rows("select session_id, tenant_id from cases where id = %s", case_id)
    values = {"sessions": _SESSIONS, "cases": _CASES, "session": kept["session_id"], "case": case_id}
    with psycopg.connect(database_url) as connection:
        for statement in _COPIES:
            connection.execute(statement.encode(), values)
        connection.commit()
        connection.autocommit = True
        connection.execute("analyze")
        turns, cases = (
            connection.execute(f"select from {table} where tenant_id = %s".encode(), [kept["tenant_id"]]).rowcount
            for table in ("turns", "cases")
        )
    assert (turns, cases) == (_TURNS * _SESSIONS, _CASES)
    socket = home / "run" / "console.sock"
    command = [sys.executable, "-m", "guard.cli.main", "console", "--data-dir", str(home), "--database-url", database_url]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 120
        while not socket.exists():
            assert process.poll() is None and time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.05)
        rows = ["| page | median | 95th percentile | slowest | bytes |", "|---|---|---|---|---|"]
        async with (
            gateway(socket) as url,
            httpx.AsyncClient(base_url=url, timeout=60, cookies={SESSION: reviewer.token}) as client,
        ):
            pages = {
                "queue, 1,000 cases open": "/review/queue",
                "queue, severity 3 and above": "/review/queue?severity=3",
                "case, 40 turns": f"/review/cases/{case_id}",
                "its chart": f"/review/cases/{case_id}/chart.svg",
                "account": "/review/account",
                "style sheet": "/review/static/handrail.css",
            }
            for name, path in pages.items():
                took = []
                for _ in range(_ASKED):
                    began = time.perf_counter()
                    answer = await client.get(path)
                    took.append(time.perf_counter() - began)
                    assert answer.status_code == 200, (path, answer.text[:500])
                took.sort()
                middle, late = statistics.median(took), took[round(0.95 * (_ASKED - 1))]
                figures = " | ".join(f"{seconds * 1000:.0f} ms" for seconds in (middle, late, took[-1]))
                rows.append(f"| {name} | {figures} | {len(answer.content):,} |")
                assert late < _SLOWEST, (name, late)
        resident = next(
            line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("VmRSS")
        )
        size = int(resident.split()[1]) // 1024
    finally:
        process.terminate()
        status = process.wait(15)
    assert status == 0
    body = (
        f"{turns:,} turns in {_SESSIONS:,} sessions and {cases:,} open cases of one tenant. Each page asked for "
        f"{_ASKED} times, one after the other, by one client through a gateway to the console's own process, which had "
        f"{size} MiB resident afterwards.\n\n" + "\n".join(rows)
    )
    record("console-pages", body)
