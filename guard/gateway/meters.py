"""What the gateway counts."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Meters", "NoMeters"]


class Meters(Protocol):
    """Labels never carry a user, a session or free text. Times are in seconds."""

    def stage(self, name: str, seconds: float) -> None: ...
    def turn(self, action: str, status: str, protocol: str) -> None: ...
    def hold_back(self, seconds: float) -> None: ...
    def first_token(self, seconds: float) -> None: ...
    def added(self, until: str, seconds: float) -> None: ...
    def bad_request(self, reason: str) -> None: ...
    def upstream_failure(self, reason: str) -> None: ...
    def request(self, route: str, code: int) -> None: ...


class NoMeters:
    """Counts nothing."""

    def stage(self, name: str, seconds: float) -> None:
        """Counts nothing."""

    def turn(self, action: str, status: str, protocol: str) -> None:
        """Counts nothing."""

    def hold_back(self, seconds: float) -> None:
        """Counts nothing."""

    def first_token(self, seconds: float) -> None:
        """Counts nothing."""

    def added(self, until: str, seconds: float) -> None:
        """Counts nothing."""

    def bad_request(self, reason: str) -> None:
        """Counts nothing."""

    def upstream_failure(self, reason: str) -> None:
        """Counts nothing."""

    def request(self, route: str, code: int) -> None:
        """Counts nothing."""
