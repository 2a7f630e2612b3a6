"""What a request's headers say, and which of them go on to the chatbot."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from policies.decision import Person

__all__ = ["Headers", "forwarded", "person", "returned", "tenant_key"]

Headers = dict[bytes, bytes]

_HOP: Final = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding"
    b" upgrade".split()
)
_OURS_UP: Final = frozenset(
    b"host content-length content-encoding accept-encoding authorization x-api-key cookie expect content-type accept"
    b" forwarded via x-real-ip true-client-ip cf-connecting-ip content-digest digest content-md5 range".split()
)
_OURS_DOWN: Final = frozenset(
    # Framing and digests of another body, and what speaks for the upstream's own origin to the client's.
    b"content-length content-encoding content-range accept-ranges content-digest repr-digest digest content-md5 etag date"
    b" server via set-cookie set-cookie2 alt-svc clear-site-data strict-transport-security expect-ct nel report-to"
    b" reporting-endpoints location refresh content-location link www-authenticate service-worker-allowed sourcemap"
    b" x-sourcemap".split()
)
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def forwarded(headers: Iterable[tuple[bytes, bytes]], key: str | None) -> dict[str, str]:
    """The headers of the call upstream: the client's, without its key and without ours. What is sent several times goes up
    as one list."""
    pairs = list(headers)
    named = {name.strip().lower() for key_, value in pairs if key_ == b"connection" for name in value.split(b",")}
    out: dict[str, str] = {}
    for raw, value in pairs:
        if raw in _HOP or raw in _OURS_UP or raw in named or raw.startswith((b"x-handrail-", b"x-forwarded-")):
            continue
        name, text = raw.decode("latin-1"), _text(value)
        out[name] = f"{out[name]}, {text}" if name in out else text
    out["accept-encoding"] = "identity"
    out["content-type"] = "application/json"
    if key is not None:
        out["authorization"] = f"Bearer {key}"
    return out


def _text(value: bytes) -> str:
    """A header's value as the client library writes it again: UTF-8, or Latin-1 where it is not."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def returned(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The upstream's headers that the client gets."""
    pairs = [(name.lower(), value) for name, value in headers]
    named = {part.strip().lower() for name, value in pairs if name == b"connection" for part in value.split(b",")}
    return [
        (name, value)
        for name, value in pairs
        if name not in _HOP and name not in _OURS_DOWN and name not in named
        and not name.startswith((b"x-handrail-", b"access-control-"))
        and _NAME.fullmatch(name) and not _CONTROL.search(value)
    ]  # fmt: skip


def tenant_key(headers: Headers) -> str | None:
    """The key that the client sent, from ``authorization: Bearer`` or ``x-api-key``."""
    scheme, _, value = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and value.strip():
        return value.strip().decode("latin-1")
    return headers[b"x-api-key"].decode("latin-1") if headers.get(b"x-api-key") else None


def text_of(headers: Headers, name: bytes) -> str | None:
    """A header's value, ``None`` where it is missing or empty."""
    value = headers.get(name, b"").strip()
    return value.decode("utf-8", "replace") if value else None


def person(headers: Headers) -> Person:
    """Who the headers say is speaking. An age that is not one of ours is unknown."""
    age = (text_of(headers, b"x-handrail-age") or "unknown").lower()
    return Person(
        age=age if age in ("adult", "minor") else "unknown",
        locale=text_of(headers, b"x-handrail-locale"),
        jurisdiction=text_of(headers, b"x-handrail-jurisdiction"),
        timezone=text_of(headers, b"x-handrail-timezone"),
    )
