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


def test_a_slow_start_is_waited_for_as_long_as_it_is_set(tmp_path: Path) -> None:
    """Models of a slow disk take their time; those that must be fetched first take more of it, once."""
    with listen("127.0.0.1", 0) as gateway:
        house = roster(tmp_path, gateway, start_seconds=300.0)
        assert {program.ready_seconds for program in [*house.behind(), *house.gateways()]} == {300.0}
        assert {program.first_seconds for program in house.behind()} == {0.0}
        house = roster(tmp_path, gateway, external_models="go-emotions", allow_downloads=True)
        programs = {program.name: program for program in [*house.behind(), *house.gateways()]}
    assert [name for name, program in programs.items() if program.first_seconds] == ["scorer"]
    assert programs["scorer"].first_seconds == 3600.0
    assert programs["scorer"].ready_seconds == 120.0


def test_each_program_gets_the_secrets_that_it_uses_and_no_other(tmp_path: Path) -> None:
    """What the others would have to lose they do not have."""
    secrets = {name for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)}
    secrets |= {"database_url", "broker_url"}
    given = {name: "smtp://h" if name == "smtp_url" else "secret" for name in secrets - {"database_url"}}
    with listen("127.0.0.1", 0) as gateway:
        house = roster(tmp_path, gateway, **given)
        programs = [*house.behind(), *house.gateways()]
    held = {
        program.name: {name for name in secrets if f"HANDRAIL_{name.upper()}" in program.environment} for program in programs
    }
    assert held == {
        "gateway": {"database_url", "broker_url", "upstream_key"},
        "scorer": {"device_token"},
        "demo": set(),
        "worker": {"database_url", "broker_url", "smtp_url", "opinion_key"},
        "console": {"database_url"},
    }
