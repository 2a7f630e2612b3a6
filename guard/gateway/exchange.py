"""One exchange: a turn, the call upstream, the gate between them, and what the client gets."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

import orjson

from guard.gateway.errors import GatewayError, UpstreamFailed
from guard.gateway.gate import Gate
from guard.gateway.held import Piece, Ticket
from guard.gateway.judging import TOGETHER, judge
from guard.gateway.lag import Lag
from guard.gateway.meters import Meters
from guard.gateway.openai_chat import PROTOCOL, Call
from guard.gateway.openai_frames import decode_strings, frame_pieces
from guard.gateway.openai_writer import ChunkWriter, whole_completion, whole_edited
from guard.gateway.request_headers import returned
from guard.gateway.sse import Decoder, Event, comment, data_event
from guard.gateway.unveiling import Unveiling
from guard.gateway.upstream import Upstream, UpstreamReply
from guard.gateway.upstream_json import read_object, write_object
from guard.gateway.veil import Veil, Veiled
from guard.settings import Settings
from guard.turns.contract import Delivered, Opening, OpenTurn, Reply, Status
from policies.decision import Action, Posture

__all__ = ["Exchange", "Send"]

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_ERRORS: Final = 400  # the lowest status of an error
_DONE: Final = b"[DONE]"
_INTERNAL: Final = GatewayError("something failed inside; try again", reason="internal_error").body()
_REPORTED: Final = "upstream_error"
_SHAPE: Final = "upstream_shape"
_HELD: Final = "held_too_long"
_USAGE_SECONDS: Final = 10.0
_DRAIN_SECONDS: Final = 0.25
_EVENT_STREAM: Final = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]


class Exchange:
    """Carries one chat call to its end. ``delivered`` says at any time how much has reached the client."""

    def __init__(
        self,
        call: Call,
        turn: OpenTurn,
        upstream: Upstream,
        headers: dict[str, str],
        settings: Settings,
        meters: Meters,
        veil: Veil | None = None,
    ) -> None:
        """``veil``: what the call goes upstream behind, ``None`` where it goes as it came."""
        self._call, self._turn, self._upstream, self._headers = call, turn, upstream, headers
        self._settings, self._meters = settings, meters
        self._veil = veil
        self._veiling: asyncio.Task[Veiled] | None = None
        self._unveiling: Unveiling | None = None
        self._lag = Lag(meters)
        self._opening: Opening | None = None
        self._action = Action.ALLOW
        self._status = Status.FULL
        self._reply: UpstreamReply | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._failure: GatewayError | None = None
        self._todo, self._wake, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._cut = False
        self._tail: bytes | None = None  # the upstream's own [DONE]
        self._told: tuple[bytes, Any, list[Piece]] | None = None  # the upstream's own error
        self.started = False
        self.delivered = Delivered.NONE

    async def run(self, send: Send) -> None:
        """Answers the client. Raises :class:`GatewayError` only while nothing has been sent."""
        turn = self._turn
        try:
            fetch = self._spawn(self._fetch()) if await turn.speculate() else None
            opening = self._opening = await turn.opening()
            self._action, self._status = opening.action, opening.status
            if opening.completion is not None:
                await self._drop(fetch)
                await self._complete(send, opening.completion)
                return
            if opening.guidance is not None:
                await self._drop(fetch)
                fetch = self._spawn(self._fetch(opening.guidance))
            elif fetch is None:
                fetch = self._spawn(self._fetch())
            await self._answer(send, await fetch, opening)
        except UpstreamFailed as error:
            words = None if self.started else await turn.rescue()
            if words is None:
                raise
            self._meters.upstream_failure(error.reason)
            await self._complete(send, words)
        finally:
            self._end()

    async def _answer(self, send: Send, reply: UpstreamReply, opening: Opening) -> None:
        self._reply = reply
        if reply.status >= _ERRORS and (words := await self._turn.rescue()) is not None:
            self._meters.upstream_failure("status")
            await self._complete(send, words)
        elif not 200 <= reply.status < 300:
            await self._refused(send, reply)
        elif self._call.stream:
            await self._stream(send, reply, opening)
        else:
            await self._whole(send, reply, opening)

    def handrail_headers(self) -> list[tuple[bytes, bytes]]:
        """What is known of the turn, for the response's head."""
        opening = self._opening
        if opening is None:
            return []
        return [
            (b"x-handrail-turn", str(opening.attempt.turn_id).encode()),
            (b"x-handrail-action", self._action.word.encode()),
            (b"x-handrail-status", self._status.value.encode()),
            (b"x-handrail-policy", opening.policy.encode()),
        ]

    # ---- the call upstream

    async def _fetch(self, guidance: str | None = None) -> UpstreamReply:
        call = self._call
        if self._veil is None:
            body = call.raw if guidance is None else call.guided(guidance)
        else:
            veiled = await self._behind(self._veil)
            body = orjson.dumps(veiled.body) if guidance is None else call.guided(guidance, veiled.body)
        self._lag.asked()
        return await self._upstream.open("POST", "/chat/completions", self._headers, body)

    async def _behind(self, veil: Veil) -> Veiled:
        """The call behind the veil: drawn once, however often the upstream is asked."""
        call = self._call
        if self._veiling is None:
            self._veiling = asyncio.get_running_loop().create_task(veil.call(call))
            self._veiling.add_done_callback(_noticed)
        veiled = await asyncio.shield(self._veiling)
        if veiled.restorer:
            self._unveiling = Unveiling(veiled.restorer, structured=call.structured, asked=call.choices)
        return veiled

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.append(task)
        return task

    async def _drop(self, fetch: asyncio.Task[UpstreamReply] | None) -> None:
        if fetch is None:
            return
        fetch.cancel()
        [reply] = await asyncio.gather(fetch, return_exceptions=True)
        if not isinstance(reply, BaseException):
            reply.close()

    def _end(self) -> None:
        """Lets go of everything. Waits for nothing: a server tells of a client's leaving as soon as the answer is complete,
        and the call upstream must be closed all the same."""
        for task in self._tasks:
            task.cancel()
            task.add_done_callback(_let_go) if not task.done() else _let_go(task)
        if self._veiling is not None:
            self._veiling.cancel()
        if self._opening is not None:
            self._meters.turn(self._action.word, self._status.value, PROTOCOL)

    # ---- answers

    async def _complete(self, send: Send, text: str) -> None:
        call, opening = self._call, self._opening
        assert opening is not None  # noqa: S101
        for index in range(call.choices):
            ending = await self._turn.end(Reply(index, text, "", "stop"))
            self._action, self._status = max(self._action, ending.action), ending.status
        await self._turn.settle()
        name, now = f"chatcmpl-{opening.attempt.turn_id.hex}", int(time.time())
        if call.stream:
            body = self._writer(name, now).completion(text) + self._closing() + data_event(_DONE)
            await self._send(send, 200, _EVENT_STREAM, body)
        else:
            envelope = {"id": name, "created": now, "model": call.model}
            body = whole_completion(envelope, call.choices, text, structured=call.structured)
            await self._send(send, 200, [(b"content-type", b"application/json")], body)

    def _writer(self, name: str, now: int) -> ChunkWriter:
        call = self._call
        return ChunkWriter(name, call.model, now, usage=call.usage, structured=call.structured, asked=call.choices)

    async def _refused(self, send: Send, reply: UpstreamReply) -> None:
        """The upstream's own error, as it is."""
        if not 400 <= reply.status < 600:
            raise UpstreamFailed(
                "the chatbot answered with a redirect or no known status; check its address", reason="upstream_redirect"
            )
        self._meters.upstream_failure("status")
        body = await self._collect(reply)
        await self._turn.settle()
        await self._send(send, reply.status, returned(reply.headers), body)

    async def _whole(self, send: Send, reply: UpstreamReply, opening: Opening) -> None:
        call = self._call
        raw = await self._collect(reply)
        self._lag.heard()
        body, same = read_object(raw)
        if not isinstance(body.get("choices"), list) or not all(isinstance(one, dict) for one in body["choices"]):
            raise UpstreamFailed("the chatbot's reply has no list of choices", reason=_SHAPE)
        if not body["choices"]:
            raise UpstreamFailed("the chatbot's reply has no choice", reason=_SHAPE)
        if self._unveiling is not None and self._unveiling.whole(body):
            same = False
        gate = self._gate(opening)
        pieces, mentioned, ends = frame_pieces(body, "message", structured=call.structured, asked=call.choices)
        gate.push(raw if same else write_object(body), body, pieces, mentioned, ends)
        gate.close()
        await self._judge(gate)
        outs = gate.release()
        if gate.touched:
            out = whole_edited(body, outs, structured=call.structured, asked=call.choices)
        else:
            out = b"".join(part for part in outs if isinstance(part, bytes))
        self._lag.sent()
        await self._send(send, reply.status, returned(reply.headers), out)
        self._lag.ended()

    def _gate(self, opening: Opening) -> Gate:
        return Gate(
            whole=opening.posture is Posture.WHOLE, decode=decode_strings, most=self._settings.max_response_bytes
        )  # fmt: skip

    async def _collect(self, reply: UpstreamReply) -> bytes:
        parts, size = [], 0
        async for chunk in reply.chunks():
            size += len(chunk)
            if size > self._settings.max_response_bytes:
                raise UpstreamFailed("the chatbot's reply is larger than the bound", reason="upstream_too_large")
            parts.append(chunk)
        return b"".join(parts)

    async def _send(self, send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        head = [*headers, (b"content-length", b"%d" % len(body)), *self.handrail_headers()]
        self.started = True
        await send({"type": "http.response.start", "status": status, "headers": head})
        self.delivered = Delivered.PART if status < _ERRORS else Delivered.NONE
        await send({"type": "http.response.body", "body": body})
        self.delivered = Delivered.WHOLE if status < _ERRORS else Delivered.NONE  # an error is no reply

    # ---- streams

    async def _stream(self, send: Send, reply: UpstreamReply, opening: Opening) -> None:
        kind = next((value for name, value in reply.headers if name == b"content-type"), b"")
        if not kind.lower().startswith(b"text/event-stream"):
            raise UpstreamFailed("the chatbot did not answer with an event stream", reason="upstream_content_type")
        gate = self._gate(opening)
        writer = self._writer(f"chatcmpl-{opening.attempt.turn_id.hex}", int(time.time()))
        reader = self._spawn(self._read(gate, writer, reply))
        judge = self._spawn(self._judge(gate))
        await self._first(gate, reader)
        if self._failure is not None and gate.empty:
            raise self._failure  # nothing has left, so that a plain error can be given
        head = [*returned(reply.headers), *self.handrail_headers()]
        self.started = True
        await send({"type": "http.response.start", "status": reply.status, "headers": head})
        try:
            await self._relay(send, gate, writer, reader, judge)
        except Exception:
            await send({"type": "http.response.body", "body": data_event(_INTERNAL), "more_body": True})
            raise
        if reader.done() and not reader.cancelled() and (broken := reader.exception()) is not None:
            await send({"type": "http.response.body", "body": data_event(_INTERNAL), "more_body": True})
            raise broken
        failure = self._failure
        if failure is not None and (self._cut or gate.open_choices or not gate.judged()):
            # A broken end: an error event, no [DONE], and a body that never says that it is complete.
            if failure.reason != _REPORTED or gate.touched:  # else the upstream's own has left
                await send({"type": "http.response.body", "body": data_event(failure.body()), "more_body": True})
            return
        ending = self._tail or (data_event(_DONE) if gate.touched else b"")
        await send({"type": "http.response.body", "body": self._closing() + ending})
        self.delivered = Delivered.WHOLE
        self._lag.ended()

    async def _first(self, gate: Gate, reader: asyncio.Task[None]) -> None:
        """Waits for the upstream's first frame, as long as a client may be left without a sign of life."""
        try:
            async with asyncio.timeout(self._settings.keepalive_seconds):
                while gate.empty and not gate.closed and not reader.done():
                    await self._wake.wait()
                    self._wake.clear()
        except TimeoutError:
            pass
        self._wake.set()

    async def _relay(
        self, send: Send, gate: Gate, writer: ChunkWriter, reader: asyncio.Task[None], judge: asyncio.Task[None]
    ) -> None:
        settings, loop = self._settings, asyncio.get_running_loop()
        judge.add_done_callback(lambda _: self._wake.set())
        held_since: float | None = None
        completed_at: float | None = None
        while True:
            data = b"".join([out if isinstance(out, bytes) else writer.write(out) for out in gate.release()])
            if data:
                self.delivered = Delivered.PART  # from here on nobody knows how much arrives
                self._lag.sent()
                await send({"type": "http.response.body", "body": data, "more_body": True})
            self._room.set()
            if gate.completed(self._call.choices) and not gate.closed:
                completed_at = completed_at or loop.time()
                if not self._call.usage or loop.time() - completed_at > _USAGE_SECONDS:
                    reader.cancel()
                    gate.close()
                    self._todo.set()
            if judge.done():
                if (error := judge.exception()) is not None:
                    raise error
                if not data:
                    return
                continue
            blocked = gate.blocked
            held_since = (held_since or loop.time()) if blocked else None
            late = held_since is not None and loop.time() - held_since > settings.hold_seconds
            if blocked and not gate.closed and (late or gate.held_bytes > settings.max_held_bytes):
                reader.cancel()
                await self._cut_short(gate, writer)
            wait = settings.keepalive_seconds
            if held_since is not None and not gate.closed:
                wait = min(wait, max(0.01, held_since + settings.hold_seconds - loop.time()))
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                await send({"type": "http.response.body", "body": comment("held"), "more_body": True})
            self._wake.clear()

    async def _cut_short(self, gate: Gate, writer: ChunkWriter) -> None:
        """Ends a reply that was held as long as it may be: what there is is judged as the whole, if there is something."""
        try:
            if await self._rescued(gate, writer):
                self._meters.upstream_failure(_HELD)
            elif gate.cuttable:
                for index in gate.open_choices:
                    raw = writer.end(index, "length")
                    body = orjson.loads(raw[6:])
                    gate.push(raw, body, (), (index,), ((index, "length"),))
                self._tail = data_event(_DONE)
                gate.close()
            else:
                self._fail(gate, UpstreamFailed("the chatbot's tool call is longer than can be held", reason=_HELD))
        finally:
            self._todo.set()

    async def _rescued(self, gate: Gate, writer: ChunkWriter) -> bool:
        """Whether words of ours stand in the place of a reply in which nothing was said, so that nobody is left with an
        error, even where the head or comments have left."""
        if not gate.silent or (words := await self._turn.rescue()) is None:
            return False
        call = self._call
        gate.rescue(call.choices, words, structured=call.structured)
        if call.usage:
            usage = writer.usage()
            gate.push(usage, orjson.loads(usage[6:]))
        self._action = max(self._action, Action.COMPLETE)
        return True

    async def _failed(self, gate: Gate, writer: ChunkWriter, error: GatewayError) -> None:
        try:
            rescued = await self._rescued(gate, writer)
        except Exception:
            self._fail(gate, error)
            raise
        if rescued:
            self._meters.upstream_failure(error.reason)
            return
        if self._told is not None:
            try:
                gate.push(*self._told)
            except UpstreamFailed as longer:
                error = longer
        self._fail(gate, error)

    def _fail(self, gate: Gate, error: GatewayError) -> None:
        self._meters.upstream_failure(error.reason)
        self._cut = bool(gate.open_choices) or not gate.started
        self._failure = error
        gate.close(cut=True)

    async def _read(self, gate: Gate, writer: ChunkWriter, reply: UpstreamReply) -> None:
        decoder, settings = Decoder(self._settings.max_frame_bytes), self._settings
        began = time.monotonic()
        chunks = reply.chunks()
        first = True
        try:
            async for chunk in chunks:
                self._lag.heard()
                if first:
                    first = False
                    self._meters.first_token(time.monotonic() - began)
                for event in decoder.feed(chunk):
                    if self._take(gate, writer, event):
                        break
                self._todo.set()
                self._wake.set()
                if self._tail is not None:
                    break
                while gate.held_bytes > settings.max_held_bytes:
                    if not gate.blocked:
                        gate.flush()  # else it might wait for the end of a sentence that is not read
                    self._todo.set()
                    self._room.clear()
                    await self._room.wait()
            rest = decoder.finish()
            if self._tail is None and rest.strip():
                self._take(gate, writer, decoder.parse(rest))
            if self._tail is None:
                self._rest(gate)
            if self._tail is None and (gate.open_choices or not gate.started):
                raise UpstreamFailed("the chatbot broke off in the middle of its reply", reason="upstream_cut")  # noqa: TRY301
            if not gate.started and await self._rescued(gate, writer):
                self._meters.upstream_failure(_SHAPE)
            gate.close()
        except UpstreamFailed as error:
            await self._failed(gate, writer, error)
        except Exception:
            self._fail(gate, GatewayError("the reply could not be read", reason="internal_error"))
            raise
        finally:
            self._todo.set()
            self._wake.set()
        if self._tail is not None:  # the rest of the body is read, so that the connection can be used again
            try:
                async with asyncio.timeout(_DRAIN_SECONDS):
                    async for _ in chunks:
                        pass
            except (TimeoutError, UpstreamFailed):
                reply.close()

    def _take(self, gate: Gate, writer: ChunkWriter, event: Event) -> bool:
        data = event.data
        if data is None:
            if event.safe:
                gate.push(event.safe)
            return False
        if data.strip() == _DONE:
            self._tail = event.safe
            self._rest(gate)
            return True
        body, same = read_object(data)
        writer.learn(body)
        if self._unveiling is not None and self._unveiling.frame(body):
            same = False
        call = self._call
        pieces, mentioned, ends = frame_pieces(body, "delta", structured=call.structured, asked=call.choices)
        raw = event.safe if same else data_event(write_object(body))
        if body.get("error") and not mentioned:
            self._told = raw, body, pieces  # leaves only where no words of ours can stand in its place
            raise UpstreamFailed("the chatbot reported an error in the middle of its reply", reason=_REPORTED)
        gate.push(raw, body, pieces, mentioned, ends)
        return False

    def _rest(self, gate: Gate) -> None:
        """What is held back of a pseudonym that never became whole, where the upstream ends without ending its choices."""
        call = self._call
        for body in self._unveiling.rest() if self._unveiling is not None else ():
            pieces, mentioned, ends = frame_pieces(body, "delta", structured=call.structured, asked=call.choices)
            gate.push(data_event(write_object(body)), body, pieces, mentioned, ends)

    async def _judge(self, gate: Gate) -> None:
        """Judges passages while the next arrive, then ends; returns when the reply's last byte may leave."""
        turn = self._turn
        waiting: deque[Ticket] = deque()
        while True:
            waiting.extend(gate.passages())
            if waiting:
                batch = [waiting.popleft() for _ in range(min(len(waiting), TOGETHER))]
                began = time.monotonic()
                await judge(turn, gate, batch)
                self._meters.hold_back(time.monotonic() - began)
                self._wake.set()
                continue
            ends = gate.endings()
            for reply in ends:
                ending = await turn.end(reply)
                self._action, self._status = max(self._action, ending.action), ending.status
                gate.ended(reply.choice, ending)
            if ends:
                self._wake.set()
                continue
            if gate.closed and gate.judged():
                await turn.settle()
                return
            await self._todo.wait()
            self._todo.clear()

    def _closing(self) -> bytes:
        return comment(f"handrail action={self._action.word} status={self._status.value}")


def _noticed(task: asyncio.Task[Veiled]) -> None:
    """Whoever waited for it was told; one that nobody waits for is no fault of its own."""
    if not task.cancelled():
        task.exception()


def _let_go(task: asyncio.Task[Any]) -> None:
    """Closes an answer that nobody waits for any more."""
    if not task.cancelled() and task.exception() is None and (reply := task.result()) is not None:
        reply.close()
