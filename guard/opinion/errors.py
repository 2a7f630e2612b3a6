"""Errors of the second opinions.

HandrailError
├── EndpointUnfit     the endpoint's settings do not go together
└── OpinionUnknown    there is no opinion of this id

No message carries chat text, a key, or what a model answered.
"""

from __future__ import annotations

from guard.errors import HandrailError

__all__ = ["EndpointUnfit", "OpinionUnknown"]


class EndpointUnfit(HandrailError):
    """The settings of the endpoint cannot be used together; says which is missing."""


class OpinionUnknown(HandrailError):
    """There is no opinion of this id."""
