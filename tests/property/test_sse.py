"""The event codec under every chunking."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guard.gateway.sse import Decoder

_LINES = st.sampled_from(["data: häppy 🌍", ": ping", "event: x", "data:", "data: b", "id: 1", "", "data: [DONE]"])
_ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_LINES, _ENDS), max_size=25), st.lists(st.integers(1, 7), min_size=1, max_size=40), st.booleans())
def test_any_chunking_gives_the_same_events(lines: list[tuple[str, str]], sizes: list[int], bom: bool) -> None:
    stream = (b"\xef\xbb\xbf" if bom else b"") + "".join(line + end for line, end in lines).encode()
    whole = Decoder(10_000)
    expected = [event.data for event in whole.feed(stream) if event.data is not None]
    decoder = Decoder(10_000)
    events, at, turn = [], 0, 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        events += decoder.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    assert b"".join(event.raw for event in events) + decoder.finish() == stream
    assert [event.data for event in events if event.data is not None] == expected
