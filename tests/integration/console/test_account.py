"""The password, one-time codes, and what each of them ends."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.console.front import PASSWORD, Browser, Front

NEW = "nine slow lanterns by the weir"


async def test_a_new_password_ends_every_other_session(at: Front) -> None:
    """This browser stays, with another token."""
    name, here, there = await at.reviewer(), at.browser(), at.browser()
    await here.sign_in(name)
    await there.sign_in(name)
    before = here.client.cookies["handrail_review"]
    answer = await here.post("/account/password", {"current": PASSWORD, "new": NEW, "again": NEW})
    assert answer.headers["location"] == "/review/account?done=password"
    assert "Your password was changed" in (await here.get("/account?done=password")).text
    assert here.client.cookies["handrail_review"] != before
    assert not await there.inside()
    assert (await there.sign_in(name)).status_code == 422
    assert (await there.sign_in(name, NEW)).status_code == 303
    assert "account.password_changed" in await at.audited(name)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"current": "wrong", "new": NEW, "again": NEW}, "The current password is not right"),
        ({"new": NEW, "again": NEW}, "The current password is not right"),
        ({"current": PASSWORD, "new": "short", "again": "short"}, "at least 12 characters"),
        ({"current": PASSWORD, "new": NEW, "again": NEW + "x"}, "not the same both times"),
        ({"current": PASSWORD, "new": PASSWORD, "again": PASSWORD}, "That is the password you have"),
        ({"current": PASSWORD}, "at least 12 characters"),
    ],
)
async def test_a_password_that_cannot_be_changes_nothing(at: Front, fields: dict[str, str], words: str) -> None:
    """And says why."""
    name, browser = await at.reviewer(), at.browser()
    await browser.sign_in(name)
    answer = await browser.post("/account/password", fields)
    assert answer.status_code == 422
    assert words in answer.text
    assert NEW not in answer.text
    await browser.post("/logout")
    assert (await browser.sign_in(name)).status_code == 303


async def test_whoever_found_an_open_browser_may_not_guess_the_password_for_long(at: Front) -> None:
    """Five times, then one waits; each is on record."""
    name, browser = await at.reviewer(), at.browser()
    await browser.sign_in(name)
    for _ in range(5):
        await browser.post("/account/totp", {"current": "a guess"})
    refused = await browser.post("/account/totp/off", {"current": PASSWORD})
    assert "Try again in 2 minutes" in refused.text
    assert (await at.audited(name)).count("account.password_failed") == 5


async def test_one_time_codes_are_asked_for_once_they_were_confirmed(at: Front) -> None:
    """Not before; the password alone opens nothing then."""
    name, browser, other = await at.reviewer(), at.browser(), at.browser()
    await browser.sign_in(name)
    await browser.post("/account/totp", {"current": PASSWORD})
    offered = await browser.get("/account/totp")
    assert '<svg class="qr"' in offered.text
    assert (await other.sign_in(name)).headers["location"] == "/review"  # what was only offered counts for nothing
    wrong = await browser.post("/account/totp/confirm", {"code": "000000"})
    assert wrong.status_code == 422
    generator, _ = await at.enrol(browser)
    await other.post("/logout")
    asked = await other.sign_in(name, next="/review/account")
    assert asked.headers["location"] == "/review/login/code?next=/review/account"
    assert not await other.inside()
    assert (await other.get("/account")).headers["location"].startswith("/review/login/code")
    assert (await other.get("/login")).headers["location"] == "/review/login/code"
    at.later(seconds=30)
    answer = await other.post("/login/code", {"code": generator.at(at.now), "next": "/review/account"})
    assert answer.headers["location"] == "/review/account"
    assert await other.inside()
    secrets = await at.rows("select totp_secret from reviewers where name = %s", name)
    assert generator.secret.encode() not in bytes(secrets[0]["totp_secret"])
    assert [action for action in await at.audited(name) if action.startswith("login.")][-2:] == [
        "login.code_asked",
        "login.succeeded",
    ]


async def _asked(at: Front, name: str, address: str = "192.0.2.9") -> Browser:
    browser = at.browser(address)
    assert (await browser.sign_in(name)).headers["location"] == "/review/login/code"
    return browser


async def test_a_code_is_taken_once_even_by_two_at_the_same_moment(at: Front) -> None:
    """One of two browsers gets in; the code of the enrolment is used up as well."""
    name, browser = await at.reviewer(), at.browser()
    await browser.sign_in(name)
    generator, _ = await at.enrol(browser)
    first, second = await _asked(at, name), await _asked(at, name, "192.0.2.10")
    replayed = await first.post("/login/code", {"code": generator.at(at.now)})
    assert replayed.status_code == 422
    assert "used before" in replayed.text
    at.later(seconds=30)
    code = {"code": generator.at(at.now)}
    answers = await asyncio.gather(first.post("/login/code", code), second.post("/login/code", code))
    assert sorted(answer.status_code for answer in answers) == [303, 422]
    third = await _asked(at, name)
    assert (await third.post("/login/code", code)).status_code == 422
    assert "login.code_failed" in await at.audited(name)


async def test_codes_are_not_guessed_and_the_wait_for_one_ends(at: Front) -> None:
    """Five, then a wait, from whichever browser; after five minutes the password is asked for again."""
    name, browser = await at.reviewer(), at.browser()
    await browser.sign_in(name)
    generator, _ = await at.enrol(browser)
    at.later(seconds=60)
    guessing = await _asked(at, name)
    for number in range(5):
        assert (await guessing.post("/login/code", {"code": f"{number:06}"})).status_code == 422
    for trying in (guessing, await _asked(at, name, "192.0.2.11")):
        refused = await trying.post("/login/code", {"code": generator.at(at.now)})
        assert refused.status_code == 429
        assert "Try again in 1 minute" in refused.text
    at.later(minutes=6)
    over = await guessing.post("/login/code", {"code": generator.at(at.now)})
    assert over.headers["location"] == "/review/login"


async def test_a_recovery_code_opens_once_and_turning_codes_off_forgets_them(at: Front) -> None:
    """In place of a code; the account says how many are left."""
    name, browser = await at.reviewer(), at.browser()
    await browser.sign_in(name)
    _, codes = await at.enrol(browser)
    other = await _asked(at, name)
    assert (await other.post("/login/code", {"code": codes[0].upper()})).status_code == 303
    assert "7 of your recovery codes are left" in (await other.get("/account")).text
    again = await _asked(at, name)
    assert (await again.post("/login/code", {"code": codes[0]})).status_code == 422
    stored = str(await at.rows("select * from recovery_codes"))
    assert codes[1] not in stored
    assert codes[1].replace("-", "") not in stored
    refused = await other.post("/account/totp/off", {"current": "wrong"})
    assert refused.status_code == 422
    await other.post("/account/totp/off", {"current": PASSWORD})
    plain = at.browser()
    assert (await plain.sign_in(name)).headers["location"] == "/review"
    assert (
        await at.rows("select * from recovery_codes c join reviewers r on r.id = c.reviewer_id where r.name = %s", name)
        == []
    )
    told = await at.audited(name)
    assert told.index("account.totp_enabled") < told.index("login.code_failed") < told.index("account.totp_disabled")
