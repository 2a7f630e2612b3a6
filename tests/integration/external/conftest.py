"""The tiny models, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.external import tiny

pytest.importorskip("transformers")


@pytest.fixture(scope="session")
def weather(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sequence classifier."""
    return tiny.weather(tmp_path_factory.mktemp("weather") / "model")


@pytest.fixture(scope="session")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a token classifier."""
    return tiny.tagger(tmp_path_factory.mktemp("tagger") / "model")
