"""An endpoint and an office a module; each test begins with a clean desk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.opinion.endpoint import Endpoint
from tests.integration.opinion.office import Office


@pytest.fixture(scope="module")
def _office(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder: Path = tmp_path_factory.mktemp("home")
    folder.chmod(0o700)
    endpoint = Endpoint().start()
    office = Office(database_url, folder, endpoint)
    yield office
    office.close()
    endpoint.stop()


@pytest.fixture
def office(_office: Office) -> Iterator[Office]:
    yield _office
    _office.clean()
    _office.close()
