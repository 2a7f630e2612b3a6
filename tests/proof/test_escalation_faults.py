"""The long storm: each fault many times, on each broker. Writes ``docs/proof/escalation-faults.json``, a row a fault.

A run that was cut off goes on with ``-k``: each fault replaces its own row.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import Broker, RabbitMQ, Redis
from tests.integration.escalation.house import House
from tests.integration.escalation.storm import Counts, Storm
from tests.postgres import Cluster
from tests.running import ROOT

_RESULTS = ROOT / "docs" / "proof" / "escalation-faults.json"
_TIMES = {"worker": 15, "task": 12, "database": 12, "receiver": 12, "broker": 6, "anything": 12}


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    tmp_path.chmod(0o700)
    found = House(database_url, tmp_path)
    yield found
    found.close()


@pytest.fixture(scope="module")
def redis() -> Iterator[Broker]:
    found = Redis()
    found.start()
    yield found
    found.remove()


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[Broker]:
    found = RabbitMQ()
    found.start()
    yield found
    found.remove()


@pytest.mark.parametrize(
    ("broker", "fault"),
    [
        *(("pgmq", fault) for fault in ("worker", "task", "database", "receiver", "anything")),
        *((broker, fault) for broker in ("redis", "rabbitmq") for fault in ("broker", "anything")),
    ],
)
def test_nothing_is_lost_and_nothing_doubled(
    house: House, cluster: Cluster, request: pytest.FixtureRequest, broker: str, fault: str
) -> None:
    other: Broker | None = request.getfixturevalue(broker) if broker != "pgmq" else None
    # RabbitMQ needs long to come back.
    times = _TIMES[fault] // (2 if broker == "rabbitmq" else 1)
    storm = Storm(house, cluster, broker=other, workers=2)
    try:
        counts = storm.run(fault, times, settle_seconds=300.0)
    finally:
        storm.close()
    _keep(broker, counts)
    assert counts.lost == counts.doubled == counts.taken_twice == 0, counts
    assert counts.acknowledged == counts.cases, counts
    assert counts.delivered == counts.expected, counts


def _keep(broker: str, counts: Counts) -> None:
    rows: list[dict[str, Any]] = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else []
    rows = [row for row in rows if (row["broker"], row["fault"]) != (broker, counts.fault)]
    rows.append({"broker": broker, **asdict(counts), "cores": os.cpu_count(), "date": f"{datetime.now(UTC):%Y-%m-%d}"})
    _RESULTS.parent.mkdir(parents=True, exist_ok=True)
    rows.sort(key=lambda row: (row["broker"], row["fault"]))
    _RESULTS.write_text("[\n" + ",\n".join("  " + json.dumps(row) for row in rows) + "\n]\n")
