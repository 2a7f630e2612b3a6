"""Health: what is said of a process, and whether it is sent traffic."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.telemetry.health import Component, Condition, Readiness, Ready, combine, judge

COMPONENTS = st.lists(
    st.builds(
        Component,
        st.sampled_from(["scorer", "records", "worker"]),
        st.sampled_from(Condition),
        st.booleans(),
        st.none() | st.just("refused"),
        st.none() | st.just("m@1"),
    ),
    max_size=5,
)


def up(name: str, *, tier: bool = False) -> Component:
    return Component(name, Condition.ANSWERS, tier)


@given(COMPONENTS)
def test_full_means_that_every_part_answers(components: list[Component]) -> None:
    said = combine(components)
    answers = all(component.condition is Condition.ANSWERS for component in components)
    assert said["status"] == ("full" if components and answers else "degraded")
    assert set(said["components"]) == {component.name for component in components}


def test_of_two_parts_with_one_name_the_worse_is_shown() -> None:
    bad = Component("scorer", Condition.AWAY, reason="refused")
    for order in itertools.permutations([up("scorer"), bad, Component("scorer", Condition.LIMITED)]):
        assert combine(order) == {
            "status": "degraded",
            "components": {"scorer": {"condition": "away", "reason": "refused"}},
        }


@given(st.lists(st.tuples(COMPONENTS, st.booleans(), st.booleans()), max_size=8))
def test_ready_follows_from_what_was_seen(steps: list[tuple[list[Component], bool, bool]]) -> None:
    ready = Ready()
    assert ready.code == 503
    seen = False
    for components, policy, draining in steps:
        tiers = [component for component in components if component.tier]
        seen = seen or (policy and bool(tiers) and all(tier.condition is Condition.ANSWERS for tier in tiers))
        ready, body = judge(ready, components, policy=policy, draining=draining)
        assert ready.once == seen
        assert (ready.code == 200) == (seen and policy and not draining) == body["ready"]
        assert body["status"] == combine(components)["status"]
        assert body["readiness"] == ready.readiness.value


def test_the_first_readiness_waits_for_the_tiers_and_the_later_ones_tell_the_truth() -> None:
    ready, body = judge(
        Ready(), [up("records"), Component("scorer", Condition.STARTING, tier=True)], policy=True, draining=False
    )
    assert (ready.code, body["readiness"], body["status"]) == (503, "starting", "degraded")
    ready, body = judge(ready, [up("records"), up("scorer", tier=True)], policy=True, draining=False)
    assert (ready.code, body["status"]) == (200, "full")
    gone = [up("records"), Component("scorer", Condition.AWAY, tier=True, reason="closed")]
    ready, body = judge(ready, gone, policy=True, draining=False)
    assert (ready.code, body["status"]) == (200, "degraded")


@pytest.mark.parametrize(
    ("policy", "draining", "readiness"),
    [(False, False, Readiness.NO_POLICY), (True, True, Readiness.DRAINING), (False, True, Readiness.DRAINING)],
)
def test_nobody_is_sent_to_a_process_that_ends_or_has_no_policy(policy: bool, draining: bool, readiness: Readiness) -> None:
    ready, _ = judge(Ready(Readiness.READY, once=True), [up("scorer", tier=True)], policy=policy, draining=draining)
    assert (ready.readiness, ready.code) == (readiness, 503)
    again, _ = judge(ready, [up("scorer", tier=True)], policy=True, draining=False)
    assert again.code == 200
