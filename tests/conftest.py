"""Fixtures that every room shares: a real PostgreSQL and a database of its own for each test module."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from guard.records.migrate import migrate
from tests.postgres import Cluster
from tests.running import Running, start

_TEMPLATE = "handrail_template"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One running PostgreSQL for the whole run. A test may ``kill()`` it and must ``restart()`` it."""
    cluster = Cluster()
    yield cluster
    cluster.remove()


@pytest.fixture(scope="session")
def _template(cluster: Cluster) -> str:
    migrate(cluster.create(_TEMPLATE))
    return _TEMPLATE


@pytest.fixture(scope="module")
def database_url(cluster: Cluster, _template: str) -> Iterator[str]:
    """A migrated database that this module has to itself."""
    name = f"test_{secrets.token_hex(6)}"
    yield cluster.create(name, _template)
    if not cluster.running:
        cluster.restart()
    cluster.drop(name)


@pytest.fixture
def empty_database_url(cluster: Cluster) -> Iterator[str]:
    """A database without any table, for one test."""
    name = f"empty_{secrets.token_hex(6)}"
    yield cluster.create(name)
    if not cluster.running:
        cluster.restart()
    cluster.drop(name)


@pytest.fixture
def launch() -> Iterator[Callable[..., Running]]:
    """Starts a `handrail up` as :func:`tests.running.start` does; what still runs at the test's end is ended."""
    started: list[Running] = []

    def go(*arguments: object) -> Running:
        started.append(start(*arguments))  # type: ignore[arg-type]
        return started[-1]

    yield go
    for running in started:
        running.end()
