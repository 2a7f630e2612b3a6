"""One running Handrail for the tests that leave it whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.chatbot import Chatbot, serve
from tests.acceptance.house import House
from tests.running import start


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Two gateway workers before a chatbot whose manner the model's name chooses."""
    chatbot = Chatbot()
    with serve(chatbot) as upstream:
        running = start(tmp_path_factory.mktemp("house") / "data", "--upstream", upstream, "--workers", "2")
        yield House(running, chatbot)
        if running.process.poll() is None:
            running.process.terminate()
            assert running.process.wait(15) == 0, running.output.read_text()
