"""Who gets in, how often one may try, and how long one stays."""

from __future__ import annotations

import asyncio
import re

import pytest
from psycopg import AsyncConnection

from guard.records import admin
from tests.integration.console.front import PASSWORD, Front


async def test_name_and_password_open_the_console_and_the_audit_log_knows(at: Front) -> None:
    """In, back to where one came from, out; each with a row, and the token nowhere but in the browser."""
    name, browser = await at.reviewer(), at.browser()
    sent = await browser.get("/account")
    assert sent.status_code == 303
    assert sent.headers["location"] == "/review/login?next=/review/account"
    answer = await browser.sign_in(name, next="/review/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/review/account")
    token = browser.client.cookies["handrail_review"]
    assert await browser.inside()
    stored = await at.rows("select digest::text, s.* from review_sessions s where tenant_id = %s", at.tenant_id)
    assert token not in str(stored)
    assert (await browser.post("/logout")).headers["location"] == "/review/login"
    assert not await browser.inside()
    browser.client.cookies.set("handrail_review", token)
    assert not await browser.inside()
    assert await at.audited(name) == ["login.succeeded", "login.ended"]


async def test_a_wrong_password_a_wrong_name_and_a_wrong_tenant_read_the_same(at: Front) -> None:
    """Nobody learns which of them exists; a name that does not may be a password, and is kept nowhere."""
    name, pages = await at.reviewer(), []
    for tenant, given, password in (
        (at.tenant, name, "quite-wrong"),
        (at.tenant, "hunter-two", "quite-wrong"),
        ("nowhere", name, PASSWORD),
    ):
        browser = at.browser()
        browser.tenant = tenant
        answer = await browser.sign_in(given, password)
        assert answer.status_code == 422
        plain = re.sub(r'value="[^"]*"', "", answer.text)
        pages.append(plain)
        assert not await browser.inside()
        assert password not in answer.text
    assert pages[0] == pages[1] == pages[2]
    assert await at.audited(name) == ["login.failed"]
    rows = await at.rows("select * from audit_log where tenant_id = %s and action = 'login.failed'", at.tenant_id)
    assert sorted(row["subject"] for row in rows)[-1] == "reviewer:unknown"
    assert "hunter-two" not in str(rows)


@pytest.mark.parametrize("field", ["tenant", "name", "password"])
async def test_what_cannot_be_a_login_is_refused_before_it_costs_anything(at: Front, field: str) -> None:
    """Nothing, too much, characters that no text has."""
    name, browser = await at.reviewer(), at.browser()
    whole = {"tenant": at.tenant, "name": name, "password": PASSWORD}
    for value in ("", "x" * 300):
        assert (await browser.post("/login", {**whole, field: value})).status_code == 422
    assert (await browser.post("/login", {**whole, field: "a\0b"})).status_code == 400
    assert (await browser.post("/login", {**whole, field: "x" * 9000})).status_code == 413
    assert await at.audited(name) == []
    assert (await browser.post("/login", whole)).status_code == 303


async def test_after_five_wrong_passwords_a_name_waits_and_the_wait_is_told(at: Front) -> None:
    """Also with the right one; two minutes later one more is let through."""
    name = await at.reviewer()
    for number in range(5):
        assert (await at.browser(f"198.51.100.{number}").sign_in(name, "wrong")).status_code == 422
    for password in ("wrong", PASSWORD):
        answer = await at.browser("198.51.100.77").sign_in(name, password)
        assert answer.status_code == 429
        assert "Try again in 2 minutes" in answer.text
        assert answer.headers["retry-after"] == "120"
    at.later(seconds=119)
    assert (await at.browser("198.51.100.78").sign_in(name)).status_code == 429
    at.later(seconds=1)
    assert (await at.browser("198.51.100.78").sign_in(name)).status_code == 303
    # What was right paid for what was wrong.
    assert (await at.browser("198.51.100.79").sign_in(name, "wrong")).status_code == 422
    assert await at.audited(name) == ["login.failed"] * 5 + ["login.succeeded", "login.failed"]


async def test_at_once_no_more_are_tried_than_one_after_the_other(at: Front) -> None:
    """Twelve guesses at the same moment are five."""
    name = await at.reviewer()
    answers = await asyncio.gather(*(at.browser(f"203.0.113.{n}").sign_in(name, "wrong") for n in range(12)))
    assert sorted(answer.status_code for answer in answers) == [422] * 5 + [429] * 7


async def test_whoever_guesses_from_elsewhere_does_not_keep_a_known_browser_out(at: Front) -> None:
    """A browser from which somebody has signed in before has a count of its own, and is guessed from no longer either."""
    name, own = await at.reviewer(), at.browser("192.0.2.50")
    assert (await own.sign_in(name)).status_code == 303
    await own.post("/logout")
    for number in range(6):
        last = await at.browser(f"198.51.100.{number}").sign_in(name, "wrong")
    assert last.status_code == 429
    assert (await own.sign_in(name)).status_code == 303
    await own.post("/logout")
    for _ in range(5):
        assert (await own.sign_in(name, "wrong")).status_code == 422
    assert (await own.sign_in(name)).status_code == 429
    # Somebody else's mark is worth nothing.
    other, stolen = await at.reviewer(), own.client.cookies["handrail_device"]
    for number in range(5):
        await at.browser(f"198.51.100.{number}").sign_in(other, "wrong")
    thief = at.browser("198.51.100.9")
    thief.client.cookies.set("handrail_device", stolen, path="/review/login")
    assert (await thief.sign_in(other)).status_code == 429


async def test_one_address_may_not_try_many_names(at: Front) -> None:
    """Thirty at once and one each ten seconds, whatever the names; an IPv6 household is one address. Rows that say nothing
    any more go."""
    await at.rows("delete from login_attempts")
    for number in range(30):
        browser = at.browser(f"2001:db8::{number + 1:x}")
        assert (await browser.sign_in(f"name-{number}", "wrong")).status_code == 422
    refused = await at.browser("2001:db8::ffff").sign_in(await at.reviewer())
    assert refused.status_code == 429
    assert "10 seconds" in refused.text
    assert (await at.browser("2001:db8:0:1::1").sign_in("name-x", "wrong")).status_code == 422
    keys = await at.rows("select key from login_attempts")
    assert len(keys) <= 30 + 1 + 2
    at.later(hours=1)
    await at.browser("192.0.2.200").sign_in("name-y", "wrong")
    assert len(await at.rows("select key from login_attempts")) == 2


async def test_a_session_ends_after_half_an_hour_unused_and_after_twelve_hours_in_any_case(at: Front) -> None:
    """What a page asks by itself uses nothing."""
    name, browser = await at.reviewer(), at.browser()
    await browser.sign_in(name)
    for _ in range(3):
        at.later(minutes=29)
        assert await browser.inside()
    at.later(minutes=31)
    assert not await browser.inside()
    await browser.sign_in(name)
    for _ in range(4):  # a heartbeat every 10 minutes
        at.later(minutes=10)
        beat = await browser.client.get("/review/account", headers={"sec-fetch-dest": "empty"})
    assert beat.status_code == 401
    await browser.sign_in(name)
    for _ in range(12 * 3 - 1):
        at.later(minutes=20)
        assert await browser.inside()
    at.later(minutes=20)
    assert not await browser.inside()


async def test_a_disabled_reviewer_a_reset_password_and_a_disabled_tenant_end_what_is_open(at: Front) -> None:
    """At once, in every browser."""
    name, browser = await at.reviewer(), at.browser()
    await browser.sign_in(name)
    async with await AsyncConnection.connect(at.url, autocommit=True) as connection:
        password = await admin.reset_password(connection, at.tenant_id, name)
        assert not await browser.inside()
        assert (await browser.sign_in(name)).status_code == 422
        assert (await browser.sign_in(name, password)).status_code == 303
        assert await browser.inside()
        await admin.disable_tenant(connection, at.tenant)
        assert not await browser.inside()
        assert (await browser.sign_in(name, password)).status_code == 422
        await admin.enable_tenant(connection, at.tenant)
        await browser.sign_in(name, password)
        await admin.disable_reviewer(connection, at.tenant_id, name)
    assert not await browser.inside()
    assert (await browser.sign_in(name, password)).status_code == 422


async def test_a_reviewer_has_ten_sessions_at_most_and_may_end_them_all(at: Front) -> None:
    """The oldest ends; `sign out everywhere` ends the rest."""
    name, browsers = await at.reviewer(), [at.browser() for _ in range(11)]
    for browser in browsers:
        await browser.sign_in(name)
        at.later(seconds=1)
    assert [await browser.inside() for browser in browsers] == [False, *[True] * 10]
    await browsers[3].post("/account/others")
    assert [await browser.inside() for browser in browsers] == [number == 3 for number in range(11)]
    await browsers[5].sign_in(name)
    await browsers[5].post("/logout/everywhere")
    assert not any([await browser.inside() for browser in browsers])
    assert (await at.audited(name))[-1] == "login.ended_everywhere"
