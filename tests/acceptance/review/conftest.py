"""One Handrail and one browser for all of the console's acceptance tests; both end with the last of them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Request, expect, sync_playwright

from guard.records import admin
from tests.acceptance.chatbot import Chatbot, serve
from tests.acceptance.house import House
from tests.running import start

_SECONDS = 20
Opens = Callable[..., Page]


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A Handrail whose tenant stores text and has people who read."""
    chatbot = Chatbot()
    with serve(chatbot) as upstream:
        running = start(tmp_path_factory.mktemp("review") / "data", "--upstream", upstream)
        asyncio.run(_store_text(running.url))
        yield House(running, chatbot)
        if running.process.poll() is None:
            running.process.terminate()
            assert running.process.wait(15) == 0, running.output.read_text()


async def _store_text(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await admin.change_tenant(connection, "default", store_text=True, people="always")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's own. It ends before other tests have a loop of their own."""
    path = shutil.which("chromium")
    assert path is not None, "chromium is missing; install it with: apt-get install chromium"
    expect.set_options(timeout=_SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opens(chromium: Browser, house: House) -> Iterator[Opens]:
    """Opens a page in a fresh browser. At the test's end: no request left the console's origin, no script failed, and the
    policy had nothing to stop."""
    contexts: list[BrowserContext] = []
    asked: list[str] = []
    complaints: list[str] = []

    def requested(request: Request) -> None:
        asked.append(request.url)

    def said(message: Any) -> None:
        if "Content Security Policy" in message.text or "Refused to" in message.text:
            complaints.append(message.text)

    def asked_of(dialog: Dialog) -> None:
        complaints.append("a dialog opened")
        dialog.dismiss()

    def open_one(*, scheme: str = "light", width: int = 1280, height: int = 900, **more: Any) -> Page:
        context = chromium.new_context(
            base_url=house.running.address,
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": height},
            **more,
        )
        context.set_default_timeout(_SECONDS * 1000)
        contexts.append(context)
        page = context.new_page()
        page.on("request", requested)
        page.on("console", said)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", asked_of)
        return page

    yield open_one
    for context in contexts:
        context.close()
    origin = urlsplit(house.running.address).netloc
    assert {urlsplit(url).netloc for url in asked} <= {origin}
    assert complaints == []
