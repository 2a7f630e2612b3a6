"""A real Prometheus and a real Alertmanager on the running product, and whom they tell."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.running import ROOT

__all__ = ["RULES", "Inbox", "Prometheus", "alertmanager", "filled", "inbox", "prometheus", "tool"]

RULES = ROOT / "dashboards" / "prometheus"
_INSTALL = "apt-get install --yes prometheus prometheus-alertmanager chromium"


def tool(name: str) -> str:
    """The path of a program that these tests cannot do without."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not installed; run: {_INSTALL}", pytrace=False)
    return found


def filled(expr: str, rate: str = "20s", window: str = "10m") -> str:
    """A panel's query as Grafana sends it, with all installations chosen."""
    for name, value in (("$__rate_interval", rate), ("$__range", window), ("$job", ".*")):
        expr = expr.replace(name, value)
    assert "$" not in expr, expr
    return expr


@dataclass
class Inbox:
    """A receiver of webhooks that answers everything with ``status``."""

    status: int = 200
    address: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def alerts(self, name: str, status: str) -> list[dict[str, Any]]:
        """Alertmanager's alerts with this name and status, as they came in."""
        found = [alert for body in list(self.bodies) for alert in body.get("alerts", ())]
        return [alert for alert in found if alert["labels"]["alertname"] == name and alert["status"] == status]


@contextmanager
def inbox(status: int = 200) -> Iterator[Inbox]:
    """A receiver on the loopback."""
    kept = Inbox(status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(kept.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.address = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Prometheus:
    """A running one. ``address``: where its API is."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._client = httpx.Client(base_url=address, timeout=20)

    def close(self) -> None:
        """Gives its connections up."""
        self._client.close()

    def now(self, expr: str) -> list[dict[str, Any]]:
        """The instant vector."""
        return list(self._ask("/api/v1/query", query=expr)["result"])

    def over(self, expr: str, start: float, end: float, step: float = 2.0) -> list[tuple[dict[str, str], list[Any]]]:
        """Series over a span: labels, and pairs of an instant and a number."""
        answer = self._ask("/api/v1/query_range", query=expr, start=start, end=end, step=step)
        return [(series["metric"], [(at, float(value)) for at, value in series["values"]]) for series in answer["result"]]

    def rules(self) -> list[dict[str, Any]]:
        """All rules with their health."""
        answer = self._client.get("/api/v1/rules").json()
        return [rule for group in answer["data"]["groups"] for rule in group["rules"]]

    def _ask(self, path: str, **about: Any) -> dict[str, Any]:
        answer = self._client.post(path, data=about).json()
        assert answer["status"] == "success", f"{answer.get('error')}: {about.get('query')}"
        data: dict[str, Any] = answer["data"]
        return data


@contextmanager
def prometheus(folder: Path, scraped: str, managers: list[str]) -> Iterator[Prometheus]:
    """One that scrapes ``scraped`` (an address) every second with our rules, and sends alerts to ``managers``."""
    target = urlsplit(scraped)
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in sorted(RULES.glob("*.yaml"))],
        "scrape_configs": [{"job_name": "handrail", "static_configs": [{"targets": [target.netloc]}]}],
        "alerting": {
            "alertmanagers": [
                {"static_configs": [{"targets": [urlsplit(one).netloc]}], "scheme": "http"} for one in managers
            ]
        },
    }
    with _running(
        folder,
        "prometheus",
        config,
        lambda port, file: [
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'prometheus-data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ],
    ) as address:
        client = Prometheus(address)
        yield client
        client.close()


@contextmanager
def alertmanager(folder: Path, receiver: str) -> Iterator[str]:
    """One that tells ``receiver`` at once; its address."""
    config = {
        "route": {"receiver": "desk", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s"},
        "receivers": [{"name": "desk", "webhook_configs": [{"url": receiver, "send_resolved": True}]}],
    }
    with _running(
        folder,
        "prometheus-alertmanager",
        config,
        lambda port, file: [
            f"--config.file={file}",
            f"--storage.path={folder / 'alertmanager-data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ],
    ) as address:
        yield address


@contextmanager
def _running(
    folder: Path, program: str, config: Mapping[str, Any], arguments: Callable[[int, Path], list[str]]
) -> Iterator[str]:
    file = folder / f"{program}.yaml"
    file.write_text(json.dumps(config))  # JSON is YAML
    port = _free_port()
    log = folder / f"{program}.log"
    with log.open("w") as out:
        process = subprocess.Popen([tool(program), *arguments(port, file)], cwd=folder, stdout=out, stderr=out)
    try:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 30
        while not _ready(address):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def _ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/-/ready", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
