"""``python -m tests.acceptance.pictures``: the documentation's pictures of the dashboards, from one real run of minutes.

Nothing in them is made up: the product runs with its demo chatbot, people of the demo talk, and what goes wrong is made to
go wrong (see :mod:`tests.acceptance.shift`).
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from pathlib import Path

import httpx

from dashboards.build import BOARDS
from tests.acceptance.drawing import drawn
from tests.acceptance.observed import inbox, prometheus, tool
from tests.acceptance.shift import Shift
from tests.integration.opinion.endpoint import Endpoint
from tests.running import ROOT, start

_IMAGES = ROOT / "docs" / "images" / "dashboards"
_MINUTES = 6.0


def main() -> None:
    """Runs it all and writes the pictures."""
    folder = Path(tempfile.mkdtemp(prefix="pictures-"))
    second = Endpoint().start()
    asked = {
        "HANDRAIL_OPINION_URL": second.url, "HANDRAIL_OPINION_MODEL": "second-1", "HANDRAIL_OPINION_DAILY": "100000",
    }  # fmt: skip
    with inbox() as desk, inbox(410) as gone:
        running = start(folder / "data", "--workers", "2", HANDRAIL_ALLOW_PRIVATE_WEBHOOKS="true", **asked)
        try:
            with prometheus(folder, running.address, []) as server:
                began = time.time()
                _work(Shift(running, desk, gone), began)
                ended = time.time()
                _IMAGES.mkdir(parents=True, exist_ok=True)
                for board in BOARDS:
                    page, height = drawn(board, server, began + 5, ended, rate="45s", step=3)
                    _photograph(folder, page, height, _IMAGES / f"{board.uid}.png")
        finally:
            running.process.terminate()
            running.process.wait(20)
            second.stop()


def _work(shift: Shift, began: float) -> None:
    done = threading.Event()
    fine = threading.Event()
    fine.set()

    def talk() -> None:
        while not done.is_set():
            fine.wait()
            try:
                shift.talk()
            except AssertionError:  # a conversation that an outage broke off
                continue

    talking = threading.Thread(target=talk, daemon=True)
    shift.channels()
    shift.second_opinions()
    talking.start()
    for seconds, steps in (
        (45, ("reported", "mistakes")),
        (90, ("acknowledge", "sidecar", "unclear")),
        (130, ("without_the_scorer",)),
        (180, ("reported",)),
        (210, ("without_the_database",)),
        (260, ("without_the_chatbot",)),
        (300, ("acknowledge", "disclosures")),
        (60 * _MINUTES, ()),
    ):
        time.sleep(max(0.0, began + seconds - time.time()))
        for step in steps:
            if step == "without_the_chatbot":
                fine.clear()
                time.sleep(10)  # those that talk end their conversations
            try:
                getattr(shift, step)()
            except (
                AssertionError,
                httpx.HTTPError,
            ) as error:  # the machine is slow; the other pictures are true all the same
                print(f"{step} did not come off: {error!r:.300}", flush=True)
            fine.set()
    done.set()


def _photograph(folder: Path, page: str, height: int, image: Path) -> None:
    file = folder / f"{image.stem}.html"
    file.write_text(page, "utf-8")
    subprocess.run(
        [
            tool("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--window-size=1280,{height}", f"--screenshot={image}", file.as_uri(),
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    print(image, image.stat().st_size)


if __name__ == "__main__":
    main()
