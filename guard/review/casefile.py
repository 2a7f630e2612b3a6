"""All that a reviewer is shown of a case, read in one transaction. Text is not among it: see :mod:`guard.review.reveal`."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlsplit
from uuid import UUID

from psycopg import AsyncConnection

from detectors.signals import LADDER_RUNGS
from guard.opinion.record import Said, in_words, of_turn
from guard.records.encryption import DataKey, open_text, unwrap
from guard.records.errors import KeyUnusable
from guard.records.keys import Keys
from guard.review import wording
from guard.review.errors import CaseUnknown
from guard.review.queries import query
from guard.review.timeline import Estimate, RuleLine, Turn, estimates, read_scores, trace, turns
from guard.turns import session as sessions

__all__ = ["PAGE", "CaseFile", "Happening", "Note", "Person", "Rung", "SecondOpinion", "deep_link", "load", "load_course"]

PAGE: Final = 40
"""Turns on one page, and in one chart."""

_LIVE: Final = timedelta(minutes=15)  # a proposal: who wrote within it is taken to be still there
_PLACES: Final = frozenset({"turn", "session", "case"})

Connection = AsyncConnection[Any]


@dataclass(frozen=True, slots=True)
class Rung:
    """One question of the ladder: ``answer`` is yes, no, declined or unknown; ``how``: how that is known."""

    question: str
    answer: str
    how: str


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of the person now. ``local``: their time and the part of the day. ``told``: what they were told about
    people who read along, the latest first, with when."""

    live: bool
    last_at: datetime | None
    state: str
    ladder: tuple[Rung, ...]
    behaviour: str
    question_open: bool
    zone: str | None
    local: tuple[str, str] | None
    told: tuple[tuple[str, datetime], ...]
    minor: bool
    monitored: bool


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to a case: what, when, by whom where it was a person, and more in words."""

    kind: str
    words: str
    at: datetime
    severity: int
    who: str | None
    more: str


@dataclass(frozen=True, slots=True)
class Note:
    """A reviewer's note. ``text`` is ``None`` where its key was destroyed."""

    at: datetime
    who: str
    text: str | None


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What another model said of the decisive turn. ``of``: whose words it is about. ``refused``: it declined to say."""

    model: str
    of: str
    at: datetime
    labels: tuple[Said, ...]
    refused: bool
    cut: bool


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case as its page shows it. ``row``: its own columns, its lease and its tenant's (``case.sql``). ``decisive``: the
    turn that its severity rests on. ``older``: whether the session has turns before the first one here."""

    row: Mapping[str, Any]
    reason: str
    decided_at: datetime | None
    person: Person
    turns: tuple[Turn, ...]
    older: bool
    rules: tuple[RuleLine, ...]
    estimates: tuple[Estimate, ...]
    opinions: tuple[SecondOpinion, ...]
    read_by: str
    status: str
    decisive: UUID
    events: tuple[Happening, ...]
    dispositions: Sequence[Mapping[str, Any]]
    notes: tuple[Note, ...]
    link: str | None


async def load(
    connection: Connection,
    keys: Keys,
    tenant_id: UUID,
    case_id: UUID,
    now: datetime,
    before: tuple[datetime, UUID] | None = None,
) -> CaseFile:
    """The case, as a connection of :func:`guard.records.scope.tenant_scope` in the reviewer's role sees it. ``before``: the
    turn that the page ends before. Raises :class:`~guard.review.errors.CaseUnknown`."""
    of = {"tenant_id": tenant_id, "case_id": case_id}
    row = await _case(connection, tenant_id, case_id)
    cause = await (await connection.execute(query("decisive"), of)).fetchone()
    decisive: UUID = cause["turn_id"] if cause is not None and cause["turn_id"] is not None else row["last_turn"]
    shown, older = await _turns(connection, tenant_id, row, before)
    by_id = {turn["id"]: turn for turn in shown}
    if decisive not in by_id:
        extra = await connection.execute(query("turns_by_id"), {"tenant_id": tenant_id, "turn_ids": [decisive]})
        by_id |= {turn["id"]: turn for turn in await extra.fetchall()}
    scores = read_scores(await _scores(connection, tenant_id, list(by_id.values())))
    deciding, sides = by_id.get(decisive), scores.get(decisive, {})
    events = await (await connection.execute(query("events"), of)).fetchall()
    decided = await (await connection.execute(query("dispositions"), of)).fetchall()
    notes = await (await connection.execute(query("notes"), of)).fetchall()
    return CaseFile(
        row=row,
        reason=wording.reason((cause or {}).get("detail", {}).get("rules")),
        decided_at=cause["at"] if cause is not None else None,
        person=await _person(connection, tenant_id, row, now),
        turns=turns(shown, scores, case_id),
        older=older,
        rules=trace(deciding["rules"]) if deciding is not None else (),
        estimates=estimates(sides, screens=row["screens"]),
        opinions=tuple(_opinion(found) for found in await of_turn(connection, tenant_id, decisive)),
        read_by=", ".join(dict.fromkeys(one.model for one in sides.values())),
        status=deciding["status"] if deciding is not None else "unknown",
        decisive=decisive,
        events=tuple(_happening(event) for event in events),
        dispositions=decided,
        notes=tuple(_note(keys, tenant_id, note) for note in notes),
        link=deep_link(row["deep_link"], turn=decisive, session=row["session_id"], case=case_id),
    )


async def load_course(
    connection: Connection, tenant_id: UUID, case_id: UUID, before: tuple[datetime, UUID] | None = None
) -> tuple[Turn, ...]:
    """The turns of :func:`load` alone, oldest first. Raises :class:`~guard.review.errors.CaseUnknown`."""
    shown, _ = await _turns(connection, tenant_id, await _case(connection, tenant_id, case_id), before)
    return turns(shown, read_scores(await _scores(connection, tenant_id, shown)), case_id)


async def _case(connection: Connection, tenant_id: UUID, case_id: UUID) -> Mapping[str, Any]:
    values = {"tenant_id": tenant_id, "case_id": case_id}
    row: Mapping[str, Any] | None = await (await connection.execute(query("case"), values)).fetchone()
    if row is None:
        raise CaseUnknown("There is no such case, or it is not yours to see.")
    return row


async def _turns(
    connection: Connection, tenant_id: UUID, case: Mapping[str, Any], before: tuple[datetime, UUID] | None = None
) -> tuple[list[dict[str, Any]], bool]:
    """Up to :data:`PAGE` turns of the case's session, newest first, and whether there are older ones. A case of no session
    has the turns that opened and raised it."""
    if case["session_id"] is None:
        wanted = {"tenant_id": tenant_id, "turn_ids": [case["first_turn"], case["last_turn"]]}
        return await (await connection.execute(query("turns_by_id"), wanted)).fetchall(), False
    at, turn_id = before if before is not None else (None, None)
    values = {"tenant_id": tenant_id, "session_id": case["session_id"], "before_at": at, "before_id": turn_id}
    found = await (await connection.execute(query("turns_of_session"), {**values, "limit": PAGE + 1})).fetchall()
    return found[:PAGE], len(found) > PAGE


def deep_link(template: str | None, *, turn: UUID, session: UUID | None, case: UUID) -> str | None:
    """The tenant's own address for a conversation, ``{turn}``, ``{session}`` and ``{case}`` filled in; ``None`` where there
    is none, or none that can be followed: it must be https, name a host outright, and have no other place to fill."""
    if not template:
        return None
    values = {"turn": str(turn), "session": str(session) if session is not None else None, "case": str(case)}
    try:
        wanted = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    except ValueError:
        return None
    if not wanted <= _PLACES or any(values[name] is None for name in wanted):
        return None
    filled = template
    for name in wanted:
        filled = filled.replace("{" + name + "}", quote(str(values[name]), safe=""))
    try:
        parts = urlsplit(filled)
    except ValueError:
        return None
    plain = filled.isascii() and filled.isprintable() and not set(filled) & set(' "<>\\^`{|}')
    fixed = "{" not in urlsplit(template).netloc
    return filled if parts.scheme == "https" and parts.hostname and not parts.username and plain and fixed else None


async def _scores(connection: Connection, tenant_id: UUID, shown: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if not shown:
        return []
    instants = [turn["at"] for turn in shown]
    values = {
        "tenant_id": tenant_id,
        "turn_ids": [turn["id"] for turn in shown],
        "attempts": [turn["attempt"] for turn in shown],
        "since": min(instants),
        "until": max(instants),
    }
    return await (await connection.execute(query("scores_of_turns"), values)).fetchall()


async def _person(connection: Connection, tenant_id: UUID, row: Mapping[str, Any], now: datetime) -> Person:
    state = sessions.from_json(row["session_state"])
    told: list[dict[str, Any]] = []
    if row["session_id"] is not None:
        of = {"tenant_id": tenant_id, "session_id": row["session_id"]}
        told = await (await connection.execute(query("said_of_people"), of)).fetchall()
    last = row["last_at"]
    return Person(
        live=last is not None and now - last < _LIVE,
        last_at=last,
        state=state.state if row["session_id"] is not None else "unknown",
        ladder=tuple(
            Rung(
                wording.RUNG_QUESTIONS[rung], *wording.LADDER_WORDS.get(state.ladder.get(rung, "not_asked"), ("unknown", ""))
            )
            for rung in LADDER_RUNGS
        ),
        behaviour=wording.behaviour(state.behaviour),
        question_open=state.question is not None,
        zone=row["zone"],
        local=wording.local_time(row["zone"], now),
        told=tuple((wording.people_line(said["variant"]), said["at"]) for said in told),
        minor=state.minor,
        monitored=state.monitored,
    )


def _happening(event: Mapping[str, Any]) -> Happening:
    detail = event["detail"] or {}
    more = wording.listed(wording.rule_words(rule) for rule in detail.get("rules", ()))
    return Happening(
        kind=event["kind"],
        words=wording.EVENTS.get(event["kind"], event["kind"].replace("_", " ")),
        at=event["at"],
        severity=event["severity"],
        who=event["name"],
        more=f"The person {more}" if more else "",
    )


def _opinion(row: Mapping[str, Any]) -> SecondOpinion:
    return SecondOpinion(
        model=row["model"],
        of="the person's words" if row["side"] == "user" else "the reply",
        at=row["ended_at"],
        labels=in_words(row["rubric"], row["labels"]),
        refused=row["state"] == "refused",
        cut=row["cut"],
    )


def _note(keys: Keys, tenant_id: UUID, row: Mapping[str, Any]) -> Note:
    text: str | None = None
    if row["wrapped"] is not None:
        try:
            sealer = unwrap(keys, DataKey(tenant_id, row["key_id"], row["wrapped"]))
            text = wording.legible(open_text(sealer, row["note"], tenant_id=tenant_id, turn_id=row["id"], field="note"))
        except KeyUnusable:
            text = None
    return Note(row["at"], row["name"] or "a reviewer who was removed", text)
