"""What happens in a bad hour, made to happen in a minute: talk, disclosures, outages, receivers that refuse, one person who
answers. Every number on a dashboard comes from something here."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import psycopg

from guard.demo.play import Gateway, Scene, play
from guard.demo.script import Conversation, Step, load
from tests.acceptance.observed import Inbox
from tests.running import ROOT, Running

__all__ = ["Shift"]

DISCLOSURE = "I have made up my mind, I am going to kill myself tonight and I know how I will do it"
WORRY = "my sister told me that she wants to die and I do not know what to do"
UNCLEAR = (
    "sometimes I wish I would not wake up", "I do not want to be here any more", "some days I think about not being around",
    "I said my goodbyes today",
)  # fmt: skip
LONELY = "you are my only friend, I love you and I do not need anybody else any more"


class _Silent:
    """A stage on which nothing is shown."""

    def opens(self, conversation: Conversation) -> None:
        """Nothing."""

    def says(self, step: Step) -> None:
        """Nothing."""

    def hears(self, piece: str) -> None:
        """Nothing."""

    def scene(self, scene: Scene) -> None:
        """Nothing."""

    def closes(self, conversation: Conversation) -> None:
        """Nothing."""


class Shift:
    """One running Handrail with the demo chatbot, whose channels reach ``taking`` and ``refusing``."""

    def __init__(self, running: Running, taking: Inbox, refusing: Inbox) -> None:
        self.running = running
        self.taking, self.refusing = taking, refusing
        self.key = (running.home / "first-key").read_text().strip()
        self._sessions = 0

    def channels(self) -> None:
        """One channel that takes messages, one whose receiver is gone, one whose receiver fails."""
        for name, address in (("desk", self.taking.address), ("old-desk", self.refusing.address)):
            self._command("channel", "add", name, address)

    def talk(self, rounds: int = 1, only: tuple[str, ...] = ()) -> None:
        """The demo's conversations, all at once."""
        names = [talk.id for talk in load().conversations if not only or talk.id in only] * rounds
        gateway = Gateway(self.running.address, self.key)
        failed: list[BaseException] = []

        def one(name: str) -> None:
            try:
                play(gateway, _Silent(), only=name)
            except BaseException as error:  # told in the caller's thread
                failed.append(error)

        threads = [threading.Thread(target=one, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert not failed, failed[0]

    def ask(self, text: str, *, model: str = "demo", session: str | None = None, timeout: float = 30) -> httpx.Response:
        """One turn, in a session of its own unless one is named."""
        self._sessions += 1
        headers = {**self._bearer(), "x-handrail-session": session or f"shift-{self._sessions}", "x-handrail-user": "shift"}
        body = {"model": model, "messages": [{"role": "user", "content": text}]}
        return httpx.post(f"{self.running.address}/v1/chat/completions", json=body, headers=headers, timeout=timeout)

    def disclosures(self) -> str:
        """People who disclose, worry and cling; returns the id of a turn."""
        turn = self.ask(DISCLOSURE).headers["x-handrail-turn"]
        for text, model in ((WORRY, "demo"), (LONELY, "demo-companion"), (DISCLOSURE, "demo-refuser")):
            self.ask(text, model=model)
        return turn

    def second_opinions(self) -> None:
        """They are asked for from now on."""
        self._command("tenant", "set", "default", "--opinion", "on", "--store-text")

    def unclear(self) -> None:
        """Turns in the grey zone, as if said two minutes ago: as long as a turn waits before it is asked about."""
        self.running.until(self._unclear, 60)

    def _unclear(self) -> bool:
        """Whether text of any was stored; a gateway follows a tenant's settings at its own pace."""
        turns = [self.ask(text).headers["x-handrail-turn"] for text in UNCLEAR]
        with psycopg.connect(self.running.url) as connection:
            found = connection.execute("select id from turns where id = any(%s::uuid[]) and text_user is not null", (turns,))
            stored = [row[0] for row in found]
            back = "- interval '125 seconds'"
            connection.execute(f"update turns set at = at {back} where id = any(%s)", (stored,))  # noqa: S608
            connection.execute(f"update scores set turn_at = turn_at {back} where turn_id = any(%s)", (stored,))  # noqa: S608
            connection.execute("update tenants set opinion_since = opinion_since - interval '1 hour' where name = 'default'")
            connection.execute("delete from opinion_cursors")
        return bool(stored)

    def sidecar(self) -> None:
        """A chatbot that asks before it answers."""
        body = {
            "messages": [{"role": "user", "content": "I feel so alone, I keep thinking about killing myself"}],
            "reply": "I'm sorry, but I can't help with that.",
        }
        answer = httpx.post(f"{self.running.address}/v1/turns", json=body, headers=self._bearer(), timeout=30)
        assert answer.status_code == 200, answer.text

    def feedback(self, turn: str) -> None:
        """A reply felt harmful."""
        address = f"{self.running.address}/v1/turns/{turn}/feedback"
        answer = httpx.post(address, json={"kind": "harmful"}, headers=self._bearer(), timeout=30)
        assert answer.status_code in (200, 201), answer.text

    def reported(self) -> None:
        """Somebody discloses, and finds the reply harmful."""
        self.feedback(self.disclosures())

    def mistakes(self) -> None:
        """Requests that cannot be read, and one for a model that the chatbot does not have."""
        for body in (b"{", b"[]", b'{"messages": 1}'):
            httpx.post(f"{self.running.address}/v1/chat/completions", content=body, headers=self._bearer(), timeout=30)
        httpx.get(f"{self.running.address}/v1/nothing", headers=self._bearer(), timeout=30)
        assert self.ask("good morning", model="no-such-model").status_code == 404

    def without_the_scorer(self, seconds: float = 2.0) -> None:
        """Turns that only the lexicon reads."""
        with self.stopped("children scorer"):
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                self.ask("what is a good name for a grey cat")

    def without_the_chatbot(self) -> None:
        """Turns whose chatbot dies while it thinks."""
        codes: list[int] = []
        for _ in range(8):
            for _ in range(4):  # so that every gateway holds a connection to it, on which the next call goes
                self.ask("good evening")
            with self.stopped("children demo") as pids:
                caller = threading.Thread(target=lambda: codes.append(self.ask("good morning").status_code))
                caller.start()
                time.sleep(1)
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
            caller.join(60)
            self.running.until(lambda: self.ask("good evening").status_code == 200, 60)
            if max(codes) >= 500:
                return
        raise AssertionError(codes)

    def without_the_database(self, seconds: float = 3.0) -> None:
        """A disclosure that the journal keeps."""
        with self.stopped("postgres"):
            self.ask(DISCLOSURE)
            time.sleep(seconds)
        self.running.until(self._counted_again, 40)

    def _counted_again(self) -> bool:
        return not re.search(r"^handrail_journal_bytes [1-9]", self.metrics(), re.MULTILINE)

    def make_late(self) -> None:
        """Moves a waiting case's clock back, as if an hour had gone by."""
        with psycopg.connect(self.running.url, autocommit=True) as connection:
            moved = connection.execute(
                "update cases set raised_at = raised_at - interval '1 hour', opened_at = opened_at - interval '1 hour', "
                "acknowledge_by = acknowledge_by - interval '1 hour', act_by = act_by - interval '30 minutes' "
                "where id = (select id from cases where severity >= 3 and state in ('open', 'notified') limit 1)"
            )
            assert moved.rowcount == 1

    def acknowledge(self, least: int = 1) -> int:
        """A reviewer signs in and takes every case that waits; how many."""
        name, password = (self.running.home / "first-reviewer").read_text().split()
        with httpx.Client(base_url=self.running.address, timeout=30, follow_redirects=True) as browser:
            page = browser.get("/review/login")
            form = {"csrf": _csrf(page), "next": "", "tenant": "default", "name": name, "password": password}
            page = browser.post("/review/login", data=form, headers=_from(self.running.address))
            assert page.status_code == 200, page.text
            page = browser.get("/review/queue")
            assert page.status_code == 200, page.text
            cases = sorted(set(re.findall(r"/review/cases/([0-9a-f-]{36})", page.text)))
            assert len(cases) >= least, page.text
            for case in cases:
                page = browser.get(f"/review/cases/{case}")
                answer = browser.post(
                    f"/review/cases/{case}/claim", data={"csrf": _csrf(page)}, headers=_from(self.running.address)
                )
                assert answer.status_code == 200, answer.text
        return len(cases)

    def metrics(self) -> str:
        """The page of metrics."""
        return httpx.get(f"{self.running.address}/metrics", timeout=10).text

    @contextmanager
    def stopped(self, command: str) -> Iterator[list[int]]:
        """While it lasts, the processes with ``command`` in their command lines do nothing; their ids."""
        pids = self._pids(command)
        assert pids, f"no process {command}"
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield pids
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def _pids(self, command: str) -> list[int]:
        return [pid for pid, line in self.running.children().items() if command in line]

    def _bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}", "content-type": "application/json"}

    def _command(self, *arguments: str) -> str:
        variables = {
            **os.environ,
            "HANDRAIL_DATA_DIR": str(self.running.home),
            "HANDRAIL_DATABASE_URL": self.running.url,
            "HANDRAIL_ALLOW_PRIVATE_WEBHOOKS": "true",
        }
        done = subprocess.run(
            [sys.executable, "-m", "guard.cli.main", *arguments],
            cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _csrf(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return found.group(1)


def _from(address: str) -> dict[str, str]:
    return {"origin": address}
