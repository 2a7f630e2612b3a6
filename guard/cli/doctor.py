"""`handrail doctor`: looks at an installation and says, in sentences, what is wrong with it and what to do."""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from guard.cli.finding import Finding, Grade
from guard.cli.pack_findings import pack_findings, unserved
from guard.settings import Settings
from guard.supervise import probes
from guard.supervise.paths import Paths

__all__ = ["Finding", "Grade", "examine", "findings"]

_SECONDS: Final = 2.0
_ASK_SECONDS: Final = 5.0
_SECRET_FILES: Final = ("first-key", "first-reviewer", "postgres-handrail", "postgres-postgres", "master.key")


def examine(settings: Settings, console: Console) -> int:
    """Prints all findings; 1 where one is a fault, else 0."""
    worst = 0
    for finding in findings(settings):
        word, style = finding.grade.value
        console.print(
            Text.assemble("  ", (f"{word:<6}", style), (f"{finding.what:<12}", "bold"), finding.says), soft_wrap=True
        )
        worst = max(worst, finding.grade is Grade.BAD)
    return int(worst)


def findings(settings: Settings) -> Iterator[Finding]:
    """Looks at one thing after the other. Starts nothing and changes nothing."""
    paths = Paths.of(settings.home)
    yield from _folder(paths)
    yield from _secrets(paths)
    yield _database(settings, paths)
    yield from _master_key(settings, paths)
    yield from _deliveries(settings, paths)
    yield from _evidence(settings, paths)
    yield from _opinions(settings, paths)
    yield from pack_findings(settings)
    yield from _scorer(settings, paths)
    yield _gateway(settings, paths)
    yield _console(paths)
    yield _policy(settings)
    yield from _contacts(settings)


def _folder(paths: Paths) -> Iterator[Finding]:
    for what, folder in (("data folder", paths.home), ("sockets", paths.run)):
        try:
            mode = stat.S_IMODE(folder.stat().st_mode)
        except FileNotFoundError:
            yield Finding(Grade.NOTE, what, f"{folder} does not exist yet; `handrail up` makes it")
            continue
        if mode & 0o077:
            yield Finding(Grade.BAD, what, f"{folder} can be read by others (mode {mode:04o}); run: chmod 700 {folder}")
        else:
            yield Finding(Grade.GOOD, what, f"{folder} is yours alone")


def _secrets(paths: Paths) -> Iterator[Finding]:
    there = [paths.home / name for name in _SECRET_FILES if (paths.home / name).exists()]
    open_to_others = [path for path in there if path.stat().st_mode & 0o077]
    for path in open_to_others:
        yield Finding(
            Grade.BAD, "key files", f"{path} can be read by others; run: chmod 600 {path}; then replace what it holds"
        )
    if there and not open_to_others:
        yield Finding(Grade.GOOD, "key files", f"{len(there)} files, all of mode 0600")


def _database(settings: Settings, paths: Paths) -> Finding:
    import psycopg

    from guard.records.migrate import status

    embedded = settings.database_url is None
    url = _url(settings, paths)
    if url is None:
        return Finding(Grade.NOTE, "PostgreSQL", "the embedded one was never started; `handrail up` starts it")
    try:
        psycopg.connect(url, connect_timeout=round(_SECONDS)).close()
    except psycopg.Error as error:
        if embedded:
            return Finding(Grade.NOTE, "PostgreSQL", "the embedded one does not run; `handrail up` starts it")
        return Finding(Grade.BAD, "PostgreSQL", f"HANDRAIL_DATABASE_URL cannot be reached: {str(error).splitlines()[0]}")
    return _sentence(Grade.BAD, "PostgreSQL", lambda: _migrations(status(url)))


def _url(settings: Settings, paths: Paths) -> str | None:
    """The database's address; ``None`` where there is none yet. Makes nothing."""
    from guard.supervise.postgres import EmbeddedPostgres

    if settings.database_url is None and not (paths.home / "postgres-handrail").exists():
        return None
    return settings.database_url or EmbeddedPostgres(settings.home).url


def _master_key(settings: Settings, paths: Paths) -> Iterator[Finding]:
    """Whether the folder's master key is the database's. Nothing where that cannot be asked: it is said already."""
    import psycopg

    from guard.records.installation import check

    async def ask(url: str) -> None:
        async with await psycopg.AsyncConnection.connect(
            url, connect_timeout=round(_SECONDS), autocommit=True
        ) as connection:
            await connection.execute("select set_config('statement_timeout', %s, false)", [f"{_ASK_SECONDS:.0f}s"])
            await check(connection, settings.home)

    def look(url: str) -> Finding:
        asyncio.run(ask(url))
        return Finding(Grade.GOOD, "master key", "it is the one that the database was written with")

    url = _url(settings, paths)
    if url is None:
        return
    try:
        yield _sentence(Grade.BAD, "master key", lambda: look(url))
    except psycopg.Error:
        return


def _evidence(settings: Settings, paths: Paths) -> Iterator[Finding]:
    """Whose reviewers would have nothing to judge. Nothing where database or policy cannot be asked."""
    import psycopg

    from guard.records.evidence import calls_for_people, sentence, without_evidence_now
    from policies.errors import PolicyError
    from policies.load import load_policy

    url = _url(settings, paths)
    if url is None:
        return
    try:
        with psycopg.connect(url, connect_timeout=round(_SECONDS), autocommit=True) as connection:
            names = without_evidence_now(connection)
        if names and calls_for_people(load_policy(settings.policy)):
            yield Finding(Grade.NOTE, "evidence", sentence(names))
    except (psycopg.Error, PolicyError):
        return


def _opinions(settings: Settings, paths: Paths) -> Iterator[Finding]:
    """Whose text leaves the house for second opinions, and whether anybody answers. Nothing where none is wanted."""
    import psycopg

    from guard.cli import opinion
    from guard.opinion.endpoint import Endpoint
    from guard.opinion.errors import EndpointUnfit

    try:
        endpoint = Endpoint.of(settings)
    except EndpointUnfit as error:
        yield Finding(Grade.BAD, "opinions", str(error))
        return
    url = _url(settings, paths)
    if url is None:
        return
    try:
        with psycopg.connect(url, connect_timeout=round(_SECONDS), autocommit=True) as connection:
            tenants = opinion.switched_on(connection)
            trouble = opinion.trouble(connection, settings) if endpoint is not None else None
    except psycopg.Error:
        return
    for name, stores in tenants:
        if endpoint is None:
            yield Finding(Grade.NOTE, "opinions", f"they are on for tenant {name}, but HANDRAIL_OPINION_URL is not set")
        elif not stores:
            says = f"they are on for tenant {name}, which stores no text; run: handrail tenant set {name} --store-text"
            yield Finding(Grade.NOTE, "opinions", says)
        else:
            says = f"text of tenant {name} leaves this house, redacted, for {endpoint.host} ({endpoint.model})"
            yield Finding(Grade.NOTE, "opinions", says)
    if endpoint is not None and not tenants:
        says = f"{endpoint.host} is asked nothing: they are on for no tenant; run: handrail tenant set NAME --opinion on"
        yield Finding(Grade.NOTE, "opinions", says)
    if trouble is not None:
        yield Finding(Grade.BAD, "opinions", f"the endpoint is left alone for a while: {opinion.sentence(trouble)}")


def _deliveries(settings: Settings, paths: Paths) -> Iterator[Finding]:
    """Who would be told of a case, and who was not. Nothing where the database cannot be asked: that is said already."""
    import psycopg

    from guard.cli import deliveries

    url = _url(settings, paths)
    if url is None:
        return
    try:
        with psycopg.connect(url, connect_timeout=round(_SECONDS), autocommit=True) as connection:
            connection.execute("select set_config('statement_timeout', %s, false)", [f"{_ASK_SECONDS:.0f}s"])
            unheard = deliveries.without_channel(connection)
            failing = deliveries.failing(connection)
            untold = deliveries.untold(connection)
    except psycopg.errors.QueryCanceled:
        yield Finding(Grade.NOTE, "channels", f"the database did not say within {_ASK_SECONDS:.0f} s who was told of cases")
        return
    except psycopg.Error:
        return
    for name in unheard:
        yield Finding(
            Grade.BAD,
            "channels",
            f"tenant {name} has people, but no channel for its cases; run: handrail channel add NAME URL --tenant {name}",
        )
    for row in failing:
        why = deliveries.sentence(row.error)
        yield Finding(
            Grade.BAD,
            "channels",
            f"{row.name} of tenant {row.tenant} failed at its last delivery ({row.since:%Y-%m-%d %H:%M}): {why}",
        )
    for cases in untold:
        number = "1 open case" if cases.cases == 1 else f"{cases.cases} open cases"
        yield Finding(
            Grade.BAD if cases.people else Grade.NOTE,
            "cases",
            f"tenant {cases.tenant}: no channel told of {number} of severity 3 and above; "
            f"the oldest is of {cases.oldest:%Y-%m-%d %H:%M}",
        )
    if not (unheard or failing or untold):
        yield Finding(Grade.GOOD, "channels", "no delivery failed last, and no case of severity 3 and above is untold")


def _migrations(found: object) -> Finding:
    from guard.records.migrate import MigrationStatus

    assert isinstance(found, MigrationStatus)  # noqa: S101  (what ``status`` returns)
    version = f"{found.server_version // 10000}.{found.server_version % 10000}"
    if found.waiting:
        waiting = ", ".join(found.waiting)
        return Finding(Grade.BAD, "PostgreSQL", f"version {version}; migrations wait: {waiting}; run: handrail db migrate")
    return Finding(Grade.GOOD, "PostgreSQL", f"version {version}, migrated up to {found.applied[-1]}")


def _scorer(settings: Settings, paths: Paths) -> Iterator[Finding]:
    from detectors.errors import DetectorError
    from detectors.scorer.client import ScorerClient

    async def ask() -> list[Finding]:
        if not await probes.accepts(paths.scorer_socket):
            return [Finding(Grade.NOTE, "scorer", "it does not run; `handrail up` starts it")]
        client = ScorerClient(paths.scorer_socket)
        began = time.monotonic()
        try:
            if not await client.start(_SECONDS):
                return [Finding(Grade.BAD, "scorer", f"it does not answer: {client.trouble or 'no reason is known'}")]
            report = await client.health(deadline=_SECONDS)
        finally:
            await client.close()
        took = (time.monotonic() - began) * 1000
        return [_health(report, took, paths), *unserved(settings, report["tiers"])]

    try:
        yield from asyncio.run(ask())
    except DetectorError as error:
        yield Finding(Grade.BAD, "scorer", f"{error}; see {paths.logs / 'scorer.log'}")


def _health(report: Mapping[str, Any], took: float, paths: Paths) -> Finding:
    """What the scorer says of itself after ``took`` milliseconds."""
    ailing = [name for name, tier in report["tiers"].items() if not tier["answers"]]
    if ailing:
        return Finding(Grade.BAD, "scorer", f"{', '.join(ailing)} does not answer; see {paths.logs / 'scorer.log'}")
    for tier in report["tiers"].values():
        device = tier.get("device")
        if device is not None and device["used"] != device["wanted"]:
            says = f"the model runs on {device['used']}, not on {device['wanted']}: {device['trouble']}"
            return Finding(Grade.BAD, "scorer", says)
    return Finding(Grade.GOOD, "scorer", f"{report['model']} answers (process {report['pid']}, {took:.0f} ms)")


def _gateway(settings: Settings, paths: Paths) -> Finding:
    address = f"http://127.0.0.1:{settings.port}"
    with suppress(OSError):
        address = paths.address.read_text("utf-8").strip()
    parts = urlsplit(address)
    status, _ = asyncio.run(probes.get(parts.hostname or "", parts.port or 80, "/readyz"))
    if status == 0:
        return Finding(Grade.NOTE, "gateway", f"nothing answers at {address}; `handrail up` starts it")
    if status != 200:
        return Finding(Grade.BAD, "gateway", f"{address}/readyz answers {status}; see {paths.logs / 'gateway.log'}")
    return Finding(Grade.GOOD, "gateway", f"{address} is ready")


def _console(paths: Paths) -> Finding:
    if asyncio.run(probes.accepts(paths.console_socket)):
        return Finding(Grade.GOOD, "console", "it listens; people reach it at /review on the gateway's address")
    return Finding(Grade.NOTE, "console", "it does not run; `handrail up` starts it")


def _policy(settings: Settings) -> Finding:
    def load() -> Finding:
        from policies.load import load_policy

        policy = load_policy(settings.policy)
        return Finding(Grade.GOOD, "policy", f"{settings.policy} loads, {policy.hash}")

    return _sentence(Grade.BAD, "policy", load)


def _contacts(settings: Settings) -> Iterator[Finding]:
    from policies.directory.directory import INTERNATIONAL, shipped

    contacts = [contact for contact in shipped().contacts if contact.shown]
    here = [contact for contact in contacts if contact.country == settings.country]
    here += [contact for contact in contacts if contact.country == INTERNATIONAL]
    yield Finding(
        Grade.NOTE,
        "contacts",
        "read off pages, not called: an operator confirms each number that its users can meet before going live",
    )
    if not any(contact.country == settings.country for contact in here):
        yield Finding(
            Grade.NOTE,
            "contacts",
            f"none is known for the default place ({settings.default_locale}); the international directory stands in",
        )
    for contact in here:
        ways = "; ".join(f"{channel.kind.value} {channel.value}" for channel in contact.channels)
        when = f"page of {contact.verified_at}" if contact.verified_at else f"undated page, read {contact.read_at}"
        yield Finding(Grade.NOTE, contact.country, f"{contact.name}: {ways} ({when})")
    others = len({contact.country for contact in contacts} - {settings.country, INTERNATIONAL})
    yield Finding(Grade.NOTE, "contacts", f"{others} more countries can be met by x-handrail-locale or -jurisdiction")


def _sentence(grade: Grade, what: str, look: Callable[[], Finding]) -> Finding:
    """What ``look`` finds, or the sentence of the error that it raises."""
    from guard.errors import HandrailError
    from policies.errors import PolicyError

    try:
        return look()
    except (HandrailError, PolicyError) as error:
        return Finding(grade, what, str(error))
