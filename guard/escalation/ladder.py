"""The ladder: who else is told of a case that nobody acknowledges, and when. The times are plain functions of an explicit
``now``; :class:`Ladder` reads the cases that are due and writes what follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, takewhile
from typing import Final

from guard.escalation.cases import Terms, terms
from guard.escalation.store import Store
from guard.records.ids import new_id

__all__ = ["HIGHEST", "Ladder", "Rung", "next_look", "rung_due"]

HIGHEST: Final = 9
"""The last rung that a channel can stand on."""

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(hours=24)
_BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class Rung:
    """How far up a case has to be told. ``number``: 1 to 9. ``everybody``: all who are on call. ``offset``: when this step
    was due after the case began to wait; ``None`` before the first one."""

    number: int
    everybody: bool
    offset: timedelta | None


def rung_due(severity: int, since: datetime, now: datetime, *, live: bool) -> Rung:
    """The latest step that is due at ``now`` for a case of ``severity`` that waits since ``since``. ``live``: the person is
    still in the conversation.

    The first rung is told when the case is opened. With every further ``Terms.rung`` the next one is told and those before
    it are reminded; at ``Terms.everybody`` all are. Who still does not answer after an hour is reminded every hour, after
    a day every day. Severity 2 has one step, severities 1 and 0 have none.
    """
    promise = terms(severity, live=live)
    elapsed = now - since
    if promise.rung is None or elapsed < promise.rung:
        everybody = promise.everybody is not None and elapsed >= promise.everybody
        return Rung(1, everybody, promise.everybody if everybody else None)
    offset = max(takewhile(lambda step: step <= elapsed, _steps(promise)))
    number = min(1 + elapsed // promise.rung, HIGHEST)
    return Rung(number, promise.everybody is not None and elapsed >= promise.everybody, offset)


def next_look(severity: int, since: datetime, now: datetime) -> datetime | None:
    """When the next step can be due at the earliest, whether or not the person comes back; ``None`` where none follows."""
    elapsed = now - since
    return next((since + step for step in _steps(terms(severity, live=True)) if step > elapsed), None)


def _steps(promise: Terms) -> Iterator[timedelta]:
    """Instants at which somebody is told, after the case began to wait: ascending, endless where it has to be."""
    if promise.rung is None:
        return
    if promise.everybody is None:
        yield promise.rung
        return
    quick = [promise.rung * n for n in range(1, max(1, _HOUR // promise.rung) + 1)]
    yield from sorted({*quick, promise.everybody, *(_HOUR * n for n in range(1, 25))})
    yield from (_DAY * n for n in count(2))


class Ladder:
    """Writes the ladder's messages and lets what may expire expire. For the leading worker; safe to run twice at once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def climb(self) -> int:
        """Tells the next rung of each case whose time has come; returns how many were told. One step a case, however many
        were missed: what is due now is what counts. Whom an earlier step of this ladder told is reminded, also where the
        person has left since and rungs come more slowly. Of a case that was abandoned the first rung is told at once."""
        told = 0
        with self._store.transaction():
            for row in self._store.rows("ladder", {"batch": _BATCH}):
                case = {"tenant_id": row["tenant_id"], "case_id": row["id"]}
                rung = rung_due(row["severity"], row["since"], row["now"], live=row["live"])
                number = max(rung.number, row["rung"])
                offset = timedelta(0) if row["abandoned"] and rung.offset is None else rung.offset
                if offset is not None and row["heard"]:
                    seconds = round(offset.total_seconds())
                    told += self._store.run(
                        "climb",
                        case
                        | {
                            "outbox_id": new_id(),
                            "event_id": new_id(),
                            "key": f"unacknowledged:{row['id']}:{row['since'].timestamp():.0f}:{seconds}",
                            "rung": number,
                            "everybody": rung.everybody,
                            "reason": "abandoned" if row["abandoned"] else None,
                        },
                    )
                look = next_look(row["severity"], row["since"], row["now"])
                self._store.run("look", case | {"rung": number, "at": look})
        return told

    def expire(self) -> int:
        """Closes cases of severity 0 and 1 that nobody looked at until their time was over; returns how many."""
        return self._store.run("expire", {"batch": _BATCH})
