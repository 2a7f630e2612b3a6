"""`handrail opinion`: what a second model said of turns in the grey zone, and how far it agrees with the scores."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isnan
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import orjson
import typer

from guard.cli.options import DatabaseUrl, DataDir, settings_from

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection

    from guard.opinion.agreement import Agreement
    from guard.settings import Settings

__all__ = ["app", "sentence", "switched_on", "trouble"]

app = typer.Typer(name="opinion", help="Second opinions on turns in a grey zone: labels by a model.", no_args_is_help=True)

Tenant = Annotated[str | None, typer.Option("--tenant", help="One tenant's only.", show_default="all")]

NOTE: Final = "Labels by a model, not a clinician's. Not clinically validated."

_SENTENCES: Final = {
    "no_text": "no text is stored of it, or its key was destroyed",
    "bad_json": "the answer was no JSON, twice",
    "off_schema": "the answer did not fit the schema, twice",
    "bad_completion": "the answer was no chat completion",
    "too_large": "the answer was too large",
    "cut_off": "the answer was cut off by the endpoint",
    "content_filter": "the provider's filter held it back",
    "declined": "the model declined",
    "timeout": "the endpoint did not answer in time",
    "connect_failed": "no connection to the endpoint could be made",
    "tls_failed": "the endpoint's certificate or its TLS cannot be used",
    "protocol_error": "the endpoint did not answer as HTTP asks",
    "expired": "no answer came within a day",
    "switched_off": "second opinions were switched off for the tenant",
    "unsearched": "the scorer did not search the text for names, so nothing was sent",
    "other_rubric": "it was to be asked by a rubric that is no longer used",
    "given_up": "it was tried too often",
    "status_401": "the endpoint does not take HANDRAIL_OPINION_KEY (401)",
    "status_403": "the endpoint does not take HANDRAIL_OPINION_KEY (403)",
    "status_404": "the endpoint knows neither the path nor the model (404)",
    "status_429": "the endpoint is asked more than it allows (429)",
}


def sentence(code: str) -> str:
    """What a code means, in words."""
    kind, _, number = code.partition("_")
    if code not in _SENTENCES and kind == "status" and number.isdigit():
        return f"the endpoint answered {number}"
    return _SENTENCES.get(code, f"it failed ({code})")


def switched_on(connection: Connection[Any]) -> list[tuple[str, bool]]:
    """Names of the tenants whose text may leave for second opinions, and whether they store any."""
    rows = connection.execute(
        "select name, store_text from tenants where opinion_since is not null and disabled_at is null order by name"
    )
    return [(str(name), bool(stores)) for name, stores in rows.fetchall()]


def trouble(connection: Connection[Any], settings: Settings) -> str | None:
    """Why the endpoint that is set does not answer now, as a code; ``None`` where it does, or was not asked yet."""
    from guard.opinion.endpoint import Endpoint

    endpoint = Endpoint.of(settings)
    if endpoint is None:
        return None
    found = connection.execute(
        "select last_error from opinion_endpoints where endpoint = %s and failures > 0", [endpoint.digest]
    ).fetchone()
    return str(found[0]) if found is not None and found[0] is not None else None


@app.command("list")
def opinion_list(
    tenant: Tenant = None,
    state: Annotated[
        str | None, typer.Option(help="waiting, asked, answered, refused or failed.", show_default="all but waiting")
    ] = None,
    turn: Annotated[UUID | None, typer.Option(help="Of one turn only.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.")] = 50,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """List second opinions and what became of them."""
    from guard.cli.records import day, on_records, table
    from guard.opinion import record

    if state is not None and state not in record.STATES:
        raise typer.BadParameter(f"{state!r} is no state; give one of {', '.join(record.STATES)}", param_hint="--state")

    async def look(connection: AsyncConnection[Any]) -> list[record.Opinion]:
        await _check_tenant(connection, tenant)
        return await record.listed(connection, tenant=tenant, state=state, turn_id=turn, limit=limit)

    rows = on_records(settings_from(data_dir=data_dir, database_url=database_url), look)
    table(
        ("id", "turn", "said", "tenant", "side", "model", "why", "state", "seconds", "because"),
        [
            (
                str(row.id),
                str(row.turn_id),
                day(row.turn_at),
                row.tenant,
                row.side,
                row.model,
                _WHY[row.why],
                row.state,
                "" if row.seconds is None else f"{row.seconds:.1f}",
                "" if row.reason is None or row.state == "answered" else sentence(row.reason),
            )
            for row in rows
        ],
    )


_WHY: Final = {"near": "near a threshold", "tiers": "tiers disagree"}


@app.command("show")
def opinion_show(
    opinion_id: Annotated[UUID, typer.Argument(metavar="ID", help="As `handrail opinion list` shows it.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Show one second opinion beside the scores of the same words. No text of anybody's is in it."""
    from guard.cli.records import day, on_records, say, table
    from guard.opinion import record

    found, scores = on_records(
        settings_from(data_dir=data_dir, database_url=database_url), lambda connection: record.show(connection, opinion_id)
    )
    for what, value in (
        ("turn", f"{found.turn_id}, attempt {found.attempt}, {found.side}, of {day(found.turn_at)}"),
        ("tenant", found.tenant),
        ("asked for", _WHY[found.why]),
        ("second", found.model),
        ("rubric", found.rubric),
        ("state", found.state if found.reason is None else f"{found.state}: {sentence(found.reason)}"),
        ("text", "longer than what is sent: its beginning and end were read" if found.cut else "whole"),
        ("ended", day(found.ended_at) or "not yet"),
    ):
        say(f"{what:<10} {value}")
    if found.labels is None:
        return
    say(f"\nSecond opinion by {found.model}. {NOTE}")
    table(("label", "second opinion"), [(said.title, said.value) for said in record.in_words(found.rubric, found.labels)])
    if scores is not None:
        says = {True: "there", False: "not there", None: "unsure"}
        rows = []
        for name, second in record.second(found.rubric, found.labels).items():
            scored = scores.value(name)
            rows.append((name, "missing" if scored is None else f"{scored:.2f}", says[second]))
        say(f"Scores by {scores.model}, beside what the labels say of the same signals:")
        table(("signal", "score", "second opinion"), rows)


@app.command("agreement")
def opinion_agreement(
    tenant: Tenant = None,
    model: Annotated[str | None, typer.Option(help="Second opinions by this model only.", show_default="all")] = None,
    since: Annotated[datetime | None, typer.Option(help="Given since then (UTC).", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Show how far second opinions and scores agree: Cohen's kappa with a 95% interval, signal by signal."""
    from guard.cli.records import on_records, say, table
    from guard.opinion import agreement, comparison

    async def look(connection: AsyncConnection[Any]) -> list[agreement.Pair]:
        await _check_tenant(connection, tenant)
        after = since.replace(tzinfo=since.tzinfo or UTC) if since is not None else None
        return await comparison.compared(connection, tenant=tenant, model=model, since=after)

    found = agreement.agreement(on_records(settings_from(data_dir=data_dir, database_url=database_url), look))
    if as_json:
        typer.echo(orjson.dumps({"note": NOTE, "signals": [_entry(row) for row in found]}, option=orjson.OPT_INDENT_2))
        return
    table(
        ("signal", "n", "both", "scores only", "second only", "neither", "unsure", "same", "kappa", "95% interval"),
        [
            (
                row.signal,
                str(row.n),
                str(row.both),
                str(row.scored_only),
                str(row.second_only),
                str(row.neither),
                str(row.unsure),
                f"{row.share:.0%}" if row.n else "",
                "too few" if row.kappa is None else f"{row.kappa.value:.2f}",
                "" if row.kappa is None or isnan(row.kappa.low) else f"{row.kappa.low:.2f} to {row.kappa.high:.2f}",
            )
            for row in found
        ],
    )
    say(
        f"Two models beside each other: this says where to look, not who is right. {NOTE} Only turns in the grey zone are "
        "asked about, so agreement is lower here than on all turns. A kappa needs "
        f"{agreement.ENOUGH} turns and both answers on both sides."
    )


def _entry(row: Agreement) -> dict[str, Any]:
    kappa = row.kappa
    return {
        "signal": row.signal,
        "n": row.n,
        "both": row.both,
        "scores_only": row.scored_only,
        "second_only": row.second_only,
        "neither": row.neither,
        "unsure": row.unsure,
        "same": row.share if row.n else None,
        "kappa": None if kappa is None else {"value": kappa.value, "low": kappa.low, "high": kappa.high},
    }


async def _check_tenant(connection: AsyncConnection[Any], tenant: str | None) -> None:
    from guard.records import admin

    if tenant is not None:
        await admin.find_tenant(connection, tenant)
