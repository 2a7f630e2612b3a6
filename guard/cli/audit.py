"""`handrail audit`: reads the audit log, and says whether it is whole."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer

from guard.cli.options import DatabaseUrl, DataDir, settings_from
from guard.cli.records import OfTenant, on_records, say, table

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from guard.records.audit_chain import Chain, Checked, Entry

__all__ = ["app"]

app = typer.Typer(help="What was done, by whom, to what: a log that only grows.", no_args_is_help=True)

_MOST_ANCHORS: Final = 1_000_000
_HASH_BYTES: Final = 32

OneTenant = Annotated[str | None, typer.Option("--tenant", help="One tenant; by default all.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


@app.command("verify")
def verify(
    tenant: OneTenant = None,
    anchors: Annotated[
        Path | None,
        typer.Option(
            help="Heads that were kept elsewhere, as `handrail audit head` prints them; - is standard input.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Walk along every chain; status 1 where one is not what was written, with the first row that tells.

    A row that was changed, dropped or swapped shows. An end that was cut off shows where the head still names it. A chain
    that was written anew from some row on, head and all, shows only against an anchor.
    """
    from guard.records import audit_chain as chain

    kept = _read_anchors(anchors) if anchors is not None else {}

    async def walk(connection: AsyncConnection[Any]) -> list[Checked]:
        only = await _tenant_id(connection, tenant) if tenant is not None else None
        named = kept if only is None else {one: rows for one, rows in kept.items() if one == only}
        return await chain.verify(connection, only=only, anchors=named)

    found = on_records(settings_from(data_dir=data_dir, database_url=database_url), walk)
    if as_json:
        _json([_as_json(one) for one in found])
    else:
        for one in found:
            say(_sentence(one))
        if not found:
            say("there is no tenant yet, and nothing to verify")
    raise typer.Exit(1 if any(one.broken for one in found) else 0)


@app.command("head")
def head(
    tenant: OneTenant = None, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Print where each chain ends: `TENANT-ID ROW HASH INSTANT NAME`, to be kept where nobody here can write."""
    from guard.records import audit_chain as chain

    async def read(connection: AsyncConnection[Any]) -> list[Chain]:
        only = await _tenant_id(connection, tenant) if tenant is not None else None
        return [one for one in await chain.chains(connection, only=only) if one.seq is not None]

    found = on_records(settings_from(data_dir=data_dir, database_url=database_url), read)
    if as_json:
        _json([_head(one) for one in found])
        return
    for one in found:
        row = _head(one)
        typer.echo(f"{row['tenant_id']} {row['row']} {row['hash']} {row['at']} {row['tenant'] or '-'}")


@app.command("show")
def show(
    tenant: OfTenant = "default",
    actor: Annotated[str | None, typer.Option(help="cli, up, reviewer:ID, …", show_default=False)] = None,
    action: Annotated[
        str | None, typer.Option(help="An action, or its first word: channel for all of channel.…", show_default=False)
    ] = None,
    subject: Annotated[str | None, typer.Option(help="case:ID, channel:NAME, …", show_default=False)] = None,
    since: Annotated[str | None, typer.Option(help="ISO 8601, UTC where it says no zone.", show_default=False)] = None,
    until: Annotated[str | None, typer.Option(help="ISO 8601, not included.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many rows.")] = 100,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Show what was done, oldest first. There is no text in it to be shown."""
    from guard.records import audit_chain as chain

    begin, end = _instant("--since", since), _instant("--until", until)

    async def read(connection: AsyncConnection[Any]) -> list[Entry]:
        found = await _tenant_id(connection, tenant)
        return await chain.show(
            connection, found, actor=actor, action=action, subject=subject, since=begin, until=end, limit=limit
        )

    rows = on_records(settings_from(data_dir=data_dir, database_url=database_url), read)
    if as_json:
        _json([{**_entry(row), "detail": _detail(row)} for row in rows])
        return
    table(
        ("row", "at (UTC)", "actor", "action", "subject", "detail"),
        [
            (str(row.seq), f"{row.at:%Y-%m-%d %H:%M:%S}", row.actor, row.action, row.subject, _words(_detail(row)))
            for row in rows
        ],
    )


async def _tenant_id(connection: AsyncConnection[Any], given: str) -> UUID:
    """Of a tenant by its name, or by its id: of a tenant that was removed only the id is left."""
    from guard.records import admin

    try:
        return UUID(given)
    except ValueError:
        return (await admin.find_tenant(connection, given)).id


def _sentence(one: Checked) -> str:
    who = f"tenant {one.chain.name}" if one.chain.name else f"tenant {one.chain.tenant_id} (removed)"
    if one.broken is None:
        if not one.rows:
            return f"{who}: nothing was written yet"
        number = "1 row" if one.rows == 1 else f"{one.rows:,} rows"
        return f"{who}: {number}, whole; the head is {(one.chain.hash or b'').hex()}"
    when = f" ({one.broken.at:%Y-%m-%d %H:%M:%S} UTC)" if one.broken.at else ""
    return f"{who}: broken at row {one.broken.seq:,}{when}: {one.broken.what}; {one.rows:,} before it are whole"


def _as_json(one: Checked) -> dict[str, Any]:
    broken = one.broken
    return {
        **_head(one.chain),
        "whole": broken is None,
        "rows": one.rows,
        "broken": broken and {"row": broken.seq, "at": broken.at and broken.at.isoformat(), "what": broken.what},
    }


def _head(chain: Chain) -> dict[str, Any]:
    return {
        "tenant": chain.name,
        "tenant_id": str(chain.tenant_id),
        "row": chain.seq,
        "hash": chain.hash and chain.hash.hex(),
        "at": chain.at and chain.at.astimezone(UTC).isoformat(),
    }


def _entry(row: Entry) -> dict[str, Any]:
    at = row.at.astimezone(UTC).isoformat()
    return {"row": row.seq, "at": at, "actor": row.actor, "action": row.action, "subject": row.subject}


def _detail(row: Entry) -> Mapping[str, Any]:
    import orjson

    found = orjson.loads(row.detail)
    return found if isinstance(found, dict) else {"": found}


def _words(detail: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_word(value)}" for name, value in detail.items())


def _word(value: object) -> str:
    return {True: "yes", False: "no", None: "none"}[value] if value is None or isinstance(value, bool) else str(value)


def _json(value: object) -> None:
    import orjson

    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def _instant(option: str, given: str | None) -> datetime | None:
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise typer.BadParameter(f"{option} is no instant: give 2026-11-27 or 2026-11-27T08:30+01:00") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _read_anchors(path: Path) -> dict[UUID, dict[int, bytes]]:
    """Hashes by tenant and row. Raises wrong usage with the number of the line that is none."""
    if str(path) == "-":
        return _anchors(sys.stdin)
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return _anchors(file)
    except OSError as error:
        raise typer.BadParameter(f"the anchors in {path} cannot be read: {error.strerror}") from None


def _anchors(lines: Iterable[str]) -> dict[UUID, dict[int, bytes]]:
    kept: dict[UUID, dict[int, bytes]] = {}
    for number, line in enumerate(lines, 1):
        parts = line.split()
        if not parts:
            continue
        if number > _MOST_ANCHORS:
            raise typer.BadParameter(f"more than {_MOST_ANCHORS:,} anchors; give fewer of the older ones")
        try:
            tenant_id, row, digest = UUID(parts[0]), int(parts[1]), bytes.fromhex(parts[2])
        except (ValueError, IndexError):
            tenant_id, row, digest = UUID(int=0), 0, b""
        if row < 1 or len(digest) != _HASH_BYTES:
            raise typer.BadParameter(f"line {number} of the anchors is not as `handrail audit head` prints it")
        before = kept.setdefault(tenant_id, {}).setdefault(row, digest)
        if before != digest:
            raise typer.BadParameter(f"line {number} of the anchors contradicts an earlier one on row {row}")
    return kept
