"""What ``POST /v1/turns`` says to send is what the proxy would have sent of the same reply."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from guard.turns.contract import Delivered, Ending, Passage, Reply, TurnRequest, Verdict, VerdictKind
from policies.decision import Action, Posture
from tests.integration.gateway.server import ASK, CALL, HEAD, Desk, fixed, house, whole

_REPLIES = (
    "Hello, dear friend.",
    "Hello, dear friend. SECRET is the next. And one more here.",
    "SECRET is the first.\n\nAnd one more here. SECRET is the last.",
    "We PAUSE at the first. SECRET is the next. And one more here.",
    " ".join(f"This is sentence number {at}." for at in range(20)) + " SECRET is the last.",
)


class _Telling(Desk):
    """A desk whose endings tell the strongest action so far, as a real one's do. ``ends``: the replies that ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[Reply] = []

    def begin(self, request: TurnRequest) -> Any:
        return _Told(super().begin(request), self)


class _Told:
    def __init__(self, turn: Any, desk: _Telling) -> None:
        self._turn, self._desk = turn, desk
        self._action = Action.COMPLETE if desk.completion else Action.ALLOW

    def __getattr__(self, name: str) -> Any:
        return getattr(self._turn, name)

    async def judge(self, passage: Passage) -> Verdict:
        verdict: Verdict = await self._turn.judge(passage)
        acts = {VerdictKind.TRIM: Action.TRIM, VerdictKind.COMPLETE: Action.COMPLETE}
        self._action = max(self._action, acts.get(verdict.kind, Action.ALLOW))
        return verdict

    async def end(self, reply: Reply) -> Ending:
        self._desk.ends.append(reply)
        ending: Ending = await self._turn.end(reply)
        ends = Action.COMPLETE if ending.complete is not None else Action.ALLOW
        self._action = max(self._action, ends, Action.APPEND if ending.append is not None else Action.ALLOW)
        return Ending(self._action, ending.status, ending.complete, ending.append)


@pytest.mark.parametrize("ends", [None, "append", "instead", "completion"])
@pytest.mark.parametrize("kind", [VerdictKind.TRIM, VerdictKind.COMPLETE])
@pytest.mark.parametrize("posture", list(Posture))
async def test_it_says_what_the_proxy_sends(posture: Posture, kind: VerdictKind, ends: str | None) -> None:
    desk = _Telling()
    desk.posture, desk.kind = posture, kind
    if ends is not None:
        setattr(desk, ends, "You are not alone.")
    said = ""

    async def answer(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        await fixed(whole(said))(head, body, writer)

    async with house(desk, answer) as home, httpx.AsyncClient(headers=HEAD) as client:
        for said in _REPLIES:
            proxied = await client.post(f"{home.url}/v1/chat/completions", json=CALL)
            told = (await client.post(f"{home.url}/v1/turns", json={"messages": ASK, "reply": said})).json()["reply"]
            text = told["text"]
            sent = said if text is None else f"{said}\n\n{text}" if told["action"] == "append" else text
            assert sent == proxied.json()["choices"][0]["message"]["content"]
            assert "SECRET" not in (text or "")
            (one, other), desk.ends = desk.ends, []
            assert (one.released, one.said) == (other.released, other.said)
    assert desk.closed == [Delivered.WHOLE] * 2 * len(_REPLIES)


@pytest.mark.parametrize(("completion", "told"), [
    (None, {"action": "allow", "text": None}), ("I am here.", {"action": "complete", "text": "I am here."}),
])  # fmt: skip
async def test_before_the_chatbot_has_answered(completion: str | None, told: dict[str, Any]) -> None:
    desk = _Telling()
    desk.completion = completion
    async with house(desk, fixed(b"")) as home, httpx.AsyncClient(headers=HEAD) as client:
        answer = await client.post(f"{home.url}/v1/turns", json={"messages": ASK})
    assert answer.json()["reply"] == told
    assert [end.text for end in desk.ends] == ([completion] if completion else [])
    assert home.seen == []
