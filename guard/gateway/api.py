"""What is not on the hot path: the sidecar, records of turns, health and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson
from fastapi import FastAPI, Request, Response

from detectors.pii.entity import EntityFinder
from detectors.pii.forms import FormsFinder
from guard.errors import RecordsUnavailable
from guard.gateway.body import parse_object, read_body
from guard.gateway.errors import BadRequest, GatewayError, NotFound, Unavailable, WrongMethod
from guard.gateway.feedback import FEEDBACK, FEEDBACK_ANSWERS, FEEDBACK_BYTES, feedback_view, read_feedback
from guard.gateway.meters import Meters
from guard.gateway.openai_chat import read_call
from guard.gateway.proxy import identify
from guard.gateway.sidecar import PROTOCOL, advise
from guard.records.contract import Records
from guard.records.feedback import LONGEST_NOTE
from guard.settings import Settings
from guard.turns.contract import Delivered, TurnDesk, TurnRequest
from guard.turns.redaction import Redaction

__all__ = ["Health", "MetricsPage", "create_api"]

Health = Callable[[], tuple[int, dict[str, Any]]]
MetricsPage = Callable[[], tuple[bytes, str]]
_WAIT_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.05
_Found = TypeVar("_Found")


def create_api(
    desk: TurnDesk,
    records: Records,
    settings: Settings,
    meters: Meters,
    *,
    live: Health,
    ready: Health,
    metrics: MetricsPage,
    finder: EntityFinder | None = None,
) -> FastAPI:
    """The FastAPI app. ``live`` and ``ready`` give a status code and a body, ``metrics`` a page and its content type.
    ``finder``: what takes out what is personal before a note is stored."""
    # A page of documentation would load its parts from elsewhere; what it is made from is at /openapi.json.
    api = FastAPI(title="Handrail", docs_url=None, redoc_url=None)

    async def failed(_: Request, error: Exception) -> Response:
        assert isinstance(error, GatewayError)  # noqa: S101
        meters.bad_request(error.reason)
        return Response(error.body(), error.status, media_type="application/json")

    async def missing(request: Request, _: Exception) -> Response:
        error = NotFound("there is no such path; /openapi.json lists those that there are", reason="unknown_path")
        return await failed(request, error)

    async def wrong(request: Request, error: Exception) -> Response:
        allow = getattr(error, "headers", {}).get("Allow", "GET")
        answer = await failed(request, WrongMethod(allow))
        answer.headers["allow"] = allow
        return answer

    async def away(request: Request, _: Exception) -> Response:
        error = Unavailable("the records cannot be read now; try again", reason="records_unavailable")
        return Response(error.body(), error.status, media_type="application/json")

    api.add_exception_handler(GatewayError, failed)
    api.add_exception_handler(RecordsUnavailable, away)  # else the framework answers 500 before anybody else can
    api.add_exception_handler(404, missing)
    api.add_exception_handler(405, wrong)

    @api.get("/healthz")
    async def healthz() -> Response:
        return _json(*live())

    @api.get("/readyz")
    async def readyz() -> Response:
        return _json(*ready())

    @api.get("/metrics")
    async def page() -> Response:
        body, kind = await asyncio.to_thread(metrics)  # reading all processes' files takes longer than a token may wait
        return Response(body, headers={"content-type": kind})

    async def find(tenant: UUID, turn: UUID) -> dict[str, Any]:
        return await _soon(lambda: records.turn(tenant, turn))

    @api.get("/v1/turns/{turn_id}")
    async def turn_record(turn_id: str, request: Request) -> Response:
        identity = await identify(records, dict(request.scope["headers"]))
        try:
            wanted = UUID(turn_id)
        except ValueError:
            raise NotFound("there is no turn with this id", reason="unknown_turn") from None
        return _json(200, await find(identity.tenant_id, wanted))

    @api.post("/v1/turns/{turn_id}/feedback", status_code=201, openapi_extra=FEEDBACK, responses=FEEDBACK_ANSWERS)
    async def feedback(turn_id: str, request: Request) -> Response:
        """What a user says of a turn. Kept once a turn and kind; a reviewer reads it in the console's feedback queue."""
        headers = dict(request.scope["headers"])
        identity = await identify(records, headers)
        raw = await read_body(request.receive, headers.get(b"content-length"), FEEDBACK_BYTES)
        said = read_feedback(parse_object(raw, settings.max_json_depth))
        try:
            wanted = UUID(turn_id)
        except ValueError:
            raise NotFound("there is no turn with this id", reason="unknown_turn") from None
        note = said.note
        if note and identity.store_text:
            redaction = Redaction(finder or FormsFinder(), longest=settings.redact_seconds)
            note = (await redaction(note, seconds=settings.redact_seconds)).text[:LONGEST_NOTE]
        kept = await _soon(lambda: records.feedback(identity, wanted, said.kind, note))
        return _json(201 if kept.new else 200, feedback_view(kept))

    @api.post("/v1/turns")
    async def sidecar(request: Request) -> Response:
        headers = dict(request.scope["headers"])
        identity = await identify(records, headers)
        raw = await read_body(request.receive, headers.get(b"content-length"), settings.max_body_bytes)
        body = parse_object(raw, settings.max_json_depth)
        reply = body.get("reply")
        if reply is not None and not isinstance(reply, str):
            raise BadRequest("reply must be a text", reason="invalid_value", param="reply")
        shaped = {**body, "model": "sidecar", "n": 1, "stream": False}
        if "session" in body and "conversation" not in body:
            shaped["conversation"] = body["session"]
        call = read_call(shaped, raw, headers, identity, settings)
        turn = desk.begin(_sidecar(call.turn))
        delivered = Delivered.NONE
        try:
            opening = await turn.opening()
            advice = await advise(turn, opening, reply)
            await turn.settle()
            delivered = Delivered.WHOLE
            meters.turn(advice.action.word, advice.status.value, PROTOCOL)
        finally:
            turn.close(delivered)
        row = await find(identity.tenant_id, opening.attempt.turn_id)
        return _json(200, {**row, "reply": {"action": advice.action.word, "text": advice.text}})

    return api


async def _soon(ask: Callable[[], Awaitable[_Found | None]]) -> _Found:
    """What ``ask`` finds of a turn: asked again for a while, since the id may just have been given out."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _WAIT_SECONDS
    while (found := await ask()) is None:
        if loop.time() >= until:
            raise NotFound("there is no turn with this id", reason="unknown_turn")
        await asyncio.sleep(_POLL_SECONDS)
    return found


def _sidecar(turn: TurnRequest) -> TurnRequest:
    return replace(turn, protocol=PROTOCOL, effects=True)


def _json(status: int, body: Any) -> Response:
    return Response(orjson.dumps(body, default=str), status, media_type="application/json")
