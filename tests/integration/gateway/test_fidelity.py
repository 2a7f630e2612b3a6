"""Through the official client, the gateway is the chatbot: the same objects, errors and headers as a direct call gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import orjson
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from guard.turns.contract import Delivered
from tests.integration.gateway.server import ASK, DONE, KEY, SSE, Desk, House, fixed, house

_USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "prompt_tokens_details": {"cached_tokens": 1}}
_TOKEN = {
    "token": "Hi",
    "logprob": -0.5,
    "bytes": [72, 105],
    "top_logprobs": [{"token": "Yo", "logprob": -1, "bytes": None}],
}
_CALLS = [
    {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": f'{{"place": "{place}"}}'}}
    for at, (name, place) in enumerate((("weather", "Oslo"), ("time", "Lima")))
]
_MESSAGES: dict[str, dict[str, Any]] = {
    "plain": {"role": "assistant", "content": "Hi", "refusal": None},
    "empty": {"role": "assistant", "content": ""},
    "null": {"role": "assistant", "content": None},
    "unicode": {"role": "assistant", "content": "Zażółć 🌍 \u2028 \"quoted\" \\ back", "refusal": None},
    "tools": {"role": "assistant", "content": None, "tool_calls": _CALLS},
    "refusal": {"role": "assistant", "content": None, "refusal": "I cannot help with that here."},
    "reasoning": {"role": "assistant", "content": "Hi", "reasoning_content": "They greet me. I greet back."},
    "openrouter": {"role": "assistant", "content": "Hi", "reasoning": "They greet me.", "reasoning_details": [
        {"type": "reasoning.text", "text": "They greet me.", "format": "unknown", "index": 0}]},
    "unknown": {"role": "assistant", "content": "Hi", "mood": {"valence": 0.2, "note": "calm and plain"}, "x": [1, None]},
    "cited": {"role": "assistant", "content": "Hi", "annotations": [
        {"type": "url_citation", "url_citation": {"url": "https://example.org/a", "title": "A page", "start_index": 0}}]},
    "image": {"role": "assistant", "content": "Hi", "images": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0KGgo" * 4000}}]},
    "audio": {"role": "assistant", "content": None, "audio": {
        "id": "audio_1", "data": "UklGRg" * 3000, "transcript": "Hi there.", "expires_at": 9}},
}  # fmt: skip
_MORE = {
    "system_fingerprint": "fp_1",
    "service_tier": "default",
    "provider": "Some Provider",
    "citations": ["https://x.org/1"],
}


def _envelope(kind: str, **more: Any) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": "m-1", **_MORE, **more}


def _whole(message: dict[str, Any], choices: int = 1) -> bytes:
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    logprobs = {"content": [_TOKEN], "refusal": None} if message.get("content") == "Hi" else None
    listed = [
        {"index": at, "message": message, "logprobs": logprobs, "finish_reason": finish, "odd": {"a": at}}
        for at in range(choices)
    ]
    return orjson.dumps(_envelope("chat.completion", choices=listed, usage=_USAGE), option=orjson.OPT_INDENT_2)


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    """A message as deltas."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for name, value in message.items():
        if name == "tool_calls":
            for at, call in enumerate(value):
                function = call["function"]
                deltas.append({"tool_calls": [{"index": at, **call, "function": {**function, "arguments": ""}}]})
                letters = function["arguments"]
                deltas += [{"tool_calls": [{"index": at, "function": {"arguments": letter}}]} for letter in letters]
        elif name in ("content", "refusal", "reasoning_content", "reasoning") and value:
            deltas += [{name: value[at : at + 3]} for at in range(0, len(value), 3)]
        elif name != "role" and value is not None:
            deltas.append({name: value})
    return deltas


def _stream(message: dict[str, Any], choices: int = 1) -> bytes:
    events: list[dict[str, Any]] = []
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    for delta in _parts(message):
        events += [{"index": at, "delta": delta, "logprobs": None, "finish_reason": None} for at in range(choices)]
    events += [{"index": at, "delta": {}, "logprobs": None, "finish_reason": finish} for at in range(choices)]
    bodies = [_envelope("chat.completion.chunk", choices=[event], usage=None, obfuscation="aB3x") for event in events]
    bodies.append(_envelope("chat.completion.chunk", choices=[], usage=_USAGE))
    return b"".join(b"data: " + orjson.dumps(body) + b"\n\n" for body in bodies) + DONE


def _client(address: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{address}/v1", api_key=KEY, max_retries=0)


_ASKED: dict[str, Any] = {
    "model": "m", "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "name": "ann", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}]},
        {"role": "assistant", "content": None, "tool_calls": _CALLS},
        {"role": "tool", "tool_call_id": "call_0", "content": "3 degrees"}, {"role": "user", "content": "hi"}],
    "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
    "temperature": 0.25, "logprobs": True, "top_logprobs": 1, "seed": 7, "logit_bias": {"5": -1.5},
    "extra_body": {"unheard_of": {"deep": [1, {"x": None}]}, "top_k": 40},
}  # fmt: skip


@pytest.mark.parametrize("choices", [1, 3])
@pytest.mark.parametrize("name", _MESSAGES)
async def test_whole_replies(name: str, choices: int) -> None:
    async with house(Desk(), fixed(_whole(_MESSAGES[name], choices))) as home:
        got = []
        for address in (home.direct, home.url):
            async with _client(address) as client:
                got.append(await client.chat.completions.create(**_ASKED, n=choices))
        assert got[0].model_dump() == got[1].model_dump()
        bodies = [seen.split(b"\r\n\r\n", 1)[1] for seen in home.seen]
        assert bodies[0] == bodies[1]


@pytest.mark.parametrize("choices", [1, 3])
@pytest.mark.parametrize("name", _MESSAGES)
async def test_streams(name: str, choices: int) -> None:
    async with house(Desk(), fixed(_stream(_MESSAGES[name], choices), SSE)) as home:
        got = []
        for address in (home.direct, home.url):
            async with _client(address) as client:
                stream = await client.chat.completions.create(
                    **_ASKED, n=choices, stream=True, stream_options={"include_usage": True}
                )
                got.append([chunk.model_dump() async for chunk in stream])
        assert got[0] == got[1]
        assert got[1][-1]["usage"]["total_tokens"] == 7


@pytest.mark.parametrize(
    "name", [name for name in _MESSAGES if name not in ("openrouter", "cited", "image", "audio", "unknown")]
)
async def test_accumulated_streams(name: str) -> None:
    async with house(Desk(), fixed(_stream(_MESSAGES[name]), SSE)) as home:
        got = []
        for address in (home.direct, home.url):
            async with _client(address) as client, client.chat.completions.stream(model="m", messages=ASK) as stream:
                events = [event.type async for event in stream]
                got.append((events, (await stream.get_final_completion()).model_dump()))
        assert got[0] == got[1]


def _sync(address: str) -> tuple[Any, list[Any], Any]:
    with OpenAI(base_url=f"{address}/v1", api_key=KEY, max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(model="m", messages=ASK)
        stream = [chunk.model_dump() for chunk in client.chat.completions.create(model="m", messages=ASK, stream=True)]
        return raw.parse().model_dump(), stream, raw.headers


async def test_sync_client_and_raw_headers() -> None:
    headers = "".join(
        f"{name}: {value}\r\n"
        for name, value in (
            ("x-request-id", "req_1"), ("openai-processing-ms", "12"), ("x-ratelimit-remaining-tokens", "5"),
            ("openai-organization", "org"), ("x-odd", "Zürich"), ("set-cookie", "a=b"), ("alt-svc", "h3"),
            ("strict-transport-security", "max-age=1"), ("access-control-allow-origin", "*"), ("etag", "x"),
            ("x-handrail-action", "lie"), ("x-handrail-turn", "lie"), ("clear-site-data", "*"), ("server", "s"),
            ("nel", "{}"), ("content-digest", "x"), ("keep-alive", "timeout=9"), ("x-hop", "1"),
        )
    )  # fmt: skip

    async def up(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        stream = orjson.loads(body).get("stream")
        answer = _stream(_MESSAGES["plain"]) if stream else _whole(_MESSAGES["plain"])
        kind = SSE if stream else "application/json"
        top = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(answer)}\r\n{headers}"
        writer.write(top.encode("latin-1") + b"connection: close, x-hop\r\n\r\n" + answer)

    async with house(Desk(), up) as home:
        direct, ours = [await asyncio.to_thread(_sync, address) for address in (home.direct, home.url)]
        assert direct[:2] == ours[:2]
        for name in ("x-request-id", "openai-processing-ms", "x-ratelimit-remaining-tokens", "openai-organization", "x-odd"):
            assert ours[2][name] == direct[2][name]
        for name in ("set-cookie", "alt-svc", "strict-transport-security", "access-control-allow-origin", "etag", "nel",
                     "clear-site-data", "content-digest", "keep-alive", "x-hop"):  # fmt: skip
            assert name in direct[2]
            assert name not in ours[2]
        assert ours[2]["x-handrail-action"] == "allow"
        assert len(ours[2].get_list("x-handrail-turn")) == 1
        assert ours[2]["x-handrail-turn"] != "lie"


class _Plan(BaseModel):
    title: str
    steps: list[str]


async def test_structured_outputs() -> None:
    text = _Plan(title='Tea — with "milk"', steps=["Boil water.", "Wait."]).model_dump_json()
    message = {"role": "assistant", "content": text, "refusal": None}
    async with house(Desk(), fixed(_whole(message))) as home:
        for address in (home.direct, home.url):
            async with _client(address) as client:
                parsed = await client.chat.completions.parse(model="m", messages=ASK, response_format=_Plan)
                assert parsed.choices[0].message.parsed == _Plan.model_validate_json(text)
    async with house(Desk(), fixed(_stream(message), SSE)) as home, _client(home.url) as client:
        async with client.chat.completions.stream(model="m", messages=ASK, response_format=_Plan) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].message.parsed == _Plan.model_validate_json(text)
        [judged] = [passage.text for passage in home.desk.passages if passage.channel == "structured"]
        assert judged == 'title\nTea — with "milk"\nsteps\nBoil water.\nWait.'


_ERRORS = {
    400: openai.BadRequestError, 401: openai.AuthenticationError, 403: openai.PermissionDeniedError,
    404: openai.NotFoundError, 409: openai.ConflictError, 422: openai.UnprocessableEntityError,
    429: openai.RateLimitError, 500: openai.InternalServerError, 503: openai.InternalServerError,
    529: openai.InternalServerError,
}  # fmt: skip


@pytest.mark.parametrize("status", _ERRORS)
async def test_errors_are_the_chatbots_own(status: int) -> None:
    body = orjson.dumps({"error": {"message": f"number {status}", "type": "t", "param": "p", "code": "c", "more": [1]}})
    extra = "retry-after: 7\r\nx-ratelimit-limit-requests: 60\r\nx-ratelimit-reset-tokens: 6m0s\r\nx-request-id: req_9\r\n"
    async with house(Desk(), fixed(body, status=f"{status} Odd", extra=extra)) as home:
        for stream in (False, True):
            caught = []
            for address in (home.direct, home.url):
                async with _client(address) as client:
                    with pytest.raises(_ERRORS[status]) as error:
                        await client.chat.completions.create(model="m", messages=ASK, stream=stream)
                caught.append(error.value)
            direct, ours = caught
            assert (ours.body, ours.message, ours.request_id) == (direct.body, direct.message, "req_9")
            assert ours.response.content == body
            for name in ("retry-after", "x-ratelimit-limit-requests", "x-ratelimit-reset-tokens"):
                assert ours.response.headers[name] == direct.response.headers[name]
            assert ours.response.headers["x-handrail-turn"]
        assert home.desk.closed == [Delivered.NONE] * 2


async def test_errors_that_are_no_json_pass_too() -> None:
    async with house(Desk(), fixed(b"<h1>busy</h1>", "text/html", "503 Busy")) as home, _client(home.url) as client:
        with pytest.raises(openai.InternalServerError) as error:
            await client.chat.completions.create(model="m", messages=ASK)
        assert error.value.response.text == "<h1>busy</h1>"


@pytest.fixture
async def listing() -> AsyncIterator[House]:
    body = b'{"object":"list","data":[{"id":"org/m","object":"model","created":1,"owned_by":"x","odd":1}],"usage":{}}'
    async with house(Desk(), fixed(body, extra="x-request-id: r\r\n")) as home:
        yield home


async def test_models_and_embeddings(listing: House) -> None:
    dumps = []
    for address in (listing.direct, listing.url):
        async with _client(address) as client:
            models = await client.models.list()
            vectors = await client.embeddings.create(model="m", input=["a", "b"])
            dumps.append((models.model_dump(), vectors.model_dump()))
    assert dumps[0] == dumps[1]


async def test_redirected_listing_is_an_error() -> None:
    up = fixed(b"", status="307 Go", extra="location: http://127.0.0.1:9/\r\n")
    async with house(Desk(), up) as home, _client(home.url) as client:
        with pytest.raises(openai.InternalServerError, match="redirect"):
            await client.models.list()


async def test_what_goes_up(listing: House) -> None:
    listing.seen.clear()
    head = {
        "authorization": f"Bearer {KEY}", "x-handrail-user": "u", "x-handrail-session": "s", "cookie": "a=b",
        "x-forwarded-for": "10.0.0.1", "x-real-ip": "10.0.0.1", "openai-beta": "a", "x-odd": "Zürich ☂",
        "openai-organization": "org", "connection": "x-hop", "x-hop": "1", "accept-encoding": "br",
    }  # fmt: skip
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items()) + "openai-beta: b\r\n"
    body = orjson.dumps({"model": "m", "input": "x"})
    raw = f"POST /v1/embeddings?a=1%202 HTTP/1.1\r\nhost: x\r\n{lines}content-length: {len(body)}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", listing.port)
    writer.write(raw.encode() + body)
    await reader.readuntil(b"\r\n\r\n")
    writer.close()
    [seen] = listing.seen
    top, _, sent = seen.partition(b"\r\n\r\n")
    assert sent == body
    assert top.startswith(b"POST /v1/embeddings?a=1%202 HTTP/1.1\r\n")
    told = dict(line.lower().split(b": ", 1) for line in top.split(b"\r\n")[1:])
    assert told[b"openai-beta"] == b"a, b"
    assert told[b"x-odd"] == "zürich ☂".encode()
    assert told[b"openai-organization"] == b"org"
    assert told[b"accept-encoding"] == b"identity"
    assert told[b"content-type"] == b"application/json"
    for name in (b"authorization", b"cookie", b"x-forwarded-for", b"x-real-ip", b"x-hop", b"user-agent", b"accept"):
        assert name not in told
    assert not any(name.startswith(b"x-handrail") for name in told)


async def test_own_key_of_the_chatbot() -> None:
    async with house(Desk(), fixed(_whole(_MESSAGES["plain"])), upstream_key="sk-up") as home, _client(home.url) as client:
        await client.chat.completions.create(model="m", messages=ASK)
        assert b"authorization: bearer sk-up" in home.seen[0].lower()
        assert KEY.encode() not in home.seen[0]
