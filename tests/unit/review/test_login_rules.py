"""What counts as one address, where a login may lead, what a password must be, and which requests are our own pages'."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from guard.records.scope import Role
from guard.review.attempts import network_of, wait_in_words
from guard.review.headers import from_own_page
from guard.review.identity import roles_of
from guard.review.passwords import weakness
from guard.review.qr import qr_svg
from guard.review.shell import local_path


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        (None, "unknown"),
        ("not an address", "unknown"),
    ],
)
def test_a_household_is_one_address(host: str | None, network: str) -> None:
    """IPv6 by its /64; IPv4 however it is written."""
    assert network_of(host) == network


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (1, "1 second"), (59.5, "1 minute"), (60, "1 minute"), (60.1, "2 minutes"), (600, "10 minutes")],
)
def test_a_wait_is_never_told_shorter_than_it_is(seconds: float, words: str) -> None:
    """Whoever waits so long gets in."""
    assert wait_in_words(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize("path", ["/review", "/review/queue", "/review/queue?state=closed&after=x", "/review?done=1"])
def test_addresses_of_the_console_are_kept(path: str) -> None:
    """With their query."""
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None, "", "/", "//evil.example", "https://evil.example/review", "/\\evil.example", "/reviewer", "review",
        "/review//evil", "/review/../v1/turns", "/review/\\evil", "/review/\t/evil", "/review/\n", "javascript:alert(1)",
        "/review/%0d%0a\r\n", "/review?next=//evil", "/review@evil.example", "/review/" + "x" * 600, "/review/é", " /review",
    ],
)  # fmt: skip
def test_nothing_else_is(path: str | None) -> None:
    """Nobody is sent away from the console by its own login."""
    assert local_path(path) == "/review"


@given(st.text(max_size=80))
def test_whatever_is_given_the_way_stays_on_this_origin(given_path: str) -> None:
    """As a browser reads it: one slash, then our own name."""
    for prefix in ("", "/review", "/review/", "//", "/review?"):
        found = local_path(prefix + given_path)
        assert found == "/review" or found.startswith(("/review/", "/review?"))
        assert not set(found) & set('\\\r\n\t <>"')
        assert "//" not in found


@pytest.mark.parametrize(
    ("password", "fits"),
    [
        ("correct horse battery", True), ("ein Satz nur für mich", True), ("short", False), ("aaaaaaaaaaaaaaaa", False),
        ("abcabcabcabcabc", False), ("my name is jordan ok", False), ("handrail-2026-x", False), ("x" * 300, False),
    ],
)  # fmt: skip
def test_passwords_are_long_and_not_about_their_owner(password: str, fits: bool) -> None:
    """No classes of characters are asked for."""
    assert (weakness(password, "jordan", "acme", "handrail") is None) is fits


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"host": "h:1"}, True),
        ({"host": "h:1", "origin": "http://h:1"}, True),
        ({"host": "h:1", "origin": "http://h:1", "sec-fetch-site": "same-origin"}, True),
        ({"host": "h:1", "origin": "https://h:1"}, False),
        ({"host": "h:1", "origin": "http://h"}, False),
        ({"host": "h:1", "origin": "null"}, False),
        ({"host": "h:1", "origin": "http://evil"}, False),
        ({"host": "h:1", "origin": "http://h:1", "sec-fetch-site": "same-site"}, False),
        ({"host": "h:1", "sec-fetch-site": "cross-site"}, False),
        ({"host": "h:1", "sec-fetch-site": "none"}, False),
    ],
)
def test_only_our_own_pages_change_anything(headers: dict[str, str], own: bool) -> None:
    """Where the browser says from where; a client that says nothing has its form's token looked at."""
    assert from_own_page(Headers(headers), "http") is own


def test_roles_that_nobody_knows_open_nothing() -> None:
    """And the older spelling is read."""
    assert roles_of(["reviewer", "policy-author", "root", ""]) == {Role.REVIEWER, Role.POLICY_AUTHOR}


def test_a_qr_code_has_no_style_and_no_script() -> None:
    """A strict policy shows it."""
    drawn = str(qr_svg('otpauth://totp/x?secret=A&issuer="><script>'))
    assert drawn.startswith("<svg ")
    assert "script" not in drawn
    assert "style" not in drawn
    assert drawn.count("h1v1h-1z") > 200
