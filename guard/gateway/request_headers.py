"""What a request's headers say, and which of them go on to the chatbot."""

from __future__ import annotations

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
    b"host content-length accept-encoding authorization x-api-key cookie expect content-type accept forwarded".split()
)
_OURS_DOWN: Final = frozenset(b"content-length content-encoding date server set-cookie alt-svc".split())


def forwarded(headers: Iterable[tuple[bytes, bytes]], key: str | None) -> dict[str, str]:
    """The headers of the call upstream: the client's, without its key and without ours."""
    pairs = list(headers)
    named = {name.strip().lower() for key_, value in pairs if key_ == b"connection" for name in value.split(b",")}
    out = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in pairs
        if name not in _HOP and name not in _OURS_UP and name not in named
        and not name.startswith((b"x-handrail-", b"x-forwarded-"))
    }  # fmt: skip
    out["accept-encoding"] = "identity"
    out["content-type"] = "application/json"
    if key is not None:
        out["authorization"] = f"Bearer {key}"
    return out


def returned(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The upstream's headers that the client gets."""
    pairs = [(name.lower(), value) for name, value in headers]
    named = {part.strip().lower() for name, value in pairs if name == b"connection" for part in value.split(b",")}
    return [
        (name, value)
        for name, value in pairs
        if name not in _HOP and name not in _OURS_DOWN and name not in named and not name.startswith(b"x-handrail-")
    ]


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
