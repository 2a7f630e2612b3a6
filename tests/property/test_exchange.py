"""A whole exchange under every cut, with verdicts that come late and out of order."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.gateway.errors import UpstreamFailed
from guard.turns.contract import Ending, Status, VerdictKind
from policies.decision import Action, Posture
from tests.property.exchanges import WITHHELD, Script, answer, messages

_BAD = "Жщъ шьэ юя щжъ эя. "
_SIZES = st.lists(st.integers(1, 300), min_size=1, max_size=8)
_PAUSES = st.lists(st.integers(0, 6), min_size=1, max_size=7)
_KINDS = st.sampled_from([VerdictKind.TRIM, VerdictKind.COMPLETE])
_POSTURES = st.sampled_from(list(Posture))
_DONE = b"data: [DONE]\n\n"


def _sentence(number: int) -> str:
    mark = chr(0x4E00 + number)
    return f"Some {mark} words of a passage ü 🌍{mark}. "


def _event(choices: list[dict[str, Any]], **more: Any) -> bytes:
    return (
        b"data: "
        + orjson.dumps({"id": "up-1", "object": "chunk", "created": 1, "model": "m", "choices": choices, **more})
        + b"\n\n"
    )


@st.composite
def _replies(draw: st.DrawFn, *, bad: bool, fields: tuple[str, ...], asked: int = 3) -> list[list[tuple[str, str]]]:
    """For each choice, (field, sentence) in order."""
    out = []
    number = 0
    for _ in range(asked):
        own = []
        for field in draw(st.lists(st.sampled_from(fields), max_size=5)):
            sort = draw(st.integers(0, 9)) if bad else 9
            held = "PAUSE a little. " if sort == 2 else _sentence(number)
            own.append((field, _BAD if sort < 2 else held))
            number += 1
        out.append(own)
    return out


def _delta(field: str, text: str) -> dict[str, Any]:
    if field == "tool":
        return {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"arguments": text}}]}
    return {field: text}


def _stream(draw: st.DrawFn, replies: list[list[tuple[str, str]]]) -> bytes:
    """The replies as frames of 1 to 3 choices, each sentence in pieces, choices in any interleaving."""
    queues: list[list[dict[str, Any]]] = []
    for index, own in enumerate(replies):
        opens = {"role": "assistant", "content": ""}
        queue: list[dict[str, Any]] = [{"index": index, "delta": opens, "finish_reason": None}]
        for field, text in own:
            size = draw(st.integers(1, 40))
            for at in range(0, len(text), size):
                part = text[at : at + size]
                logprobs = {"content": [{"token": part, "bytes": list(part.encode())}]} if field == "content" else None
                queue.append({"index": index, "delta": _delta(field, part), "logprobs": logprobs, "finish_reason": None})
        early = draw(st.booleans())
        if queue[1:] and early:
            queue[-1]["finish_reason"] = "stop"
        else:
            queue.append({"index": index, "delta": {}, "finish_reason": "stop"})
        queues.append(queue)
    out = []
    while any(queues):
        picked = draw(
            st.lists(st.sampled_from([at for at, queue in enumerate(queues) if queue]), min_size=1, max_size=3, unique=True)
        )
        out.append(_event([queues[at].pop(0) for at in picked]))
    return b"".join(out) + _event([], usage={"total_tokens": 3}) + _DONE


@st.composite
def _streams(draw: st.DrawFn, *, bad: bool, fields: tuple[str, ...]) -> tuple[list[list[tuple[str, str]]], bytes]:
    replies = draw(_replies(bad=bad, fields=fields))
    return replies, _stream(draw, replies)


_FIELDS = ("content", "reasoning_content", "tool", "refusal", "surprise")


@settings(max_examples=60, deadline=None)
@given(_streams(bad=False, fields=_FIELDS), _SIZES, _PAUSES, _POSTURES)
def test_what_nobody_objects_to_leaves_byte_by_byte(
    made: tuple[Any, bytes], sizes: list[int], pauses: list[int], posture: Posture
) -> None:
    _, stream = made
    script = Script(posture=posture, pauses=pauses)
    out = answer(stream, script, sizes, n=3)
    assert out.replace(b": handrail action=allow status=full\n\n", b"") == stream


@settings(max_examples=80, deadline=None)
@given(_streams(bad=True, fields=_FIELDS), _SIZES, _PAUSES, _POSTURES, _KINDS, st.sampled_from(["ours", ""]))
def test_what_is_withheld_never_leaves(
    made: tuple[Any, bytes], sizes: list[int], pauses: list[int], posture: Posture, kind: VerdictKind, words: str
) -> None:
    replies, stream = made
    script = Script(kind, words, posture, pauses)
    out = answer(stream, script, sizes, n=3)
    assert out.endswith(_DONE)
    assert all(own["finish"] == "stop" for own in messages(out, 3))
    same = 0
    while same < min(len(out), len(stream)) and out[same] == stream[same]:
        same += 1
    assert stream[:same].count(b"\n\n") == out[:same].count(b"\n\n")
    if not any(WITHHELD.search(text) for own in replies for _, text in own):
        assert out.replace(b": handrail action=allow status=full\n\n", b"") == stream


def _expected(own: list[tuple[str, str]], kind: VerdictKind, ending: Ending | None, held: bool) -> str:
    """What the content of a choice is to be, however it was cut. White space behind a sentence belongs to the next one."""
    content = ""
    bridged: set[str] = set()
    floor: str | None = "" if held else None
    for field, text in own:
        if WITHHELD.search(text):
            if kind is VerdictKind.COMPLETE:
                return _and(content if floor is None else floor, "ours")
            text = " " if field in bridged else "ours "  # one bridge, however much is withheld
            bridged.add(field)
        if "PAUSE" in text and floor is None:
            floor = content
        content += text if field == "content" else ""
    if ending is not None and ending.complete is not None:
        return _and(content if floor is None else floor, ending.complete)
    return content if ending is None or ending.append is None else _and(content, ending.append)


def _and(content: str, words: str) -> str:
    return f"{content}\n\n{words}" if content else words


_ENDINGS = st.sampled_from(
    [None, Ending(Action.APPEND, Status.FULL, append="added"), Ending(Action.COMPLETE, Status.FULL, complete="instead")]
)


@st.composite
def _spoken(draw: st.DrawFn) -> tuple[list[list[tuple[str, str]]], bytes]:
    replies = draw(_replies(bad=True, fields=("reasoning_content", "content")))
    for own in replies:
        own.sort(key=lambda item: item[0] == "content")
    return replies, _stream(draw, replies)


@settings(max_examples=80, deadline=None)
@given(_spoken(), _SIZES, _PAUSES, _POSTURES, _KINDS, st.lists(_ENDINGS, min_size=3, max_size=3))
def test_stream_and_whole_reply_say_the_same(
    made: tuple[list[list[tuple[str, str]]], bytes],
    sizes: list[int],
    pauses: list[int],
    posture: Posture,
    kind: VerdictKind,
    endings: list[Ending | None],
) -> None:
    replies, stream = made
    ends = {at: ending for at, ending in enumerate(endings) if ending is not None}
    whole = orjson.dumps({"id": "up-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": at, "finish_reason": "stop", "message": {
            "role": "assistant", **{name: "".join(text for field, text in own if field == name)
                                    for name in ("content", "reasoning_content")}}}
        for at, own in enumerate(replies)]})  # fmt: skip
    streamed = messages(answer(stream, Script(kind, "ours", posture, pauses, ends), sizes, n=3), 3)
    at_once = messages(answer(whole, Script(kind, "ours", posture, pauses, ends), sizes, stream=False, n=3), 3)
    for at, own in enumerate(replies):
        expected = _expected(own, kind, ends.get(at), posture is Posture.WHOLE)
        assert streamed[at].get("content", "") == expected
        assert (at_once[at].get("content") or "") == expected
        thought = [told[at].get("reasoning_content") or "" for told in (streamed, at_once)]
        assert thought[0].rstrip() == thought[1].rstrip()
        assert streamed[at]["finish"] == at_once[at]["finish"] == "stop"


_W = _BAD.strip()
_ODD: list[Any] = [
    {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": [{"token": _W}]}}]},
    {"choices": [{"index": 0, "delta": {"content": "ok"}, "logprobs": {
        "content": [{"token": "ok", "bytes": list(_W.encode())}]}}]},
    {"choices": [{"index": 0, "delta": {"content": "ok"}, "logprobs": {"tokens": [_W]}}]},
    {"choices": [{"index": 0, "delta": {"content": "ok"}, "logprobs": {
        "content": [{"token": "ok", "top_logprobs": [{"token": _W * 4}]}]}}]},
    {"choices": [{"index": 0, "delta": {"role": _W}}]},
    {"choices": [{"index": 0, "delta": {_W: 1}}]},
    {"choices": [{"index": 0, "delta": {"annotations": [{"url": {"title": _W}}]}}]},
    {"choices": [{"index": 0, "delta": {"audio": {"id": "a", "transcript": _W}}}]},
    {"choices": [{"index": 0, "delta": {"audio": {"data": _W}}}]},
    {"choices": [{"index": 0, "delta": {"content": [{"type": "text", "text": _W}]}}]},
    {"choices": [{"index": 0, "delta": {"content": [{"type": "thinking", "thinking": [{"text": _W}]}]}}]},
    {"choices": [{"index": 0, "delta": {"content": {"text": _W}}}]},
    {"choices": [{"index": 0, "delta": _W}]},
    {"choices": [{"index": 0, "delta": [_W]}]},
    {"choices": [{"index": 0, "delta": {}, "text": _W}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": _W}]},
    {"choices": [{"index": _W, "delta": {}}]},
    {"choices": [{"index": -1, "delta": {"content": _W}}]},
    {"choices": [{"index": 10**18, "delta": {"content": _W}}]},
    {"choices": [{"index": True, "delta": {"content": _W}}]},
    {"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 0, "delta": {"content": _W}}]},
    {"choices": [{"index": 0, "message": {"content": _W}}]},
    {"choices": [_W]},
    {"choices": [[_W]]},
    {"choices": {"0": {"text": _W}}},
    {"choices": [], "text": _W},
    {"choices": [], "usage": {"note": _W}},
    {"choices": [], "model": _W},
    {"choices": [], "id": _W},
    {"choices": [], _W: 0},
    {"choices": [], "citations": [_W]},
    {"choices": [], "obfuscation": _W},
    {"response": _W},
    {"Choices": [{"delta": {"Content": _W}}]},
    {"error": {"message": _W}},
    {"choices": [], "error": {"message": _W}},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"name": _W}}]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": {"a": _W}}}]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": _W, "id": _W, "note": _W}]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [_W]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": {"0": _W}}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "custom": {"input": _W}}]}}]},
    {"choices": [{"index": 0, "delta": {"function_call": {"name": "f", "arguments": orjson.dumps({"a": _W}).decode()}}}]},
    {"choices": [{"index": 0, "delta": {"function_call": _W}}]},
    {"choices": [{"index": 0, "delta": {"images": [{"image_url": {"url": "data:image/png;base64," + _W}}]}}]},
]  # fmt: skip
_RAW: list[bytes] = [
    (": " + _W + "\n\n").encode(),
    ("event: " + _W + "\ndata: {}\n\n").encode(),
    ("id: " + _W + "\n\n").encode(),
    ("retry: " + _W + "\n\n").encode(),
    (_W + ": 1\n\n").encode(),
    ("  data: " + _W + "\n\n").encode(),
    ('data: {"choices":\n: ' + _W + "\ndata: []}\n\n").encode(),
    ('data: {"choices":[{"index":0,"delta":{"content":"' + _W + '","content":"fine"}}]}\n\n').encode(),
    ('data: {"choices":[{"index":0,"delta":{"content":"' + _W + '"},"delta" :{"content":"\\":"}}]}\n\n').encode(),
    ('data: {"a":"' + _W + '","choices":[],"a":1}\n\n').encode(),
    ('data: {"choices":[{"index":0,"delta":{"content":"' + _W + '\\ud800","x":NaN}}]}\n\n').encode(),
    b'data: {"choices":[{"index":0,"delta":{"content":"' + _W.encode("ascii", "backslashreplace") + b'"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":'
    b'"{\\"a\\":\\"' + _W.encode("ascii", "backslashreplace").replace(b"\\", b"\\\\") + b'\\",\\"a\\":\\"\\"}"}}]}}]}\n\n',
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(
           st.sampled_from(_RAW), st.sampled_from(_ODD).map(lambda body: b"data: " + orjson.dumps(body) + b"\n\n"),
           st.integers(0, 99).map(lambda at: _event([{"index": 0, "delta": {"content": _sentence(at)}}]))), max_size=6),
       st.sampled_from([b"\n", b"\r\n", b"\r"]), st.booleans(), _SIZES, _PAUSES, _POSTURES, _KINDS)  # fmt: skip
def test_no_place_in_a_stream_is_overlooked(
    events: list[bytes], ends: bytes, bom: bool, sizes: list[int], pauses: list[int], posture: Posture, kind: VerdictKind
) -> None:
    stream = b"".join(events) + _event([{"index": 0, "delta": {}, "finish_reason": "stop"}]) + _DONE
    stream = (b"\xef\xbb\xbf" if bom else b"") + stream.replace(b"\n", ends)
    try:
        answer(stream, Script(kind, "ours", posture, pauses), sizes)
    except UpstreamFailed:  # before anything was sent
        return


@pytest.mark.parametrize("event", [*_RAW, *(b"data: " + orjson.dumps(body) + b"\n\n" for body in _ODD)])
@pytest.mark.parametrize("kind", [VerdictKind.TRIM, VerdictKind.COMPLETE])
def test_each_place_by_itself_and_after_an_edit(event: bytes, kind: VerdictKind) -> None:
    finish = _event([{"index": 0, "delta": {}, "finish_reason": "stop"}]) + _DONE
    before = _event([{"index": 0, "delta": {"content": _BAD}}]) if kind is VerdictKind.TRIM else b""
    for stream in (event + finish, before + event + finish):
        try:
            answer(stream, Script(kind))
        except UpstreamFailed:
            continue


@pytest.mark.parametrize("body", [body for body in _ODD if "choices" in body])
@pytest.mark.parametrize("kind", [VerdictKind.TRIM, VerdictKind.COMPLETE])
def test_no_place_in_a_whole_reply_is_overlooked(body: Any, kind: VerdictKind) -> None:
    text = orjson.dumps(body).replace(b'"delta"', b'"message"')
    for raw in (text, text[:-1] + b',"a":"' + _W.encode() + b'","a":1}'):
        try:
            answer(raw, Script(kind), stream=False)
        except UpstreamFailed:
            continue


_STRUCTURED = {"type": "json_object"}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([
    '{"a": "fine %s words here"}', '{"a": "' + _W + '", "a": "fine %s"}', '{"' + _W + '": "fine %s"}',
    '{"a": "{\\"b\\": \\"' + _W.encode("ascii", "backslashreplace").decode().replace("\\", "\\\\") + '\\"} %s"}',
    "```json\n{\"a\": \"" + _W.encode("ascii", "backslashreplace").decode() + "\"}\n``` %s", "%s " + _W]),
    st.integers(1, 30), _SIZES, _PAUSES, _KINDS, _POSTURES)  # fmt: skip
def test_structured_outputs_leave_whole_or_not_at_all(
    text: str, piece: int, sizes: list[int], pauses: list[int], kind: VerdictKind, posture: Posture
) -> None:
    text = text % chr(0x4E00)
    parts = [text[at : at + piece] for at in range(0, len(text), piece)]
    stream = b"".join(_event([{"index": 0, "delta": {"content": part}}]) for part in parts)
    stream += _event([{"index": 0, "delta": {}, "finish_reason": "stop"}]) + _DONE
    out = answer(stream, Script(kind, "ours", posture, pauses), sizes, response_format=_STRUCTURED)
    [own] = messages(out, 1)
    if chr(0x4E00) in own.get("content", ""):
        assert own["content"] == text
    else:
        assert (own.get("content", ""), own["refusal"], own["finish"]) == ("", "ours", "stop")


_STOP = _event([{"index": 0, "delta": {}, "finish_reason": "stop"}])


@pytest.mark.parametrize("kind", [VerdictKind.TRIM, VerdictKind.COMPLETE])
def test_finish_that_is_a_text_does_not_come_back_behind_our_words(kind: VerdictKind) -> None:
    call = {"tool_calls": [{"index": 0, "function": {"arguments": _BAD}}]}
    ends = _event([{"index": 0, "delta": {}, "finish_reason": _W}])
    answer(_event([{"index": 0, "delta": call}]) + ends + _DONE, Script(kind))


@pytest.mark.parametrize("pause", range(5))
def test_reply_that_goes_on_after_its_end_is_judged_again(pause: int) -> None:
    said = [_event([{"index": 0, "delta": {"content": _sentence(at)}}]) for at in range(3)]
    stream = said[0] + _STOP + _STOP + said[1] + _STOP + said[2] + _STOP + _DONE
    for posture in Posture:
        for size in (1, 7, 1000):
            script = Script(posture=posture, pauses=(pause,))
            out = answer(stream, script, (size,))
            assert out.replace(b": handrail action=allow status=full\n\n", b"") == stream
            assert script.replies[-1].text == "".join(_sentence(at) for at in range(3))


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_what_was_cleared_before_a_hold_stands_before_a_completion(size: int) -> None:
    parts = [_sentence(0), "PAUSE a little. ", _sentence(1), _BAD]
    stream = b"".join(_event([{"index": 0, "delta": {"content": part}}]) for part in parts) + _STOP + _DONE
    message = {"role": "assistant", "content": "".join(parts)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = orjson.dumps({"id": "up-1", "choices": [choice]})
    for reply, streamed in ((stream, True), (whole, False)):
        [own] = messages(answer(reply, Script(), (size,), stream=streamed), 1)
        assert own["content"] == f"{_sentence(0)}\n\nours"


def test_whole_reply_with_a_key_twice_is_written_anew() -> None:
    raw = f'{{"choices":[{{"index":0,"message":{{"content":"{_W}","content":"fine"}},"finish_reason":"stop"}}]}}'.encode()
    out = answer(raw, Script(), stream=False)
    assert orjson.loads(out)["choices"][0]["message"] == {"content": "fine"}


@pytest.mark.parametrize("index", [1, -1, 99, "0", None, 0.0])
def test_choices_that_were_not_asked_for_are_read_with_the_first(index: Any) -> None:
    halves = [
        _event([{"index": at, "delta": {"content": text}}]) for at, text in ((0, "Some words of a PAU"), (index, "SE. "))
    ]
    script = Script()
    answer(b"".join(halves) + _STOP + _DONE, script)
    assert script.passages[0].text == "Some words of a PAUSE."
    assert {passage.choice for passage in script.passages} == {0}
