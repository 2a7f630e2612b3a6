"""Errors of the escalation.

HandrailError
├── AddressRefused      a webhook's address is not one that Handrail sends to
├── BrokerUnfit         the broker's address or its database cannot be used
├── SecretUnusable      a channel's secret is no Standard Webhooks secret, or does not open
└── TransitionRefused   a case may not go from one state to that other one

No message carries chat text, a secret, or a webhook's address beyond its host.
"""

from __future__ import annotations

from guard.errors import HandrailError

__all__ = ["AddressRefused", "BrokerUnfit", "SecretUnusable", "TransitionRefused"]


class AddressRefused(HandrailError):
    """A webhook's address is not one that Handrail sends to. ``code`` is what the delivery's row says."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class BrokerUnfit(HandrailError):
    """The broker's address or its database cannot be used."""


class SecretUnusable(HandrailError):
    """A channel's secret is no Standard Webhooks secret, or does not open with the master key."""


class TransitionRefused(HandrailError):
    """A case may not go from one state to that other one."""
