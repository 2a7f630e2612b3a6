"""What the supervisor starts: what each program is asked, and what it gets to know."""

from __future__ import annotations

import asyncio
from pathlib import Path
from socket import socket

from guard.settings import Settings
from guard.supervise.paths import Paths
from guard.supervise.roster import Roster
from guard.supervise.sockets import listen


def roster(folder: Path, gateway: socket, **settings: object) -> Roster:
    """One over a data folder of its own, with the demo chatbot."""
    given = Settings(data_dir=folder, **settings)  # type: ignore[arg-type]
    return Roster(given, Paths.of(folder), "postgresql://h", gateway, gateway, {})


async def test_a_gateway_that_is_not_ready_answers(tmp_path: Path) -> None:
    """With 503 for want of a tier it reads turns with the lexicon. Where nothing listens nothing answers."""

    async def unready(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    with listen("127.0.0.1", 0) as gateway:
        (program,) = roster(tmp_path, gateway).gateways()
        assert program.ready is not None
        assert program.answers is not None
        async with await asyncio.start_server(unready, sock=gateway):
            assert (await program.ready(), await program.answers()) == (False, True)
        assert not await program.answers()
