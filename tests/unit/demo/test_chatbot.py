"""The demo chatbot speaks the protocol and is deterministic."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI, NotFoundError

from guard.demo.chatbot import application
from guard.demo.script import load


@pytest.fixture
async def client() -> AsyncIterator[AsyncOpenAI]:
    """The official client, in front of the chatbot without its pauses."""
    transport = httpx2.ASGITransport(application(token_seconds=0, think_seconds=0))
    async with (
        httpx2.AsyncClient(transport=transport) as http,
        AsyncOpenAI(base_url="http://demo/v1", api_key="none", http_client=http, max_retries=0) as openai,
    ):
        yield openai


async def said(client: AsyncOpenAI, model: str, *messages: tuple[str, str], **more: Any) -> str:
    """The whole reply."""
    rows: Any = [{"role": role, "content": text} for role, text in messages]
    reply = await client.chat.completions.create(model=model, messages=rows, **more)
    return reply.choices[0].message.content or ""


async def test_streamed_and_whole_replies_are_the_same_words(client: AsyncOpenAI) -> None:
    """Twice the same question, in both shapes and for every choice."""
    whole = await said(client, "demo-companion", ("user", "hello there"))
    stream = await client.chat.completions.create(
        model="demo-companion",
        messages=[{"role": "user", "content": "hello there"}],
        n=2,
        stream=True,
        stream_options={"include_usage": True},
    )
    words, finishes, usage = {0: "", 1: ""}, [], None
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            words[choice.index] += choice.delta.content or ""
            finishes += [choice.finish_reason] if choice.finish_reason else []
    assert words == {0: whole, 1: whole}
    assert finishes == ["stop", "stop"]
    assert usage is not None
    assert usage.completion_tokens == 2 * len(whole.split())


async def test_manners_differ_and_the_default_is_neutral(client: AsyncOpenAI) -> None:
    """Each model is a manner of its own; the refuser refuses only at what the refuser refuses."""
    replies = {
        name: await said(client, name, ("user", "nice weather")) for name in ("demo", "demo-neutral", "demo-careless")
    }
    assert replies["demo"] == replies["demo-neutral"] != replies["demo-careless"]
    assert await said(client, "demo-refuser", ("user", "nice weather")) == replies["demo"]
    assert await said(client, "demo-refuser", ("user", "I wish I could die")) in load().manners["refuser"]


async def test_a_system_message_makes_it_answer_with_more_care(client: AsyncOpenAI) -> None:
    """The guidance of a policy arrives as a system message: the script has a reply for it."""
    step = next(step for talk in load().conversations for step in talk.steps if step.guided != step.reply)
    assert await said(client, "demo", ("user", step.say)) == step.reply
    assert await said(client, "demo", ("system", "Ask."), ("user", step.say)) == step.guided


async def test_the_models_are_listed_and_others_are_refused_in_the_protocol_s_shape(client: AsyncOpenAI) -> None:
    """An unknown model is a 404 that names the known ones."""
    assert [model.id async for model in client.models.list()][:2] == ["demo", "demo-neutral"]
    with pytest.raises(NotFoundError, match="demo-companion"):
        await said(client, "gpt-unknown", ("user", "hi"))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"model": "demo"}', b'{"model": "demo", "messages": [1]}'])
async def test_what_is_no_request_is_a_400(body: bytes) -> None:
    """Nothing that is sent makes it fail."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(application())) as http:
        reply = await http.post("http://demo/v1/chat/completions", content=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"]


async def test_another_path_or_method_is_an_error_that_the_client_reads() -> None:
    """JSON in OpenAI's shape, with what there is."""
    transport = httpx2.ASGITransport(application(token_seconds=0, think_seconds=0))
    async with httpx2.AsyncClient(transport=transport, base_url="http://demo") as http:
        for answer, status in (
            (await http.post("/v1/responses", json={}), 404),
            (await http.get("/v1/chat/completions"), 405),
        ):
            assert answer.status_code == status
            error = answer.json()["error"]
            assert set(error) == {"message", "type", "param", "code"}
            assert "/v1/chat/completions" in error["message"]
        assert answer.headers["allow"] == "POST"
