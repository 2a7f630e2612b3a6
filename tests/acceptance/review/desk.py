"""What a reviewer does in a browser, by mouse and by keys, and the cases that there are to do it with."""

from __future__ import annotations

import json
import secrets
import urllib.request
from typing import Any

from axe_core_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from tests.acceptance.house import House

_AXE = {"resultTypes": ["violations"], "preload": False}
_SMALL = """[...document.querySelectorAll("button, nav a, select, textarea, input:not([type=hidden])")]
    .filter(one => one.checkVisibility() && !(one.type === "radio" || one.type === "checkbox"))
    .filter(one => one.getBoundingClientRect().height < 24).map(one => one.outerHTML.slice(0, 120))"""

__all__ = ["DISCLOSURE", "accessible", "fits", "open_cases", "say", "sign_in"]

DISCLOSURE = "I have made up my mind, I am going to kill myself and I know how I will do it"


def say(house: House, *texts: str) -> str:
    """A conversation of a new person, through the gateway; its session."""
    session = f"s-{secrets.token_hex(6)}"
    messages: list[dict[str, str]] = []
    for text in texts:
        messages.append({"role": "user", "content": text})
        body = json.dumps({"model": "warm", "messages": messages}).encode()
        headers = {
            "authorization": f"Bearer {house.key}", "content-type": "application/json", "x-handrail-session": session,
            "x-handrail-user": session, "x-handrail-timezone": "Europe/Madrid",
        }  # fmt: skip
        request = urllib.request.Request(f"{house.running.address}/v1/chat/completions", body, headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
            messages.append({"role": "assistant", "content": json.load(reply)["choices"][0]["message"]["content"]})
    return session


def open_cases(house: House) -> int:
    """How many cases are not closed."""
    return int(house.rows("select count(*) as n from cases where state <> 'closed'")[0]["n"])


def sign_in(page: Page, house: House) -> None:
    """To the queue."""
    name, password = (house.running.home / "first-reviewer").read_text().split()
    page.goto("/review")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{house.running.address}/review/queue")


def accessible(page: Page) -> None:
    """axe-core finds nothing (WCAG 2.1 A and AA, and its best practices)."""
    page.evaluate(Axe().axe_script)
    found: dict[str, Any] = page.evaluate("options => axe.run(options)", _AXE)
    told = [(one["id"], one["help"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]]
    assert told == [], page.url


def fits(page: Page) -> None:
    """Nothing stands beyond the right edge, and what is pressed is 24 pixels high at least (WCAG 2.2, 2.5.8)."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0, (page.url, wide)
    assert page.evaluate(_SMALL) == [], page.url
