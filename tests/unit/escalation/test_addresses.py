"""Where a webhook may go."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.escalation.addresses import Destination, destination, is_public
from guard.escalation.errors import AddressRefused


def _never(host: str, port: int) -> Sequence[str]:
    raise AssertionError(f"a literal address was looked up: {host}")


def _answers(*addresses: str) -> object:
    return lambda host, port: addresses


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1",
        "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
        "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "nonsense", "",
    ],
)  # fmt: skip
def test_addresses_that_are_nobodys_business(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="127.0.0.0/8"))
@settings(max_examples=50)
def test_no_wrapping_hides_a_private_address(inner: object) -> None:
    number = int(inner)  # type: ignore[call-overload]
    for wrapped in (
        f"::ffff:{inner}",
        f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1",
        f"64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}",
    ):
        assert not is_public(wrapped)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://127.0.0.1/h", "address_private"),
        ("https://[::1]/h", "address_private"),
        ("https://[::ffff:10.0.0.1]/h", "address_private"),
        ("http://93.184.216.34/h", "address_plain"),
        ("https://user:pw@93.184.216.34/h", "address_credentials"),
        ("ftp://93.184.216.34/h", "address_invalid"),
        ("file:///etc/passwd", "address_invalid"),
        ("https:///h", "address_invalid"),
        ("https://host:99999/h", "address_invalid"),
        ("https://[::1", "address_invalid"),
    ],
)
def test_refused_before_anything_is_sent(url: str, code: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        destination(url, allow_private=False, resolve=_never)
    assert caught.value.code == code
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("found", [("127.0.0.1",), ("93.184.216.34", "10.0.0.1"), ("::1", "93.184.216.34")])
def test_one_private_address_among_others_refuses_the_name(found: tuple[str, ...]) -> None:
    with pytest.raises(AddressRefused, match="loopback, private or reserved"):
        destination("https://hooks.example.org/h", allow_private=False, resolve=_answers(*found))  # type: ignore[arg-type]


def test_the_judged_address_is_the_one_that_is_used() -> None:
    place = destination("https://hooks.example.org/h?a=1", allow_private=False, resolve=_answers("93.184.216.34"))  # type: ignore[arg-type]
    assert place == Destination("https", "hooks.example.org", 443, "/h?a=1", ("93.184.216.34",))
    assert place.url("93.184.216.34") == "https://93.184.216.34:443/h?a=1"
    assert place.authority == "hooks.example.org"


def test_a_private_address_where_it_is_allowed() -> None:
    place = destination("http://localhost:8000", allow_private=True, resolve=_answers("127.0.0.1"))  # type: ignore[arg-type]
    assert (place.authority, place.target) == ("localhost:8000", "/")


def test_numeric_spellings_go_through_the_resolver_and_are_judged_there() -> None:
    # The system's resolver reads 2130706433 and 0x7f.1 as 127.0.0.1.
    for host in ("2130706433", "0x7f.1", "127.1"):
        with pytest.raises(AddressRefused):
            destination(f"https://{host}/", allow_private=False, resolve=_answers("127.0.0.1"))  # type: ignore[arg-type]
