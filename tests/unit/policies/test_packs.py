"""The tests that the packs carry, and how the runner tells of failures."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from guard.cli.policy_session import RealSession
from policies.load import examine, load_policy, pack_names
from policies.test import as_json, as_junit, run_tests


@pytest.mark.parametrize("name", pack_names())
def test_packs_pass_their_tests_of_given_signals(name: str) -> None:
    policy = load_policy(name)
    given = tuple(test for test in policy.tests if all(turn.signals is not None for turn in test.turns))
    results, covered = run_tests(replace(policy, tests=given), RealSession)
    assert [(result.name, result.message) for result in results if not result.passed] == []
    own = {rule.id for rule in policy.rules if rule.pack == name}
    assert {rule for rule in own if "fired" not in covered[rule]} == set()


PROBE = """
apiVersion: handrail/v1
name: probe
vocabulary: 1
rules:
  - {id: low, on: user_turn, severity: 1, when: distress > 0.5, then: [guide: be kind]}
tests:
  - {name: right, turns: [{signals: {distress: 0.8}}], expect: {rules: [low], action: guide}}
  - {name: wrong, turns: [{signals: {distress: 0.8}}], expect: {action: allow, not_rules: [low]}}
  - {name: unread, turns: [{user: hello}], expect: {action: allow}}
"""


def test_failures_say_what_differed() -> None:
    policy = examine("p.yaml", PROBE).policy
    assert policy is not None
    results, covered = run_tests(policy, RealSession)
    summary = as_json(results, covered)
    assert (summary["passed"], summary["failed"]) == (1, 2)
    assert summary["tests"][1]["message"] == "action: expected allow, got guide; rule low fired and was not to"
    assert summary["tests"][1]["line"] == 9
    assert "no detectors" in summary["tests"][2]["message"]
    assert summary["coverage"] == {"rules": 1, "fired": 1, "untested": [], "percent": 100.0}
    root = ET.fromstring(as_junit(results))  # noqa: S314  # written a line above
    assert root.get("failures") == "2"
    assert [case.find("failure") is None for case in root.iter("testcase")] == [True, False, False]
