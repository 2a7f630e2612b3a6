"""Second opinions as Celery tasks. Arguments are ids and counts; every task may be repeated at any time."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from celery import Celery  # type: ignore[import-untyped]

from guard.errors import HandrailError
from guard.escalation.app import ROUTINE, database_of
from guard.escalation.store import Store
from guard.escalation.tasks import Job, has_room
from guard.opinion.endpoint import Endpoint
from guard.opinion.inquiry import Batch, Due, Inquiry, Meter
from guard.opinion.planner import Planner
from guard.opinion.redaction import Finders
from guard.opinion.rubric import RUBRICS
from guard.records.keys import Keys
from guard.settings import Settings

__all__ = ["ASK", "PLAN", "TIDY", "Opinions", "register"]

_log = logging.getLogger(__name__)

ASK: Final = "handrail.opinion"
PLAN: Final = "handrail.plan_opinions"
TIDY: Final = "handrail.tidy_opinions"

_PLAN_SECONDS: Final = 5.0
_TIDY_SECONDS: Final = 300.0
_WAITS_SECONDS: Final = 3600.0  # what was not taken up within an hour is not
_LIVES_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Opinions:
    """What the tasks work with. ``planner`` and ``inquiry`` are ``None`` while no endpoint is set: then only what is old is
    taken away."""

    store: Store
    planner: Planner | None = None
    inquiry: Inquiry | None = None

    @classmethod
    def of(
        cls,
        settings: Settings,
        meter: Meter,
        finders: Finders,
    ) -> Self:
        """As ``settings`` have it. Connects to nothing yet.

        An endpoint that cannot be used leaves second opinions off and is said in the log: nothing else of the worker waits
        for it. ``finders``: see :class:`~guard.opinion.inquiry.Inquiry`.
        """
        store = Store(database_of(settings), "opinions", package="guard.opinion")
        try:
            endpoint = Endpoint.of(settings)
        except HandrailError as error:
            _log.error("second opinions stay off", exc_info=error)
            endpoint = None
        if endpoint is None:
            return cls(store)
        keys = Keys.load(settings.home)
        meter.comparable(name for rubric in RUBRICS.values() for name in rubric.signals)
        return cls(store, Planner(store, keys, endpoint), Inquiry(store, keys, endpoint, meter, finders))

    @property
    def jobs(self) -> tuple[Job, ...]:
        """What the leading worker sends, and how often."""
        tidy = Job(TIDY, _TIDY_SECONDS)
        return (tidy,) if self.planner is None else (tidy, Job(PLAN, _PLAN_SECONDS))


def register(app: Celery, opinions: Opinions) -> None:
    """Gives ``app`` its tasks."""

    @app.task(name=PLAN)  # type: ignore[untyped-decorator]
    def plan() -> None:
        if opinions.planner is None or opinions.inquiry is None:
            return
        opinions.planner.plan()
        batch = opinions.inquiry.dispatch() if has_room(app, urgent=False) else None
        if batch is not None:
            due = [[str(one.id), one.attempts] for one in batch.due]
            app.send_task(ASK, args=[str(batch.tenant_id), due], queue=ROUTINE, argsrepr="()", ignore_result=True)

    @app.task(name=ASK)  # type: ignore[untyped-decorator]
    def ask(tenant_id: str, due: list[list[Any]]) -> None:
        if opinions.inquiry is not None:
            named = tuple(Due(UUID(opinion_id), int(attempts)) for opinion_id, attempts in due)
            opinions.inquiry.ask(Batch(UUID(tenant_id), named))

    @app.task(name=TIDY)  # type: ignore[untyped-decorator]
    def tidy() -> None:
        opinions.store.run("tidy", {"waits": _WAITS_SECONDS, "lives": _LIVES_SECONDS})
