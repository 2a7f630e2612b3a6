"""A console a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.console.front import Front, front


@pytest.fixture
async def at(database_url: str, tmp_path: Path) -> AsyncIterator[Front]:
    async with front(database_url, tmp_path) as made:
        yield made
