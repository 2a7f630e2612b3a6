"""What every answer of the console carries, and which requests it takes no part in: an ASGI layer around the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders

__all__ = ["Guarded", "from_own_page"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS: Final = (
    ("x-content-type-options", "nosniff"),
    # Not no-referrer: with that a form's Origin is "null", and whether it is from our own page could not be seen. Other
    # sites, the tenant's own system among them, are told nothing either way.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("x-robots-tag", "noindex, nofollow"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)


class Guarded:
    """``app`` with the console's headers on every answer. A request that changes something and is not from a page of the
    console's own is answered by ``refuse``."""

    def __init__(self, app: App, refuse: App) -> None:
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = False

        async def sending(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                headers = MutableHeaders(scope=message)
                headers["content-security-policy"] = _POLICY
                for name, value in _ALWAYS:
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
                headers.append("vary", "Cookie")
            await send(message)

        allowed = scope["method"] in _SAFE or from_own_page(Headers(scope=scope), scope["scheme"])
        try:
            await (self._app if allowed else self._refuse)(scope, receive, sending)
        except Exception:  # its page was sent and its type logged; what it says may quote a person, so it goes no further
            if not answered:
                raise


def from_own_page(headers: Headers, scheme: str) -> bool:
    """Whether a request that changes something may be from a page of this origin, as its browser says.

    Browsers say it in ``Sec-Fetch-Site`` (over https and on this machine) and in ``Origin``; both must agree where
    they are there. A client that says nothing is no browser: the form's token decides.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    return origin is None or origin == f"{scheme}://{headers.get('host', '')}"
