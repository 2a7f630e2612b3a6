"""A desk a test: its own browser sessions over the module's database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guard.turns.contract import Identity
from tests.integration.review.desk import Console, Desk, desk


@pytest.fixture
async def at(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(database_url, tmp_path) as made:
        yield made


@pytest.fixture
def tenant(at: Desk) -> Identity:
    return at.world.tenant(store_text=True)


@pytest.fixture
def ann(at: Desk, tenant: Identity) -> Console:
    return at.browser(at.person(tenant, "ann", "reviewer"))


@pytest.fixture
def ben(at: Desk, tenant: Identity) -> Console:
    return at.browser(at.person(tenant, "ben", "reviewer"))
