"""A reply that is spoken: its sound leaves once its transcript was judged."""

from __future__ import annotations

import httpx
import pytest

from guard.turns.contract import VerdictKind
from tests.integration.gateway.server import CALL, DONE, HEAD, SSE, Desk, chunk, fixed, house, slow

_SOUND = chunk({"audio": {"data": "U09VTkQ="}})
_END = chunk({}, "stop") + DONE


def _said(*parts: str) -> bytes:
    """Each part sounds before its transcript comes."""
    events = chunk({"role": "assistant", "audio": {"id": "audio_1"}})
    return events + b"".join(_SOUND + chunk({"audio": {"transcript": part}}) for part in parts)


async def _stream(url: str) -> bytes:
    async with httpx.AsyncClient(headers=HEAD, timeout=20) as client:
        return (await client.post(f"{url}/v1/chat/completions", json={**CALL, "stream": True})).content


async def test_sound_passes_as_it_is() -> None:
    events = _said("Good day. ", "How are you?") + _END
    async with house(Desk(), fixed(events, SSE)) as home:
        body = await _stream(home.url)
    assert body.replace(b": handrail action=allow status=full\n\n", b"") == events
    assert "".join(passage.text for passage in home.desk.passages) == "Good day. How are you?"


@pytest.mark.parametrize("kind", [VerdictKind.COMPLETE, VerdictKind.TRIM])
@pytest.mark.parametrize("parts", [("A SECRET here. ",), ("Good day. ", "A SECRET here. ", "Bye. ")])
async def test_sound_of_what_is_withheld_never_leaves(kind: VerdictKind, parts: tuple[str, ...]) -> None:
    desk = Desk()
    desk.kind = kind
    async with house(desk, slow(_said(*parts), _END)) as home:
        body = await _stream(home.url)
    assert b"U09VTkQ=" not in body
    assert b"SECRET" not in body
    assert b"ours" in body
    assert body.endswith(DONE)


async def test_sound_that_is_longer_than_can_be_held_ends_early() -> None:
    async with house(Desk(), slow(_said("Good day. "), _SOUND * 50, forever=True), max_held_bytes=20_000) as home:
        body = await _stream(home.url)
        await home.until(lambda: len(home.aborted) == 1)
    assert b"U09VTkQ=" in body
    assert b'"finish_reason":"length"' in body
    assert body.endswith(DONE)
