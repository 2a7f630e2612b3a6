"""Forms as they come in: bounded, of one encoding, and from a page of this browser's own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from guard.review.cookies import csrf_matches

__all__ = ["Form", "checked_form"]

_FIELDS: Final = 200
_SECONDS: Final = 20.0
_ENCODING: Final = "application/x-www-form-urlencoded"


class Form(Mapping[str, str]):
    """A form's fields. Of a field that came more than once the mapping has the last; :meth:`every` has all."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs
        self._last = dict(pairs)

    def __getitem__(self, name: str) -> str:
        return self._last[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)

    def every(self, name: str) -> tuple[str, ...]:
        """All values of one field, in order."""
        return tuple(value for key, value in self._pairs if key == name)


async def checked_form(request: Request, limit_bytes: int = 32_768) -> Form:
    """The form of this request, its ``csrf`` field checked and taken out; line ends are ``\\n``.

    Raises :class:`~starlette.exceptions.HTTPException`: 403 for a token that is missing or another's, 413 for more than
    ``limit_bytes``, 415 for another encoding, 400 for what is no such form or has characters that no text has, 408 for one
    that does not arrive.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _ENCODING:
        raise HTTPException(415, f"This address takes a form ({_ENCODING}).")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared[:20]) > limit_bytes:
        raise _too_large(limit_bytes)
    body = await _body(request, limit_bytes)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), errors="strict", max_num_fields=_FIELDS
        )
    except ValueError:
        raise HTTPException(400, "This form could not be read. Go back, reload the page and send it again.") from None
    if any("\0" in value for pair in pairs for value in pair):
        raise HTTPException(400, "This form has a character that no text has. Remove it and send the form again.")
    form = Form([(name, value.replace("\r\n", "\n")) for name, value in pairs if name != "csrf"])
    if not csrf_matches(request, dict(pairs).get("csrf", "")):
        raise HTTPException(
            403,
            "This form is from a page of an earlier sign-in. Nothing was changed. Go back, reload and try again.",
        )
    return form


async def _body(request: Request, limit: int) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        raise HTTPException(408, "The form did not arrive in time. Send it again.") from None
    except ClientDisconnect:
        raise HTTPException(400, "The form broke off.") from None
    return bytes(body)


def _too_large(limit: int) -> HTTPException:
    return HTTPException(
        413, f"This form is too long: at most {limit // 1024} KiB are taken. Nothing was changed. Go back and shorten it."
    )
