"""Where a webhook may go. A name is resolved first, every address is judged, and the request goes to a judged address:
a name that answers otherwise the second time (DNS rebinding) gains nothing."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from guard.escalation.errors import AddressRefused

__all__ = ["MOST_ADDRESSES", "Destination", "Resolve", "destination", "is_public", "system_resolve"]

Resolve = Callable[[str, int], Sequence[str]]
"""Addresses of a host, literal. Raises ``OSError`` where it has none. Must return within a few seconds."""

MOST_ADDRESSES: Final = 4
"""As many of a host's addresses are tried in one attempt."""

_RESOLVE_SECONDS: Final = 4.0
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a request goes. ``addresses``: judged, in the resolver's order. ``host``: for ``Host`` and the certificate."""

    scheme: str
    host: str
    port: int
    target: str
    addresses: tuple[str, ...]

    @property
    def authority(self) -> str:
        """The ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    def url(self, address: str) -> str:
        """The address to connect to, in place of the host."""
        literal = f"[{address}]" if ":" in address else address
        return f"{self.scheme}://{literal}:{self.port}{self.target}"


def destination(url: str, *, allow_private: bool, resolve: Resolve) -> Destination:
    """Resolves and judges ``url``.

    Raises :class:`AddressRefused` for what is no http or https address, carries credentials, or has any address that is not
    public (``allow_private`` lets it through, and plain http with it); raises ``OSError`` where the name does not resolve.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("address_invalid", "a webhook's address cannot be read; give https://host/path") from None
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in ("http", "https") or not host:
        raise AddressRefused("address_invalid", "a webhook's address must be https://host/path")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(
            "address_credentials", "a webhook's address carries credentials; the signature is what proves us"
        )
    if parts.scheme == "http" and not allow_private:
        raise AddressRefused("address_plain", f"the webhook at {host} is plain http; use https")
    port = port or (443 if parts.scheme == "https" else 80)
    addresses = _literal(host) or tuple(dict.fromkeys(resolve(host, port)))
    if not addresses:
        raise OSError("no address")
    # One private address among public ones refuses them all: which one is used is not for the name's owner to choose.
    if not allow_private and not all(is_public(address) for address in addresses):
        raise AddressRefused(
            "address_private",
            f"the webhook at {host} is on a loopback, private or reserved address; use a public one, "
            "or set HANDRAIL_ALLOW_PRIVATE_WEBHOOKS",
        )
    return Destination(parts.scheme, host, port, _target(parts), addresses[:MOST_ADDRESSES])


def _literal(host: str) -> tuple[str, ...]:
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        return ()


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def is_public(address: str) -> bool:
    """Whether an address, and every IPv4 address that is wrapped in it, belongs to the public internet."""
    try:
        found = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if found in _NAT64:  # what a DNS64 resolver makes of an IPv4 address
        return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
    if not found.is_global or found.is_multicast or found.is_reserved or found.is_unspecified:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return True
    wrapped = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
    return all(inner is None or is_public(str(inner)) for inner in wrapped)


def system_resolve(host: str, port: int) -> Sequence[str]:
    """The operating system's answer, within four seconds: its own resolver may wait for half a minute."""
    answer: list[str] = []

    def look_up() -> None:
        try:
            answer.extend(str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError:
            return

    thread = threading.Thread(target=look_up, name="resolve", daemon=True)
    thread.start()
    thread.join(_RESOLVE_SECONDS)
    if not answer:
        raise OSError("the name does not resolve")
    return tuple(answer)
