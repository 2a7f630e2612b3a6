"""An exchange in memory: a chatbot that sends given bytes in given cuts, a turn whose verdicts are scripted, a client that
looks at every byte when it arrives.

Three alphabets tell apart what may be seen: ideographs each stand for one passage and may leave only after its verdict,
Cyrillic letters are withheld and may never leave, everything else is free.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from guard.gateway.exchange import Exchange
from guard.gateway.meters import NoMeters
from guard.gateway.openai_chat import read_call
from guard.settings import Settings
from guard.turns.contract import (
    Attempt,
    Delivered,
    Ending,
    Identity,
    Opening,
    Passage,
    Reply,
    Status,
    Verdict,
    VerdictKind,
)
from policies.decision import Action, Posture

WITHHELD = re.compile("[\u0400-\u04ff]")
MARK = re.compile("[\u4e00-\u9fff]")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_CHANGED: Mapping[str, Any] = {"keepalive_seconds": 30.0}
_SETTINGS = Settings(**_CHANGED)


class Script:
    """What the turn does. ``pauses``: how often the loop turns before each verdict. ``ends``: the ending of a choice."""

    def __init__(
        self,
        kind: VerdictKind = VerdictKind.COMPLETE,
        words: str = "ours",
        posture: Posture = Posture.SENTENCE,
        pauses: Sequence[int] = (0,),
        ends: Mapping[int, Ending] | None = None,
    ) -> None:
        self.kind, self.words, self.posture, self.pauses, self.ends = kind, words, posture, pauses, ends or {}
        self.passages: list[Passage] = []
        self.replies: list[Reply] = []
        self.cleared: set[str] = set()
        self._waiting: dict[int, set[str]] = {}
        self._turn = 0

    async def _pause(self) -> None:
        self._turn += 1
        for _ in range(self.pauses[self._turn % len(self.pauses)]):
            await asyncio.sleep(0)

    async def speculate(self) -> bool:
        return True

    async def opening(self) -> Opening:
        return Opening(Attempt(UUID(int=5), 1), Action.ALLOW, Status.FULL, "hash", self.posture)

    async def judge(self, passage: Passage) -> Verdict:
        self.passages.append(passage)
        await self._pause()
        if WITHHELD.search(passage.text):
            return Verdict(self.kind, self.words)
        marks = set(MARK.findall(passage.text))
        if self.posture is Posture.WHOLE or passage.channel in ("tool", "structured"):
            self._waiting.setdefault(passage.choice, set()).update(marks)
        else:
            self.cleared |= marks
        return Verdict(VerdictKind.HOLD if "PAUSE" in passage.text else VerdictKind.RELEASE)

    async def end(self, reply: Reply) -> Ending:
        self.replies.append(reply)
        await self._pause()
        self.cleared |= self._waiting.pop(reply.choice, set())
        return self.ends.get(reply.choice, Ending(Action.ALLOW, Status.FULL))

    async def rescue(self) -> str | None:
        return None

    async def settle(self) -> None:
        return

    def close(self, delivered: Delivered) -> None:
        return


class _Source:
    """The chatbot: implements both protocols of the seam."""

    status = 200

    def __init__(self, body: bytes, sizes: Sequence[int], kind: bytes) -> None:
        self._body, self._sizes = body, sizes
        self.headers = ((b"content-type", kind),)

    async def open(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> _Source:
        return self

    async def chunks(self) -> AsyncIterator[bytes]:
        at = turn = 0
        while at < len(self._body):
            size = self._sizes[turn % len(self._sizes)]
            yield self._body[at : at + size]
            at, turn = at + size, turn + 1
            if turn % 3 == 0:
                await asyncio.sleep(0)

    def close(self) -> None:
        return

    async def aclose(self) -> None:
        return


def answer(body: bytes, script: Script, sizes: Sequence[int] = (1 << 20,), *, stream: bool = True, **asked: Any) -> bytes:
    """What the client gets. Fails where a byte leaves before its time."""
    call = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream, **asked}
    raw = orjson.dumps(call)
    read = read_call(call, raw, {}, Identity(UUID(int=1), "t"), _SETTINGS)
    source = _Source(body, sizes, b"text/event-stream" if stream else b"application/json")
    exchange = Exchange(read, script, source, {}, _SETTINGS, NoMeters())
    got = bytearray()

    async def send(message: MutableMapping[str, Any]) -> None:
        data = message.get("body", b"")
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), data.decode("utf-8", "replace"))
        assert not WITHHELD.search(text)
        assert set(MARK.findall(text)) <= script.cleared
        got.extend(data)

    asyncio.run(asyncio.wait_for(exchange.run(send), 10))  # else it waits for what never comes
    return bytes(got)


def messages(reply: bytes, asked: int) -> list[dict[str, str]]:
    """What each choice says by field, from a stream or from a whole reply."""
    told: list[dict[str, str]] = [{} for _ in range(asked)]
    if reply[:1] == b"{":
        bodies = [orjson.loads(reply)]
    else:
        lines = [line[5:].strip() for line in reply.splitlines() if line.startswith(b"data:")]
        bodies = [orjson.loads(line) for line in lines if line != b"[DONE]"]
    for body in bodies:
        for choice in body["choices"]:
            own = told[choice["index"]]
            for name, value in (choice.get("delta") or choice.get("message") or {}).items():
                if isinstance(value, str) and name != "role":
                    own[name] = own.get(name, "") + value
            if choice.get("finish_reason"):
                own["finish"] = choice["finish_reason"]
    return told
