"""Which calls have effects, so that none is made before the user's turn was judged."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
import pytest

from guard.gateway.openai_chat import read_call
from guard.settings import Settings
from guard.turns.contract import Identity

_FUNCTION = {"type": "function", "function": {"name": "look_up"}}
_CHANGED: dict[str, Any] = {}


def _effects(**asked: Any) -> bool:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **asked}
    return read_call(body, orjson.dumps(body), {}, Identity(UUID(int=1), "t"), Settings(**_CHANGED)).turn.effects


@pytest.mark.parametrize("asked", [
    {"store": True}, {"conversation": "c"}, {"background": True}, {"web_search_options": {"user_location": None}},
    {"tools": [{"type": "web_search_preview"}]}, {"tools": [_FUNCTION, {"type": "mcp", "server_url": "https://x.example"}]},
    {"tools": [{"google_search": {}}]}, {"tools": [{"type": None}]}, {"tools": [{"type": ["function"]}]},
])  # fmt: skip
def test_what_the_upstream_keeps_or_runs_itself_is_an_effect(asked: dict[str, Any]) -> None:
    assert _effects(**asked)


@pytest.mark.parametrize("asked", [
    {}, {"store": False}, {"tools": None}, {"tools": []}, {"tools": [_FUNCTION, {"type": "custom", "custom": {}}]},
])  # fmt: skip
def test_what_the_client_runs_is_none(asked: dict[str, Any]) -> None:
    assert not _effects(**asked)
