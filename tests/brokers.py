"""A Redis and a RabbitMQ for tests: private ports, private folders, gone at the end."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final, Protocol

from kombu.connection import Connection

from tests.running import descendants

__all__ = ["Broker", "RabbitMQ", "Redis"]

_START_SECONDS: Final = 90.0


class Broker(Protocol):
    """Something that Celery speaks to."""

    url: str

    def start(self) -> None:
        """Starts it, after a crash too, and returns when it answers."""

    def kill(self) -> None:
        """Ends it as a power cut would."""

    def forget(self) -> None:
        """Loses every message that it holds."""

    def remove(self) -> None:
        """Ends it and removes its files."""


class _Server:
    """One process group in one folder."""

    url: str

    def __init__(self, name: str, ports: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"hr-{name}-"))
        self.ports = _free(ports)
        self._process: subprocess.Popen[bytes] | None = None

    def _launch(self, command: list[str], environment: dict[str, str]) -> None:
        with (self.folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=self.folder,
                env={**os.environ, **environment},
            )  # fmt: skip
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with Connection(self.url, connect_timeout=2) as connection:  # type: ignore[no-untyped-call]
                    connection.ensure_connection(max_retries=1, timeout=2)
                    return
            except Exception as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the broker did not start: {(self.folder / 'out').read_text()[-2000:]}") from error
                time.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL to it and its children at once."""
        process, self._process = self._process, None
        if process is None:
            return
        for pid in [process.pid, *descendants(process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def remove(self) -> None:
        """Ends it and removes its files."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Redis(_Server):
    """Debian's ``redis-server``, without persistence: a crash loses everything."""

    def __init__(self) -> None:
        super().__init__("redis", 1)
        self._password = secrets.token_hex(12)
        self.url = f"redis://:{self._password}@127.0.0.1:{self.ports[0]}/0"

    def start(self) -> None:
        """Starts it."""
        command = ["redis-server", "--port", str(self.ports[0]), "--bind", "127.0.0.1", "--requirepass", self._password]
        self._launch([*command, "--save", "", "--appendonly", "no", "--dir", str(self.folder)], {})

    def forget(self) -> None:
        """Drops all keys."""
        with Connection(self.url) as connection:  # type: ignore[no-untyped-call]
            connection.default_channel.client.flushall()


class RabbitMQ(_Server):
    """Debian's ``rabbitmq-server`` with its own Erlang port mapper."""

    def __init__(self) -> None:
        super().__init__("rabbit", 3)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.ports[0]}//"

    def start(self) -> None:
        """Starts it."""
        (self.folder / "plugins").write_text("[].")
        self._launch(
            ["/usr/lib/rabbitmq/bin/rabbitmq-server"],
            {
                "HOME": str(self.folder),
                "RABBITMQ_NODENAME": f"hr{self.ports[0]}@localhost",
                "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
                "RABBITMQ_NODE_PORT": str(self.ports[0]),
                "RABBITMQ_DIST_PORT": str(self.ports[1]),
                "ERL_EPMD_PORT": str(self.ports[2]),
                "ERL_EPMD_ADDRESS": "127.0.0.1",
                "RABBITMQ_BASE": str(self.folder),
                "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
                "RABBITMQ_LOG_BASE": str(self.folder / "log"),
                "RABBITMQ_LOGS": "-",
                "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
                "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none.env"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-setcookie {secrets.token_hex(12)} +S 1:1",
            },
        )

    def forget(self) -> None:
        """Purges every queue."""
        with Connection(self.url) as connection:  # type: ignore[no-untyped-call]
            for queue in ("handrail_urgent", "handrail_routine"):
                connection.default_channel.queue_purge(queue)

    def kill(self) -> None:
        """Also the port mapper, which is a daemon of its own and outlives its node."""
        super().kill()
        command = ["epmd", "-port", str(self.ports[2]), "-kill"]
        deadline = time.monotonic() + 5
        while b"Killed" not in subprocess.run(command, capture_output=True, check=False).stdout:
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)


def _free(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
