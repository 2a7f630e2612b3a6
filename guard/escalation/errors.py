"""Errors of the escalation.

HandrailError
├── AddressRefused      a channel's address is not one that Handrail sends to
├── BrokerUnfit         the broker's address or its database cannot be used
├── ChannelRefused      a channel cannot be what was asked for
├── DeliveryNotFound    no delivery that was given up is meant by this id
├── SecretUnusable      a channel's secret is no Standard Webhooks secret, or does not open
└── TransitionRefused   a case may not go from one state to that other one

No message carries chat text, a secret, or a webhook's address beyond its host.
"""

from __future__ import annotations

from guard.errors import HandrailError

__all__ = ["AddressRefused", "BrokerUnfit", "ChannelRefused", "DeliveryNotFound", "SecretUnusable", "TransitionRefused"]


class AddressRefused(HandrailError):
    """A channel's address is not one that Handrail sends to. ``code`` is what the delivery's row says."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class BrokerUnfit(HandrailError):
    """The broker's address or its database cannot be used."""


class ChannelRefused(HandrailError):
    """A channel cannot be what was asked for."""


class DeliveryNotFound(HandrailError):
    """No delivery that was given up is meant by this id."""


class SecretUnusable(HandrailError):
    """A channel's secret is no Standard Webhooks secret, or does not open with the master key."""


class TransitionRefused(HandrailError):
    """A case may not go from one state to that other one."""
