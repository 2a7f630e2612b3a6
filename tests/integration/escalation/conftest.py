"""A house and a receiver a module, and one worker that most tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.telemetry.exposition import prepare
from tests.integration.escalation.house import House, Worker
from tests.integration.escalation.receiver import Receiver


@pytest.fixture(scope="module")
def house(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("home")
    folder.chmod(0o700)
    house = House(database_url, folder)
    yield house
    house.close()


@pytest.fixture(scope="module")
def receiver(house: House) -> Iterator[Receiver]:
    receiver = Receiver(house.secret).start()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="module")
def worker(house: House) -> Iterator[Worker]:
    worker = house.work(PROMETHEUS_MULTIPROC_DIR=prepare(house.folder / "metrics")["PROMETHEUS_MULTIPROC_DIR"])
    yield worker
    assert worker.process.poll() is None, worker.log.read_text()[-3000:]
    assert worker.stop() < 8
    assert worker.process.returncode == 0
