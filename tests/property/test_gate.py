"""The gate: what leaves is the upstream's own until the first intervention, and what is withheld never leaves."""

from __future__ import annotations

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.gateway.gate import Gate
from guard.gateway.openai_frames import decode_strings, frame_pieces
from guard.gateway.openai_writer import ChunkWriter
from guard.gateway.sse import Decoder, data_event
from guard.turns.contract import Ending, Status, Verdict, VerdictKind
from policies.decision import Action

_WORDS = ["Hello there my friend. ", "It is fine — ünï 🌍. ", "SECRET one thing here. ", "More talk follows now. "]
_FIELDS = ["content", "reasoning_content", "tool", "refusal", "surprise"]
_TEXTS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from(_FIELDS), st.sampled_from(_WORDS)), max_size=12)


def _stream(texts: list[tuple[int, str, str]], piece: int) -> bytes:
    out = []
    for choice, name, text in texts:
        for at in range(0, len(text), piece):
            part = text[at : at + piece]
            delta = {"tool_calls": [{"index": 0, "function": {"arguments": part}}]} if name == "tool" else {name: part}
            logprobs = {"content": [{"token": part}]}
            body = {"id": "u", "model": "m", "choices": [{"index": choice, "delta": delta, "logprobs": logprobs}]}
            out.append(data_event(orjson.dumps(body)))
    for choice in (0, 1):
        ended = {"id": "u", "choices": [{"index": choice, "delta": {}, "finish_reason": "stop"}]}
        out.append(data_event(orjson.dumps(ended)))
    return b"".join(out)


def _run(stream: bytes, sizes: list[int], whole: bool, kind: VerdictKind) -> tuple[bytes, list[str], bool]:
    gate, decoder = Gate(whole=whole, decode=decode_strings), Decoder(1 << 20)
    writer = ChunkWriter("id", "m", 0, usage=False, structured=False, asked=2)
    out, judged = b"", []
    at = turn = 0
    while True:
        chunk = stream[at : at + sizes[turn % len(sizes)]]
        at, turn = at + len(chunk), turn + 1
        for event in decoder.feed(chunk):
            body = orjson.loads(event.data or b"")
            gate.push(event.raw, body, *frame_pieces(body, "delta", structured=False, asked=2))
        if not chunk:
            gate.close()
        for ticket in gate.passages():
            judged.append(ticket.passage.text)
            bad = "SECRET" in ticket.passage.text
            gate.verdict(ticket, Verdict(kind, "ours") if bad else Verdict(VerdictKind.RELEASE))
        for reply in gate.endings():
            gate.ended(reply.choice, Ending(Action.ALLOW, Status.FULL))
        for item in gate.release():
            out += item if isinstance(item, bytes) else writer.write(item)
        if not chunk:
            return out, judged, gate.empty


@settings(max_examples=120, deadline=None)
@given(_TEXTS, st.integers(1, 9), st.lists(st.integers(1, 200), min_size=1, max_size=12), st.booleans(),
       st.sampled_from([VerdictKind.TRIM, VerdictKind.COMPLETE]))  # fmt: skip
def test_released_bytes(
    texts: list[tuple[int, str, str]], piece: int, sizes: list[int], whole: bool, kind: VerdictKind
) -> None:
    stream = _stream(texts, piece)
    out, judged, empty = _run(stream, sizes, whole, kind)
    assert empty
    assert judged == _run(stream, [len(stream)], whole, kind)[1] or any("SECRET" in text for text in judged)
    if not any("SECRET" in text for text in judged):
        assert out == stream
        return
    said: dict[tuple[int, str], str] = {}
    for event in Decoder(1 << 20).feed(out):
        body = orjson.loads(event.data or b"")
        for part in frame_pieces(body, "delta", structured=False, asked=2)[0]:
            key = part.choice, part.channel + part.slot
            said[key] = said.get(key, "") + part.text
    assert not any("SECRET" in text or "one thing" in text for text in said.values())
    start = 0
    while start < min(len(out), len(stream)) and out[start] == stream[start]:
        start += 1
    same = out[:start]
    assert b"SECRET" not in out
    assert stream.startswith(same)
