"""A short storm: whatever is killed, nothing is lost and nothing doubled. The long one is in ``tests/proof``."""

from __future__ import annotations

from tests.integration.escalation.house import House
from tests.integration.escalation.storm import Storm
from tests.postgres import Cluster


def test_whatever_is_killed_nothing_is_lost_and_nothing_doubled(house: House, cluster: Cluster) -> None:
    storm = Storm(house, cluster)
    try:
        counts = storm.run("anything", 3, longest_pause=1.0)
    finally:
        storm.close()
    assert counts.cases > 0
    assert counts.lost == counts.doubled == counts.taken_twice == 0, counts
    assert counts.acknowledged == counts.cases, counts
    assert counts.delivered == counts.expected == counts.requests - counts.repeated, counts
