"""Loading: packs, files, hashes, calibrated thresholds."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.errors import PolicyInvalid
from policies.load import load_policy, pack_names

CHILD = (
    "apiVersion: handrail/v1\nname: child\nextends: [{parent}]\nvocabulary: 1\nrules:\n"
    "  - {{id: own, on: clock, severity: 0, when: session.silent_minutes > {minutes}, then: [observe]}}\n"
)


def write(path: Path, parent: str = "core-safety", minutes: int = 30, extra: str = "") -> Path:
    path.write_text(CHILD.format(parent=parent, minutes=minutes) + extra, "utf-8")
    return path


def test_packs_load_by_name() -> None:
    assert set(pack_names()) >= {"core-safety", "companion-app"}
    policy = load_policy("companion-app")
    assert policy.parents == ("core-safety",)
    assert "risk.suicide_imminent" in policy.reads
    assert "companion.isolation" in policy.reads
    assert all(rule.floor for rule in policy.rules if rule.pack == "core-safety")
    assert len(policy.hash) == 64


def test_a_file_keeps_the_whole_floor(tmp_path: Path) -> None:
    policy = load_policy(write(tmp_path / "p.yaml"))
    floor = load_policy("core-safety")
    assert [rule.id for rule in policy.rules] == [*(rule.id for rule in floor.rules), "own"]


def test_the_hash_is_of_what_a_policy_means(tmp_path: Path) -> None:
    one = load_policy(write(tmp_path / "a.yaml"))
    noted = load_policy(write(tmp_path / "b.yaml", extra="# a remark\n"))
    other = load_policy(write(tmp_path / "c.yaml", minutes=31))
    assert one.hash == noted.hash != other.hash
    alone = (tmp_path / "c.yaml").read_text("utf-8").replace("extends: [core-safety]\n", "")
    (tmp_path / "d.yaml").write_text(alone, "utf-8")
    assert load_policy(tmp_path / "d.yaml").hash != other.hash


def test_files_extend_files_and_circles_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml")
    text = CHILD.format(parent="./a.yaml", minutes=5).replace("own", "mine").replace("child", "grandchild")
    (tmp_path / "b.yaml").write_text(text, "utf-8")
    assert load_policy(tmp_path / "b.yaml").rule("own") is not None
    (tmp_path / "c.yaml").write_text(CHILD.format(parent="./c.yaml", minutes=5), "utf-8")
    with pytest.raises(PolicyInvalid) as caught:
        load_policy(tmp_path / "c.yaml")
    assert [fault.code for fault in caught.value.faults] == ["circle"]


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(PolicyInvalid, match="did you mean 'companion-app'"):
        load_policy("companion-ap")


def test_calibrated_thresholds_come_from_the_model(tmp_path: Path) -> None:
    band = "bands:\n  own: {signal: risk.eating, watch: 0.1, elevated: 0.2, high: calibrated, release: 0.1}\n"
    path = write(tmp_path / "p.yaml", extra=band)
    policy = load_policy(path, calibrated={"risk.eating.high": 0.62})
    assert next(one.high for one in policy.bands if one.name == "own") == 0.62
    with pytest.raises(PolicyInvalid) as caught:
        load_policy(path)
    assert [(fault.code, fault.line) for fault in caught.value.faults] == [("not-calibrated", 8)]
