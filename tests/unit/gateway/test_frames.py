"""Which places of a frame are text, and how the gate takes them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from guard.gateway.errors import UpstreamFailed
from guard.gateway.gate import Gate
from guard.gateway.openai_frames import decode_strings, frame_pieces
from guard.gateway.upstream_json import all_strings, read_object, write_object
from guard.turns.contract import Verdict, VerdictKind

_LABELLED = {
    "id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "org/m-1:free", "system_fingerprint": "fp_1",
    "service_tier": "default", "provider": "OpenAI", "obfuscation": "aB3xQ", "usage": {"total_tokens": 3},
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {"hate": {"severity": "safe"}}}],
}  # fmt: skip


def _frame(delta: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**_LABELLED, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}], **more}


def _push(gate: Gate, body: dict[str, Any]) -> None:
    gate.push(orjson.dumps(body), body, *frame_pieces(body, "delta", structured=False, asked=1))


def _judge(gate: Gate) -> list[str]:
    tickets = gate.passages()
    for ticket in tickets:
        gate.verdict(ticket, Verdict(VerdictKind.RELEASE))
    return [ticket.passage.text for ticket in tickets]


def test_labels_are_no_text() -> None:
    assert frame_pieces(_frame({"role": "assistant", "content": ""}), "delta", structured=False, asked=1)[0] == []


def test_logprobs_of_the_same_text_are_no_text() -> None:
    body = _frame({"content": "é🌍"})
    body["choices"][0]["logprobs"] = {"content": [
        {"token": "é", "logprob": -1, "bytes": [195, 169], "top_logprobs": [{"token": "e", "logprob": -2, "bytes": [101]}]},
        {"token": "\\xf0\\x9f\\x8c", "logprob": -1, "bytes": [240, 159, 140], "top_logprobs": []},
        {"token": "\\x8d", "logprob": -1, "bytes": [141], "top_logprobs": []}]}  # fmt: skip
    assert [piece.text for piece in frame_pieces(body, "delta", structured=False, asked=1)[0]] == ["é🌍"]


def test_unknown_text_is_judged_once_and_then_as_running_text() -> None:
    gate = Gate(whole=False, decode=decode_strings)
    for _ in range(3):
        _push(gate, _frame({"content": "A plain sentence."}, host="Some Host"))
    assert _judge(gate).count("Some Host") == 1
    assert len(gate.release()) == 3
    for word in ("one ", "two ", "three ", "four ", "five "):
        _push(gate, _frame({}, host=word))
    assert _judge(gate) == ["one ", "two ", "three "]
    assert len(gate.release()) == 3


def test_content_does_not_wait_for_the_end_of_a_thought() -> None:
    gate = Gate(whole=False, decode=decode_strings)
    _push(gate, _frame({"reasoning_content": "They say hello, so I"}))
    _push(gate, _frame({"content": "Hello, dear friend."}))
    assert _judge(gate) == ["They say hello, so I", "Hello, dear friend."]
    assert len(gate.release()) == 2


def test_reply_that_jumps_to_and_fro_is_not_judged_in_shreds() -> None:
    gate = Gate(whole=False, decode=decode_strings)
    judged = []
    for word in ("one", "two", "three", "four", "five", "six", "seven"):
        _push(gate, _frame({"refusal": word + " "}))
        _push(gate, _frame({"content": word + " "}))
        judged += _judge(gate)
    assert len(judged) == 3


def test_sentence_leaves_with_the_white_space_behind_it() -> None:
    gate = Gate(whole=False, decode=decode_strings)
    _push(gate, _frame({"content": "Hello, dear friend. "}))
    assert _judge(gate) == ["Hello, dear friend."]
    assert len(gate.release()) == 1


@pytest.mark.parametrize(("data", "same"), [
    (b'{"a":1,"b":{"a":1}}', True), (b'{"a":"x\\":y"}', True), (b'{"a" : 1}', True), (b'{"a": "b :"}', True),
    (b'{"a":1,"a":1}', False), (b'{"a":1,"a" :1}', False), (b'{"b":[{"a":1,"\\u0061":2}]}', False), (b'{"a":NaN}', False),
    (b'{"a":"\\ud800"}', False), (b'\xef\xbb\xbf{"a":1}', False),
    (b'{"choices":[{"delta":{"content":"a","content":"b"}}]}', False),
    (b'{"choices":[{"delta":{"content":"\\":"},"delta" :{"content":"b"}}]}', False),
])  # fmt: skip
def test_frames_that_can_be_read_in_two_ways(data: bytes, same: bool) -> None:
    body, as_it_stands = read_object(data)
    assert as_it_stands is same
    assert orjson.loads(write_object(body)) == body


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b'"x"', b'{"a":' * 5000, b"\xff{}", b'{"a":' + b"9" * 5000 + b"}"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        read_object(data)


@pytest.mark.parametrize(("text", "strings"), [
    ('{"a": "b", "a": ["c", {"d": 1}]}', ["a", "b", "a", "c", "d"]), ('{"a": "{\\"b\\": \\"c\\"}"}', ["a", "b", "c"]),
    ('{"a": "\\ud83c\\udf0d \\ud800"}', ["a", "🌍 \ufffd"]), ("plain", ["plain"]),
    ('say {"a": "\\u0062\\n"', ['say {"a": "\\u0062\\n"', 'say {"a": "b\n"']), ("[" * 100_000, ["[" * 100_000]),
])  # fmt: skip
def test_all_strings(text: str, strings: list[str]) -> None:
    assert all_strings(text) == strings


@pytest.mark.parametrize(("token", "texts"), [
    ({"token": "other"}, ["Hi", "other"]), ({"token": "Hi", "bytes": list(b"other")}, ["Hi", "other"]),
    ({"token": "Hi", "note": "other words"}, ["Hi", "other words"]),
    ({"token": "Hi", "top_logprobs": [{"token": "other " * 10}]}, ["Hi", "other " * 10]),
    ({"token": "Hi", "top_logprobs": [{"token": "Yo", "bytes": [89]}]}, ["Hi"]), ({"token": "Hi", "bytes": None}, ["Hi"]),
])  # fmt: skip
def test_logprobs_that_say_something_else_are_text(token: dict[str, Any], texts: list[str]) -> None:
    body = _frame({"content": "Hi"})
    body["choices"][0]["logprobs"] = {"content": [token]}
    assert [piece.text for piece in frame_pieces(body, "delta", structured=False, asked=1)[0]] == texts
