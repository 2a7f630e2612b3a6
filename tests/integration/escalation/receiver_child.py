"""``python -m tests.integration.escalation.receiver_child PORT SECRET LOG``: a receiver that can be killed.

It verifies each request with the reference library, writes it down durably, and only then says that it took it.
"""

from __future__ import annotations

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


def main() -> None:
    port, secret, log = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            message = Webhook(secret).verify(body, {name.lower(): value for name, value in self.headers.items()})
            line = f"{self.path} {message['type']} {message['data'].get('case_id')} {self.headers['webhook-id']}\n"
            os.write(written, line.encode())
            os.fsync(written)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True
        block_on_close = False

    Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
