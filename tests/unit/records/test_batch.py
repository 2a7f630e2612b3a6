"""The group commit's queue."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from guard.records.batch import GroupCommit
from guard.records.contract import TurnEntry
from guard.records.snapshot import Snapshot


class _Entry:
    def __init__(self, severity: int) -> None:
        self.severity = severity


def _snapshot(severity: int = 0) -> Snapshot:
    return Snapshot(cast("TurnEntry", _Entry(severity)), datetime.now(UTC))


class Store:
    def __init__(self, pause: float = 0.0) -> None:
        self.batches: list[list[Snapshot]] = []
        self.times: list[float] = []
        self.pause = pause

    async def __call__(self, snapshots: Sequence[Snapshot]) -> None:
        self.times.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.pause)
        self.batches.append(list(snapshots))


async def test_an_idle_queue_stores_at_once_and_a_busy_one_in_groups() -> None:
    store, shed = Store(), Store()
    group = GroupCommit(store, shed, seconds=0.05)
    await group.put(_snapshot())
    assert [len(batch) for batch in store.batches] == [1]
    for _ in range(10):
        group.put(_snapshot())
        await asyncio.sleep(0.001)
    last = group.put(_snapshot())
    await last
    assert [len(batch) for batch in store.batches] == [1, 11]
    assert store.times[1] - store.times[0] >= 0.045
    assert shed.batches == []


async def test_everything_is_stored_in_order() -> None:
    store = Store()
    group = GroupCommit(store, Store(), seconds=0.001)
    snapshots = [_snapshot() for _ in range(1000)]
    for snapshot in snapshots:
        group.put(snapshot)
    await group.drain()
    assert [id(one) for batch in store.batches for one in batch] == [id(one) for one in snapshots]
    assert max(len(batch) for batch in store.batches) <= 256


async def test_a_full_queue_sheds_the_oldest_light_entries_first() -> None:
    store, shed = Store(pause=0.2), Store()
    group = GroupCommit(store, shed, seconds=0.001, most_waiting=16)
    first = group.put(_snapshot())
    await asyncio.sleep(0.01)  # the store is busy with it
    heavy = [_snapshot(3) for _ in range(4)]
    light = [_snapshot() for _ in range(12)]
    for snapshot in (*heavy, *light):
        group.put(snapshot)
    group.put(_snapshot())
    await group.drain()
    assert first.done()
    shed_ids = [id(one) for batch in shed.batches for one in batch]
    assert shed_ids == [id(one) for one in light[:2]]
    stored = [id(one) for batch in store.batches for one in batch]
    assert all(id(one) in stored for one in heavy)
    assert len(stored) + len(shed_ids) == 18


async def test_heavy_entries_are_shed_when_there_is_nothing_else() -> None:
    store, shed = Store(pause=0.1), Store()
    group = GroupCommit(store, shed, seconds=0.001, most_waiting=8)
    futures: list[asyncio.Future[Any]] = [group.put(_snapshot(4)) for _ in range(30)]
    await group.drain()
    assert all(future.done() for future in futures)
    total = sum(len(batch) for batch in (*store.batches, *shed.batches))
    assert total == 30
    assert len(group) == 0
