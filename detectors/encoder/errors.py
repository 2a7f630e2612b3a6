"""Errors of the encoder.

DetectorError (detectors.errors)
├── ModelUnfit    a model's folder that cannot be served: says which file, why and what to do
├── DeviceFailed  a device that did not answer a call: says why in one word
├── ArraysUnfit   bytes that are not a call to a model server, or not its answer
├── CallRefused   a model server has no room for a call, or is ending
├── CallExpired   a call's caller no longer waits
├── CallFailed    the network could not be run on a call
└── ServerUnfit   a model server that cannot be started as it was asked to

No message ever carries a token.
"""

from __future__ import annotations

from detectors.errors import DetectorError

__all__ = ["ArraysUnfit", "CallExpired", "CallFailed", "CallRefused", "DeviceFailed", "ModelUnfit", "ServerUnfit"]


class ModelUnfit(DetectorError):
    """A model's folder that this release cannot serve."""


class DeviceFailed(DetectorError):
    """A device did not answer a call.

    ``reason`` is one of: absent, memory, error, unreachable, deadline, overloaded, unauthorised, mismatch, refused, garbled.
    ``rest_seconds``: how long it asks to be left alone; ``None`` where it does not say. ``final``: nothing that this process
    does makes the next call better.
    """

    def __init__(self, reason: str, message: str, *, rest_seconds: float | None = None, final: bool = False) -> None:
        super().__init__(message)
        self.reason, self.rest_seconds, self.final = reason, rest_seconds, final


class ArraysUnfit(DetectorError):
    """Bytes that are no arrays of this protocol."""


class CallRefused(DetectorError):
    """There is no room for the call, or the server is ending."""


class CallExpired(DetectorError):
    """The caller no longer waits."""


class CallFailed(DetectorError):
    """The network could not be run on the call."""


class ServerUnfit(DetectorError):
    """A model server that cannot be started as it was asked to."""
