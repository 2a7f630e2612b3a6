"""What every answer carries, which forms are taken, and what a request that does not work is answered with."""

from __future__ import annotations

import random

import pytest

from tests.integration.console.front import Front

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@pytest.mark.parametrize(
    "path", ["/login", "/account", "/nowhere", "/static/handrail.css", "/static/none.css", "/queue/x/y"]
)
async def test_every_answer_is_under_the_strict_policy(at: Front, path: str) -> None:
    """Pages, errors, redirects and files alike; pages are never kept, versioned files always."""
    browser = at.browser()
    answer = await browser.get(path)
    assert answer.headers["content-security-policy"] == _POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cache-control"] == ("no-cache" if path.endswith("handrail.css") else "no-store")
    versioned = await browser.get("/static/handrail.css?v=abc")
    assert "immutable" in versioned.headers["cache-control"]


async def test_pages_hold_no_inline_script_style_or_foreign_address(at: Front) -> None:
    """The policy would stop them; they are not there in the first place."""
    name, browser = await at.reviewer(), at.browser()
    await browser.sign_in(name)
    for path in ("/login", "/account", "/nowhere"):
        text = (await browser.get(path)).text
        for forbidden in ("<style", " style=", "onclick", "javascript:", "http://", "https://", "//"):
            assert forbidden not in text.replace("//console.test", ""), (path, forbidden)
        assert text.count("<script") == text.count('<script src="/review/static/')


@pytest.mark.parametrize(("https", "prefix"), [(False, ""), (True, "__Host-")])
async def test_cookies_are_for_this_host_its_pages_and_nobody_s_script(at: Front, https: bool, prefix: str) -> None:
    """Over https they are bound to the host and never sent without TLS."""
    name, browser = await at.reviewer(), at.browser(https=https)
    before = await browser.get("/login")
    answer = await browser.sign_in(name)
    for line in (browser.cookie(before, f"{prefix}handrail_form"), browser.cookie(answer, f"{prefix}handrail_review")):
        parts = {part.strip().lower() for part in line.split(";")[1:]}
        assert {"httponly", "samesite=strict"} <= parts
        assert ("secure" in parts) is https
        assert ("path=/" if https else "path=/review") in parts
        assert not any(part.startswith(("domain", "expires", "max-age")) for part in parts)
    assert await browser.inside()


async def test_a_cookie_of_plain_http_is_worth_nothing_over_https(at: Front) -> None:
    """A neighbour on plain http cannot lay a session into this browser."""
    name, plain = await at.reviewer(), at.browser()
    await plain.sign_in(name)
    secure = at.browser(https=True)
    secure.client.cookies.set("handrail_review", plain.client.cookies["handrail_review"])
    assert not await secure.inside()


async def test_a_form_without_its_own_token_changes_nothing(at: Front) -> None:
    """None, a wrong one, another browser's, one of before the sign-in."""
    name, browser, other = await at.reviewer(), at.browser(), at.browser()
    await other.sign_in(await at.reviewer())
    early = await browser.csrf()
    await browser.sign_in(name)
    for token in (None, "", "x" * 43, await other.csrf(), early, "é" * 43):
        fields = {"x": "1"} if token is None else {"csrf": token}
        answer = await browser.client.post("/review/logout", data=fields)
        assert answer.status_code == 403, token
        assert "Nothing was changed" in answer.text
    assert await browser.inside()
    assert (await browser.post("/logout")).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://console.test:81"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://console.test"},
    ],
)
async def test_a_form_from_another_site_is_refused_even_with_the_right_token(at: Front, headers: dict[str, str]) -> None:
    """Its browser says where it comes from."""
    name, browser = await at.reviewer(), at.browser()
    await browser.sign_in(name)
    answer = await browser.post("/logout", headers=headers)
    assert answer.status_code == 403
    assert "did not come from a page of this console" in answer.text
    assert await browser.inside()
    assert (await browser.post("/logout", headers={"origin": "http://console.test"})).status_code == 303


async def test_a_proxy_that_was_not_named_is_told_to_whoever_runs_it(at: Front, caplog: pytest.LogCaptureFixture) -> None:
    """An https page whose forms seem to come by http: the log says what to set."""
    browser = at.browser()
    with caplog.at_level("WARNING", "guard.review.app"):
        assert (await browser.post("/theme", headers={"origin": "https://console.test"})).status_code == 403
        assert "HANDRAIL_TRUSTED_PROXIES" in caplog.text
    caplog.clear()
    assert (await browser.post("/theme", headers={"origin": "https://evil.test"})).status_code == 403
    assert caplog.text == ""


async def test_forms_are_bounded_and_of_one_encoding(at: Front) -> None:
    """With a declared length, without one, and in other shapes."""
    browser = at.browser()
    token = await browser.csrf()
    send = browser.client.post
    assert (await send("/review/theme", data={"csrf": token, "x": "y" * 5000})).status_code == 413

    async def drip() -> object:
        for _ in range(100):
            yield b"a" * 1000

    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await send("/review/theme", content=drip(), headers=form)).status_code == 413  # type: ignore[arg-type]
    assert (await send("/review/theme", json={"csrf": token})).status_code == 415
    assert (await send("/review/theme", files={"csrf": b"x"})).status_code == 415
    assert (await send("/review/theme", content=b"csrf=%ff%fe", headers=form)).status_code == 400
    assert (await send("/review/theme", content=b"nothing", headers=form)).status_code == 400
    assert (await send("/review/theme", content="ü=1".encode(), headers=form)).status_code == 400
    assert (await send("/review/theme", content=b"&".join([b"a=1"] * 201), headers=form)).status_code == 400
    assert (await send("/review/theme", data={"csrf": token, "x": "a\0"})).status_code == 400


async def test_no_form_whatever_is_in_it_makes_the_console_fail(at: Front) -> None:
    """Three hundred forms of odd pieces, to every address that takes one, signed in and not."""
    pieces = (
        "%00",
        "%ff",
        "%ed%a0%80",
        "&",
        "=",
        "next",
        "//evil",
        "csrf",
        "+",
        "a" * 300,
        "%E2%80%AE",
        "code",
        "1e9",
        "'--",
        "{{7}}",
    )
    paths = (
        "/login",
        "/login/code",
        "/logout",
        "/theme",
        "/account/password",
        "/account/totp",
        "/account/totp/confirm",
        "/account/others",
    )
    odd = random.Random(7)
    name, inside, outside = await at.reviewer(), at.browser(), at.browser()
    await inside.sign_in(name)
    for number in range(300):
        browser = odd.choice((inside, outside))
        token = f"csrf={await browser.csrf()}&" if odd.random() < 0.7 else ""
        body = token + "".join(odd.choice(pieces) for _ in range(odd.randint(0, 9)))
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await browser.client.post(f"/review{paths[number % len(paths)]}", content=body, headers=headers)
        assert answer.status_code < 500, (number, body, answer.text[:500])
        if not await inside.inside():
            at.later(hours=1)
            await inside.sign_in(name)


async def test_the_theme_is_chosen_without_a_script_and_before_the_login(at: Front) -> None:
    """It leads back to the page it was chosen on, and nowhere else."""
    browser = at.browser()
    assert "data-theme" not in (await browser.get("/login")).text.split(">", 2)[1]
    answer = await browser.post("/theme", {"theme": "dark", "next": "/review/login"})
    assert answer.headers["location"] == "/review/login"
    assert '<html lang="en" data-theme="dark">' in (await browser.get("/login")).text
    away = await browser.post("/theme", {"theme": '"><script>', "next": "//evil.example/review"})
    assert away.headers["location"] == "/review"
    assert '<html lang="en">' in (await browser.get("/login")).text
    browser.client.cookies.set("handrail_theme", '"><script>', path="/review")
    assert "<script>" not in (await browser.get("/login")).text


@pytest.mark.parametrize(
    "where", ["https://evil.example", "//evil.example", "/\\evil.example", "/v1/models", "javascript:1"]
)
async def test_the_login_leads_nowhere_else(at: Front, where: str) -> None:
    """Asked for by the address or by the form."""
    name, browser = await at.reviewer(), at.browser()
    shown = await browser.client.get("/review/login", params={"next": where})
    assert 'name="next" value="/review"' in shown.text
    assert (await browser.sign_in(name, next=where)).headers["location"] == "/review"
    assert (await browser.client.get("/review/login", params={"next": where})).headers["location"] == "/review"


async def test_errors_are_pages_in_plain_words(at: Front) -> None:
    """With a way back, under the shell, and nothing of what was asked for in them."""
    browser = at.browser()
    for path, method, status, words in (
        ("/nowhere<script>", "GET", 404, "There is no such page"),
        ("/login", "PUT", 403, "This was not done"),
        ("/theme", "GET", 405, "This address is used otherwise"),
    ):
        headers = {"sec-fetch-site": "cross-site"} if status == 403 else {}
        answer = await browser.client.request(method, f"/review{path}", headers=headers)
        assert answer.status_code == status, path
        assert words in answer.text
        assert 'href="/review"' in answer.text
        assert "<script>" not in answer.text
        assert "not clinically validated" in answer.text


async def test_a_note_that_was_written_while_the_session_ended_is_given_back(at: Front) -> None:
    """Nothing is lost; a password that was sent along is not shown."""
    name, browser = await at.reviewer(), at.browser()
    await browser.sign_in(name)
    token = await browser.csrf()
    at.later(minutes=31)
    sent = {"csrf": token, "note": "Rang back <b>twice</b>, agreed on Tuesday.", "current": "a secret of mine"}
    answer = await browser.client.post("/review/account/password", data=sent)
    assert answer.status_code == 401
    assert "Rang back &lt;b&gt;twice&lt;/b&gt;, agreed on Tuesday." in answer.text
    assert "a secret of mine" not in answer.text
    without = await browser.client.post("/review/account/password", data={"csrf": token})
    assert without.headers["location"] == "/review/login"


@pytest.mark.parametrize(("roles", "places"), [(["reviewer"], ["Queue", "Feedback"]), (["sre"], []), (["operator"], [])])
async def test_everybody_sees_the_places_of_their_own_roles(at: Front, roles: list[str], places: list[str]) -> None:
    """What one may not open is not there: 404, never 403."""
    name, browser = await at.reviewer(*roles), at.browser()
    await browser.sign_in(name)
    text = (await browser.get("/account")).text
    for place in ("Queue", "Feedback"):
        assert (f">{place}</a>" in text) is (place in places)
    assert ">Account</a>" in (await browser.get("/nowhere")).text
    expected = 200 if places else 404
    assert (await browser.get("/queue")).status_code == expected
    first = await browser.get("")
    assert first.headers["location"] == ("/review/queue" if places else "/review/account")
