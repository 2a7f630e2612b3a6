"""What of an event may leave beside its data."""

from __future__ import annotations

import pytest

from guard.gateway.sse import Decoder


@pytest.mark.parametrize(("raw", "data", "safe"), [
    (b"data: a\n\n", b"a", None), (b"data: a\r\n\r\n", b"a", None), (b"data: a\ndata: b\n\n", b"a\nb", None),
    (b"data:a\n\n", b"a", None), (b": ping\n\n", None, None), (b":\n\n", None, None), (b": keep-alive\n\n", None, None),
    (b": OPENROUTER PROCESSING\n\n", None, None), (b"event: message\ndata: a\n\n", b"a", None),
    (b"id: 12-ab\nretry: 300\ndata: a\n\n", b"a", None),
    (b": some words\n\n", None, b""), (b": some words\ndata: a\n\n", b"a", b"data: a\n\n"),
    (b"event: Some words\r\ndata: a\r\n\r\n", b"a", b"data: a\n\n"), (b"id: some words\n\n", None, b""),
    (b"retry: soon\ndata: a\n\n", b"a", b"data: a\n\n"), (b" data: a\n\n", None, b""), (b"Data: a\n\n", None, b""),
    (b"words\ndata: a\n\n", b"a", b"data: a\n\n"), (b"data: a", b"a", b"data: a\n\n"),
    (b"data: a\n", b"a", b"data: a\n\n\n"),
])  # fmt: skip
def test_safe(raw: bytes, data: bytes | None, safe: bytes | None) -> None:
    for first in (b"", b"data: x\n\n"):
        decoder = Decoder(1000)
        decoder.feed(first)
        event = decoder.parse(raw)
        assert (event.raw, event.data, event.safe) == (raw, data, raw if safe is None else safe)


def test_byte_order_mark_belongs_to_the_stream_alone() -> None:
    decoder = Decoder(1000)
    first, second = decoder.feed(b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n")
    assert (first.data, first.safe) == (b"a", b"data: a\n\n")
    assert (second.data, second.safe) == (None, b"")
