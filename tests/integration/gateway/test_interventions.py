"""When the desk completes, appends, trims or holds, the client still gets a valid answer: read by the official client."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion
from pydantic import BaseModel

from guard.turns.contract import Delivered, VerdictKind
from policies.decision import Posture
from tests.integration.gateway.server import ASK, DONE, KEY, SSE, Desk, chunk, fixed, house

_USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


class _Plan(BaseModel):
    title: str


def _answers(choices: list[dict[str, Any]], finish: str = "stop") -> tuple[bytes, bytes]:
    """The same reply as a whole and as a stream; a choice is a message."""
    listed = [
        {"index": at, "message": {"role": "assistant", **one}, "finish_reason": finish} for at, one in enumerate(choices)
    ]
    body = {"id": "up", "object": "chat.completion", "created": 1, "model": "m", "choices": listed, "usage": _USAGE}
    events = b""
    for at, one in enumerate(choices):
        events += chunk({"role": "assistant", "content": ""}, index=at)
        for name, value in one.items():
            if name == "tool_calls":
                events += b"".join(chunk({name: [{"index": place, **call}]}, index=at) for place, call in enumerate(value))
            else:
                events += b"".join(chunk({name: letter}, index=at) for letter in value)
    for at in range(len(choices)):
        events += chunk({}, finish, index=at)
    usage = {"id": "up", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": _USAGE}
    return orjson.dumps(body), events + b"data: " + orjson.dumps(usage) + b"\n\n" + DONE


async def _both(desk: Desk, choices: list[dict[str, Any]], finish: str = "stop", **asked: Any) -> ChatCompletion:
    """What the client reads, the same from a whole reply and from an accumulated stream."""
    body, events = _answers(choices, finish)
    call = {"model": "m", "messages": ASK, "n": len(choices), **asked}
    kind = asked.pop("response_format", None)
    async with (
        house(desk, fixed(body)) as home,
        AsyncOpenAI(base_url=f"{home.url}/v1", api_key=KEY, max_retries=0) as client,
    ):
        whole: Any = await (client.chat.completions.parse if kind else client.chat.completions.create)(**call)
    async with house(desk, fixed(events, SSE)) as home, AsyncOpenAI(base_url=f"{home.url}/v1", api_key=KEY) as client:
        async with client.chat.completions.stream(**call, stream_options={"include_usage": True}) as stream:
            async for _ in stream:
                pass
        streamed: Any = await stream.get_final_completion()
    assert desk.closed == [Delivered.WHOLE] * 2
    for one, other in zip(whole.choices, streamed.choices, strict=True):
        assert one.finish_reason == other.finish_reason
        assert (one.message.content or "") == (other.message.content or "")
        assert (one.message.refusal or "") == (other.message.refusal or "")
        calls = [[call.function for call in choice.message.tool_calls or []] for choice in (one, other)]
        assert [(call.name, call.arguments) for call in calls[0]] == [(call.name, call.arguments) for call in calls[1]]
    return whole  # type: ignore[no-any-return]


_TEXT = "Hello, dear friend. SECRET is the next. And one more here."


@pytest.mark.parametrize(("posture", "kind", "text"), [
    (Posture.SENTENCE, VerdictKind.COMPLETE, "Hello, dear friend. \n\nours"), (Posture.WHOLE, VerdictKind.COMPLETE, "ours"),
    (Posture.SENTENCE, VerdictKind.TRIM, "Hello, dear friend. ours And one more here."),
    (Posture.WHOLE, VerdictKind.TRIM, "Hello, dear friend. ours And one more here."),
])  # fmt: skip
async def test_one_of_three_choices(posture: Posture, kind: VerdictKind, text: str) -> None:
    desk = Desk()
    desk.posture, desk.kind, desk.only = posture, kind, {1}
    got = await _both(desk, [{"content": _TEXT}] * 3)
    assert [choice.message.content for choice in got.choices] == [_TEXT, text, _TEXT]
    assert [choice.finish_reason for choice in got.choices] == ["stop"] * 3


async def test_all_of_three_choices() -> None:
    got = await _both(Desk(), [{"content": _TEXT}] * 3)
    assert [choice.message.content for choice in got.choices] == ["Hello, dear friend. \n\nours"] * 3


async def test_completion_in_place_of_all() -> None:
    desk = Desk()
    desk.completion = "I am here."
    got = await _both(desk, [{"content": _TEXT}] * 2)
    assert [choice.message.content for choice in got.choices] == ["I am here."] * 2


@pytest.mark.parametrize("ends", ["append", "instead"])
@pytest.mark.parametrize("posture", list(Posture))
async def test_ends(ends: str, posture: Posture) -> None:
    desk = Desk()
    desk.posture, desk.only = posture, {1}
    setattr(desk, ends, "You are not alone.")
    got = await _both(desk, [{"content": "Hello, dear friend."}] * 2)
    stays = ends == "append" or posture is not Posture.WHOLE
    assert got.choices[0].message.content == "Hello, dear friend."
    assert got.choices[1].message.content == ("Hello, dear friend.\n\n" if stays else "") + "You are not alone."


async def test_append_follows_a_reply_of_one_frame() -> None:
    desk = Desk()
    desk.append = "You are not alone."
    events = chunk({"role": "assistant", "content": "Hello, dear friend."}, "length") + DONE
    async with house(desk, fixed(events, SSE)) as home, AsyncOpenAI(base_url=f"{home.url}/v1", api_key=KEY) as client:
        stream = await client.chat.completions.create(model="m", messages=ASK, stream=True)
        chunks = [(one.choices[0].delta.content, one.choices[0].finish_reason) async for one in stream]
    assert chunks == [("Hello, dear friend.", None), ("\n\nYou are not alone.", None), (None, "length")]


@pytest.mark.parametrize("ends", [None, "instead"])
async def test_refusal_that_began_is_held(ends: str | None) -> None:
    desk = Desk()
    if ends:
        desk.instead = "I hear you."
    got = await _both(desk, [{"content": "PAUSE, I cannot help. Ask someone else."}])
    assert got.choices[0].message.content == ("I hear you." if ends else "PAUSE, I cannot help. Ask someone else.")


_CALLS = [
    {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Oslo"}'}},
    {"id": "b", "type": "function", "function": {"name": "send", "arguments": '{"text": "SEC\\u0052ET"}'}},
]


@pytest.mark.parametrize("kind", [VerdictKind.COMPLETE, VerdictKind.TRIM])
async def test_dropped_calls_end_with_stop(kind: VerdictKind) -> None:
    desk = Desk()
    desk.kind = kind
    got = await _both(desk, [{"content": "Let me see. ", "tool_calls": _CALLS}], "tool_calls")
    [choice] = got.choices
    assert choice.finish_reason == "stop"
    assert not choice.message.tool_calls
    assert choice.message.content == "Let me see. \n\nours"


async def test_calls_of_another_choice_stay() -> None:
    desk = Desk()
    got = await _both(desk, [{"tool_calls": _CALLS[:1]}, {"tool_calls": _CALLS}], "tool_calls")
    assert [choice.finish_reason for choice in got.choices] == ["tool_calls", "stop"]
    [call] = got.choices[0].message.tool_calls or []
    assert (call.id, call.model_dump()["function"]["arguments"]) == ("a", '{"place": "Oslo"}')


@pytest.mark.parametrize("kind", [VerdictKind.COMPLETE, VerdictKind.TRIM])
@pytest.mark.parametrize("text", ['{"title": "SECRET"}', '{"title": "S\\u0045CRET"}', '{"SECRET": 1, "title": "x"}'])
async def test_structured_output_is_completed_as_a_refusal(kind: VerdictKind, text: str) -> None:
    desk = Desk()
    desk.kind = kind
    got: Any = await _both(desk, [{"content": text}], response_format=_Plan)
    message = got.choices[0].message
    assert (message.parsed, message.content, message.refusal) == (None, None, "ours")


@pytest.mark.parametrize("kind", [VerdictKind.COMPLETE, VerdictKind.TRIM])
async def test_reasoning_is_withheld_too(kind: VerdictKind) -> None:
    desk = Desk()
    desk.kind = kind
    body, events = _answers([{"reasoning_content": "They ask. SECRET is my thought. ", "content": "Hello, dear friend."}])
    for up, stream in ((fixed(body), False), (fixed(events, SSE), True)):
        async with house(desk, up) as home, AsyncOpenAI(base_url=f"{home.url}/v1", api_key=KEY) as client:
            got = await client.chat.completions.with_raw_response.create(model="m", messages=ASK, stream=stream)
            text = await got.http_response.aread() if stream else got.http_response.content
        assert b"SECRET" not in text
        assert b"ours" in text
        assert (b"dear friend" in text or b'"D"' not in text) if kind is VerdictKind.TRIM else b"dear friend" not in text


async def test_usage_comes_after_a_completion() -> None:
    body, events = _answers([{"content": _TEXT}])
    assert body
    async with house(Desk(), fixed(events, SSE)) as home, AsyncOpenAI(base_url=f"{home.url}/v1", api_key=KEY) as client:
        stream = await client.chat.completions.create(
            model="m", messages=ASK, stream=True, stream_options={"include_usage": True}
        )
        chunks = [one async for one in stream]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 7
    assert {one.id for one in chunks} == {"up"}
