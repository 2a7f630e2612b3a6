"""The console's own process on its socket, and the way to it through the gateway."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
from psycopg_pool import PoolTimeout

from guard.gateway.app import create_app
from guard.gateway.console import Console
from guard.gateway.listener import Listener
from guard.gateway.upstream import AiohttpUpstream
from guard.records.installation import compare, keys_of
from guard.records.keys import Keys
from guard.records.migrate import migrate
from guard.review.errors import ConsoleRunning
from guard.review.process import connections, listen
from guard.settings import load_settings
from guard.supervise.sockets import listen as open_socket
from tests.integration.gateway.server import Desk, OneTenant
from tests.postgres import Cluster
from tests.running import ROOT

HEAVY = ("torch", "transformers", "presidio_analyzer", "presidio_anonymizer", "spacy", "onnxruntime", "tokenizers")


def test_the_console_imports_neither_a_model_nor_redaction_and_the_gateway_no_console() -> None:
    """In processes of their own, after everything that they import was imported."""
    look = "import sys, {module}; print(*sorted(name for name in sys.modules if name.split('.')[0] in {names!r} or {extra}))"
    for module, names, extra in (
        ("guard.review.process", HEAVY, "False"),
        ("guard.gateway.service", (*HEAVY[:5], "jinja2", "argon2", "pyotp", "segno"), "name.startswith('guard.review')"),
    ):
        program = look.format(module=module, names=names, extra=extra)
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.split() == [], module


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder with keys."""
    Keys.load(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def process(database_url: str, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`handrail console`, as an operator starts it."""
    with console(database_url, home) as started:
        yield started


@contextmanager
def console(database_url: str, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One that listens in the data folder ``home``."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HANDRAIL_")}
    log = (home / "log").open("wb")
    command = [sys.executable, "-m", "guard.cli.main", "console", "--data-dir", str(home), "--database-url", database_url]
    started = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    until = time.monotonic() + 60
    while not _accepts(home / "run" / "console.sock"):
        assert started.poll() is None, (home / "log").read_text()
        assert time.monotonic() < until
        time.sleep(0.05)
    try:
        yield started
    finally:
        started.kill()
        started.wait()
        log.close()


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


@asynccontextmanager
async def gateway(at: Path, trusted: str = "127.0.0.1") -> AsyncIterator[str]:
    """A gateway whose console listens at ``at``."""
    settings = load_settings()
    listening = open_socket("127.0.0.1", 0)
    app: Any = create_app(
        desk=Desk(),
        records=OneTenant(),  # type: ignore[arg-type]
        upstream=AiohttpUpstream("http://127.0.0.1:9/v1", settings),
        settings=settings,
        live=lambda: (200, {}),
        ready=lambda: (200, {}),
        metrics=lambda: (b"", "text/plain"),
        console=Console(at),
    )
    config = uvicorn.Config(
        app, log_level="critical", lifespan="on", http=Listener, ws="none", forwarded_allow_ips=trusted
    )  # fmt: skip
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


async def test_the_console_serves_behind_the_gateway_and_ends_in_time(process: subprocess.Popen[bytes], home: Path) -> None:
    """On a socket of mode 0600; a second one is refused; SIGTERM ends it with status 0 and takes the socket along."""
    path = home / "run" / "console.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ConsoleRunning):
        listen(path)
    async with gateway(path) as url, httpx.AsyncClient(base_url=url) as client:
        page = await client.get("/review/login")
        assert page.status_code == 200
        assert "<h1>Sign in</h1>" in page.text
        assert len(page.headers.get_list("date")) == 1
        assert (await client.get("/review")).headers["location"] == "/review/login"
        css = await client.get("/review/static/handrail.css")
        assert css.headers["content-type"].startswith("text/css")
        assert (await client.get("/reviews")).status_code == 404
        for odd in ("%2e%2e/metrics", "%ff%fe", "%00", "x?%ff=%00&next=%ff", "static/%2e%2e/app.py"):
            assert (await client.get(f"/review/{odd}")).status_code == 404, odd
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 10) == 0
        assert not path.exists()
        away = await client.get("/review/login")
        assert away.status_code == 503
        assert "The console is away" in away.text
        assert away.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in away.headers["content-security-policy"]
        assert (await client.head("/review")).content == b""
    with listen(path):  # what a killed one left is replaced
        pass
    with listen(path):
        pass


async def test_a_database_that_is_away_is_said_in_words_and_its_return_is_noticed(
    process: subprocess.Popen[bytes], home: Path, cluster: Cluster, database_url: str
) -> None:
    """No trace of the error, and nothing has to be restarted."""
    async with gateway(home / "run" / "console.sock") as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        cookie = {"cookie": f"handrail_review={'x' * 43}"}
        assert (await client.get("/review/account", headers=cookie)).status_code == 303
        cluster.kill()
        try:
            answer = await client.get("/review/account", headers=cookie)
            assert answer.status_code == 503
            assert "cannot reach its records" in answer.text
            assert answer.headers["retry-after"] == "5"
            assert "psycopg" not in answer.text
        finally:
            cluster.restart()
        until = time.monotonic() + 30
        while (await client.get("/review/account", headers=cookie)).status_code != 303:
            assert time.monotonic() < until
            await asyncio.sleep(0.2)
    assert process.poll() is None
    with psycopg.connect(database_url) as connection:
        connection.execute("select 1")


async def test_a_database_of_another_key_is_not_used_when_it_comes(
    home: Path, tmp_path: Path, cluster: Cluster, database_url: str
) -> None:
    """The console started while it was away: what it sealed there nobody else could open."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await keys_of(connection, home)
    alien = tmp_path / "alien"
    admit = partial(compare, keys=Keys.load(alien), home=alien)
    async with connections(database_url, seconds=0.5, admit=admit) as pool:
        with pytest.raises(PoolTimeout):
            async with pool.connection():
                pass
    cluster.kill()
    try:
        with console(database_url, alien):
            cluster.restart()
            until = time.monotonic() + 30
            while "PostgreSQL answers and is not used" not in (alien / "log").read_text():
                assert time.monotonic() < until
                await asyncio.sleep(0.1)
    finally:
        if not cluster.running:
            cluster.restart()


async def test_a_database_of_this_key_or_of_none_yet_is_asked_until_it_is_known(empty_database_url: str, home: Path) -> None:
    """Before it is migrated too, and never again afterwards."""
    asked = 0

    async def admit(connection: Any) -> None:
        nonlocal asked
        asked += 1
        await compare(connection, Keys.load(home), home)

    pool = connections(empty_database_url, size=1, admit=admit)
    async with pool:
        async with pool.connection() as connection:
            await connection.execute("select 1")
        assert asked == 1
        await asyncio.to_thread(migrate, empty_database_url)
        for expected in (2, 2):
            await pool.drain()
            async with pool.connection() as connection:
                await connection.execute("select 1")
            assert asked == expected


class Recorder:
    """Stands at the console's socket, keeps what comes, and answers as it was told."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.seen = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line), 0)
        self.seen = head + await reader.readexactly(size)
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def recorder(path: Path, answer: bytes) -> AsyncIterator[Recorder]:
    """One at ``path``."""
    made = Recorder(answer)
    async with await asyncio.start_unix_server(made.serve, path):
        yield made


ANSWER = (
    b"HTTP/1.1 303 See Other\r\nlocation: /review/login\r\nset-cookie: a=1; HttpOnly\r\nset-cookie: b=2\r\n"
    b"connection: x-private\r\nx-private: 1\r\nkeep-alive: timeout=5\r\ntransfer-encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n0\r\n\r\n"
)


async def test_what_goes_on_is_the_request_without_keys_and_with_the_address_that_the_gateway_saw(tmp_path: Path) -> None:
    """Nothing hop by hop goes either way; cookies go both ways, each by itself."""
    path = tmp_path / "c.sock"
    async with recorder(path, ANSWER) as console, gateway(path, "192.0.2.1") as url, httpx.AsyncClient() as client:
        answer = await client.post(
            f"{url}/review/a%20b?x=%2F",
            content=b"csrf=1",
            headers={
                "authorization": "Bearer hr_secret", "x-api-key": "hr_secret", "cookie": "handrail_review=t; other=1",
                "connection": "x-mine", "x-mine": "1", "te": "trailers", "upgrade": "websocket", "x-handrail-user": "u",
                "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "forwarded": "for=203.0.113.9",
                "x-real-ip": "203.0.113.9", "content-type": "application/x-www-form-urlencoded", "origin": url,
            },
        )  # fmt: skip
    assert (answer.status_code, answer.text, answer.headers["location"]) == (303, "abc", "/review/login")
    assert answer.headers.get_list("set-cookie") == ["a=1; HttpOnly", "b=2"]
    assert not {"x-private", "keep-alive", "transfer-encoding"} & set(answer.headers)
    head = console.seen.decode().lower()
    assert head.startswith("post /review/a%20b?x=%2f http/1.1\r\n")
    assert head.endswith("\r\n\r\ncsrf=1")
    assert f"host: {url.removeprefix('http://')}\r\n" in head
    assert "cookie: handrail_review=t; other=1\r\n" in head
    assert f"origin: {url}\r\n" in head
    for never in ("hr_secret", "x-mine", "te:", "upgrade", "x-handrail", "203.0.113.9", "forwarded:", "x-real-ip", "https"):
        assert never not in head, never
    assert "x-forwarded-for: 127.0.0.1\r\n" in head
    assert "x-forwarded-proto: http\r\n" in head


async def test_a_proxy_that_is_trusted_is_believed(tmp_path: Path) -> None:
    """The address that it saw, and that it saw TLS."""
    path = tmp_path / "c.sock"
    async with recorder(path, ANSWER) as console, gateway(path, "127.0.0.1") as url, httpx.AsyncClient() as client:
        await client.get(f"{url}/review", headers={"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"})
    assert b"x-forwarded-for: 203.0.113.9\r\n" in console.seen
    assert b"x-forwarded-proto: https\r\n" in console.seen


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"", 503),
        (b"nonsense\r\n\r\n", 503),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", 503),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (17 * 1024 * 1024), 503),
    ],
)
async def test_a_console_that_breaks_off_is_said_to_be_away(tmp_path: Path, answer: bytes, status: int) -> None:
    """With a page of the gateway's own; half a page is no page."""
    path = tmp_path / "c.sock"
    async with recorder(path, answer), gateway(path) as url, httpx.AsyncClient() as client:
        got = await client.get(f"{url}/review/queue")
    assert got.status_code == status
    assert "The console is away" in got.text


async def test_a_form_beyond_the_bound_is_refused_before_it_is_sent_on(tmp_path: Path) -> None:
    """With its length declared and without."""
    path = tmp_path / "c.sock"

    async def long() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b"x" * 1024

    async with recorder(path, ANSWER) as console, gateway(path) as url, httpx.AsyncClient() as client:
        for content in (b"x" * 300_000, long()):
            answer = await client.post(f"{url}/review/x", content=content)
            assert answer.status_code == 413
            assert "This is too long" in answer.text
    assert console.seen == b""
