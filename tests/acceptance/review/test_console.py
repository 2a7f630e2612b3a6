"""The console in a real browser: each page in both themes and on a telephone, by mouse, by keys, without a script."""

from __future__ import annotations

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.house import House
from tests.acceptance.review.conftest import Opens
from tests.acceptance.review.desk import DISCLOSURE, accessible, fits, say, sign_in

LOOKS = [("light", 1280), ("dark", 360)]
LONG = "unbroken" * 40


@pytest.fixture(scope="module", autouse=True)
def cases(house: House) -> None:
    """A case with a course, and one with what no line can hold."""
    say(house, "I had a long day", "I feel so alone lately and nothing helps", DISCLOSURE)
    say(house, f"{LONG} {DISCLOSURE} {LONG}")


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_every_page_is_accessible_and_fits(house: House, opens: Opens, scheme: str, width: int) -> None:
    """Login, error, queue, a case as it is found, a case that one holds, its text, its refusal, feedback, account."""
    page = opens(scheme=scheme, width=width, height=740)

    def look() -> None:
        fits(page)
        accessible(page)

    page.goto("/review/login")
    look()
    page.get_by_label("Name").fill("nobody-here")
    page.get_by_label("Password").fill("a wrong password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    look()
    sign_in(page, house)
    look()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    look()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator("[data-open]").first.click()
    expect(page.get_by_role("heading", name="Why, and how sure")).to_be_visible()
    look()
    page.get_by_role("button", name="Show the text of turn").first.click()
    expect(page.locator(".said").first).to_be_visible()
    look()
    take = page.get_by_role("button", name="take it")
    take.click()
    expect(page.get_by_role("heading", name="Decide", exact=True)).to_be_visible()
    look()
    page.get_by_text("Hand off", exact=True).click()
    page.get_by_role("button", name="Back to the queue").click()
    expect(page.get_by_role("status")).to_be_visible()
    for path in ("/review/feedback", "/review/account", "/review/no-such-page"):
        page.goto(path)
        look()


def test_the_theme_that_was_chosen_wins_over_the_system_s(opens: Opens) -> None:
    """Also without a script, and it stays."""
    for script in (True, False):
        page = opens(scheme="light", java_script_enabled=script)
        page.goto("/review/login")
        day = _ground(page)
        page.get_by_role("button", name="Dark").click()
        expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
        night = _ground(page)
        assert sum(night) < 150 < 600 < sum(day)
        page.reload()
        assert _ground(page) == night
        page.get_by_role("button", name="Auto").click()
        expect(page.get_by_role("button", name="Auto")).to_have_attribute("aria-pressed", "true")
        assert _ground(page) == day


def _ground(page: Page) -> list[int]:
    colour = page.locator("body").evaluate("element => getComputedStyle(element).backgroundColor")
    return [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(", ")]


def test_signing_in_and_out_by_keys_alone(house: House, opens: Opens) -> None:
    """From the first key on the focus is where one types; the skip link comes first, and the way out is found by Tab."""
    page = opens()
    name, password = (house.running.home / "first-reviewer").read_text().split()
    page.goto("/review")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the page")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Account")).to_be_visible()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Sign out":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "3px"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_letters_that_are_typed_into_a_field_move_nothing(house: House, opens: Opens) -> None:
    """Nor do they with Ctrl, Alt or the system's own key."""
    page = opens()
    sign_in(page, house)
    page.goto("/review/account")
    page.locator("#current").focus()
    page.keyboard.type("gqjk?")
    assert page.locator("#current").input_value() == "gqjk?"
    page.keyboard.press("Escape")
    page.keyboard.press("Control+g")
    page.keyboard.press("q")
    expect(page.get_by_role("heading", name="Account")).to_be_visible()
    assert page.get_by_role("dialog").count() == 0


def test_one_time_codes_are_set_up_and_asked_for(house: House, opens: Opens) -> None:
    """With the code that the page shows, and off again: every page of it is accessible."""
    page = opens(scheme="dark", width=360, height=740)
    sign_in(page, house)
    _, password = (house.running.home / "first-reviewer").read_text().split()
    page.goto("/review/account")
    page.locator("#totp-current").fill(password)
    page.get_by_role("button", name="Set up one-time codes").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    page.get_by_text("Or type it in").click()
    fits(page)
    accessible(page)
    code = pyotp.TOTP(page.locator("#totp-key").inner_text().replace(" ", ""))
    page.get_by_label("The code that the app shows now").fill(code.now())
    page.get_by_role("button", name="Turn one-time codes on").click()
    expect(page.get_by_role("heading", name="One-time codes are on")).to_be_visible()
    fits(page)
    accessible(page)
    recovery = page.locator(".recovery li").first.inner_text()
    other = opens()
    other.goto("/review")
    other.get_by_label("Name").fill("reviewer")
    other.get_by_label("Password").fill(password)
    other.keyboard.press("Enter")
    expect(other.get_by_label("Code")).to_be_focused()
    accessible(other)
    other.keyboard.type(recovery)
    other.keyboard.press("Enter")
    expect(other.get_by_role("heading", name="Queue")).to_be_visible()
    other.goto("/review/account")
    other.get_by_text("Turn one-time codes off").click()
    other.locator("#off-current").fill(password)
    accessible(other)
    other.get_by_role("button", name="Turn them off").click()
    expect(other.get_by_role("status")).to_contain_text("One-time codes are off")
