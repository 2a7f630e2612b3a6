"""Errors at the edge.

GatewayError
├── BadRequest         400  the request cannot be read; says what, where and what to send
├── Unauthenticated    401  no key, or one that is unknown or revoked
├── NotFound           404  no such path, or nothing of this tenant's under it
├── WrongMethod        405  a path that is there, asked in another way
├── TooSlow            408  a body that does not come
├── TooLarge           413  a body beyond its bound
├── HeadTooLarge       431  more headers than are taken
├── Unavailable        503  something behind the gateway is away for now
├── UpstreamFailed     502  the chatbot cannot be reached or does not speak its protocol
├── UpstreamTimeout    504  the chatbot did not answer in time
└── RedactionFailed    503  what is personal cannot be found now, and this tenant's messages do not go without

No message carries chat text.
"""

from __future__ import annotations

import orjson

from guard.errors import HandrailError

__all__ = [
    "BadRequest",
    "GatewayError",
    "HeadTooLarge",
    "NotFound",
    "RedactionFailed",
    "TooLarge",
    "TooSlow",
    "Unauthenticated",
    "Unavailable",
    "UpstreamFailed",
    "UpstreamTimeout",
    "WrongMethod",
]


class GatewayError(HandrailError):
    """Base. ``reason`` is a short word for metrics; ``param`` names the part of the request that is wrong."""

    status = 500
    kind = "server_error"

    def __init__(self, message: str, *, reason: str, param: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.param = param

    def body(self) -> bytes:
        """The error in the shape of OpenAI's protocol."""
        return orjson.dumps({"error": {"message": str(self), "type": self.kind, "param": self.param, "code": self.reason}})


class BadRequest(GatewayError):
    """The request cannot be read."""

    status = 400
    kind = "invalid_request_error"


class Unauthenticated(GatewayError):
    """No usable key."""

    status = 401
    kind = "authentication_error"


class NotFound(GatewayError):
    """Nothing is there."""

    status = 404
    kind = "invalid_request_error"


class HeadTooLarge(GatewayError):
    """More headers than are taken."""

    status = 431
    kind = "invalid_request_error"


class TooLarge(GatewayError):
    """The body is beyond its bound."""

    status = 413
    kind = "invalid_request_error"


class Unavailable(GatewayError):
    """Something behind the gateway is away for now."""

    status = 503


class WrongMethod(GatewayError):
    """The path is there, asked in another way. ``allow``: the method that it takes."""

    status = 405
    kind = "invalid_request_error"

    def __init__(self, allow: str) -> None:
        super().__init__(f"this path takes {allow} requests only", reason="wrong_method")
        self.allow = allow


class TooSlow(GatewayError):
    """The body does not come."""

    status = 408
    kind = "invalid_request_error"


class UpstreamFailed(GatewayError):
    """The chatbot cannot be reached or does not speak its protocol."""

    status = 502
    kind = "upstream_error"


class UpstreamTimeout(UpstreamFailed):
    """The chatbot did not answer in time."""

    status = 504
    kind = "upstream_timeout"


class RedactionFailed(UpstreamFailed):
    """What is personal cannot be found now, so nothing was sent to the chatbot."""

    status = 503
    kind = "server_error"
