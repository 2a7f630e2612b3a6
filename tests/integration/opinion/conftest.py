"""An endpoint and an office a module; each test begins with a clean desk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from detectors.pii.redactor import Redactor
from tests.integration.opinion.endpoint import Endpoint
from tests.integration.opinion.office import Office


@pytest.fixture(scope="module")
def _office(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder: Path = tmp_path_factory.mktemp("home")
    folder.chmod(0o700)
    endpoint = Endpoint().start()
    # Without the head that finds names, which takes seconds to read; the worker's own test has it.
    forms = Redactor()
    office = Office(database_url, folder, endpoint, lambda text: forms.redact(text).text)
    yield office
    office.close()
    endpoint.stop()


@pytest.fixture
def office(_office: Office) -> Iterator[Office]:
    yield _office
    _office.clean()
    _office.close()
