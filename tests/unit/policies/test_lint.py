"""Lint: every fault at once, each where it stands."""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from policies.lint import lint, lint_text
from policies.report import as_json, as_sarif, as_text

GOLDEN = Path(__file__).parent / "golden"
TODAY = date(2026, 11, 1)
HEAD = "apiVersion: handrail/v1\nname: probe\nvocabulary: 1\n"
RULE = "  - {{id: {id}, on: {on}, severity: {severity}, when: {when}, then: [{then}]}}\n"


def rule(
    id: str = "one", on: str = "user_turn", severity: int = 1, when: str = "distress > 0.5", then: str = "observe"
) -> str:
    return RULE.format(id=id, on=on, severity=severity, when=json.dumps(when), then=then)


def codes(text: str) -> list[tuple[int, int, str]]:
    found, _ = lint_text("p.yaml", text, today=TODAY)
    return [(fault.line, fault.column, fault.code) for fault in found]


def test_everything_at_once_with_carets() -> None:
    path = GOLDEN / "faulty.yaml"
    found, sources = lint_text("faulty.yaml", path.read_text("utf-8"), today=TODAY)
    assert as_text(found, sources) == (GOLDEN / "faulty.txt").read_text("utf-8")


def test_the_packs_are_clean() -> None:
    packs = sorted(Path(str(files("policies.packs"))).glob("*.yaml"))
    assert {pack.stem for pack in packs} >= {"core-safety", "companion-app"}
    assert as_text(*(lambda found: (found.faults, found.sources))(lint(packs, today=TODAY))) == ""


def test_goes_on_after_a_missing_pack() -> None:
    text = HEAD + "extends: [core-safty]\nrules:\n" + rule(when="distres > 0.5")
    found, _ = lint_text("p.yaml", text, today=TODAY)
    assert [fault.code for fault in found] == ["unknown-pack", "unknown-signal"]
    assert [fault.hint for fault in found] == ["did you mean 'core-safety'?", "did you mean 'distress'?"]


@pytest.mark.parametrize(
    ("when", "code", "at"),
    [
        ("risk.suicide = 0.5", "syntax", 13),
        ("risk.suicide > 0.5 and distress > 0.1", "syntax", 19),
        ("0.1 < distress < 0.5", "syntax", 15),
        ("distress", "type", 0),
        ("distress == 'high'", "type", 0),
        ("!distress", "type", 0),
        ("'a' + 'b' == 'ab'", "type", 0),
        ("distress > 1.5", "threshold", 11),
        ("risk.suicide_level > 6.5", "threshold", 21),
        ("person.age == 'child'", "unknown-word", 14),
        ("session.state in ['calm']", "unknown-word", 18),
        ("tred('distress', 3) > 0.0", "unknown-function", 0),
        ("trend('distress', 9) > 0.0", "arguments", 18),
        ("trend('emotion.joy', 3) > 0.0", "unknown-signal", 6),
        ("peak('suicid') > 0.5", "unknown-risk-class", 5),
        ("count('one', '1w') > 2", "arguments", 13),
        ("band.ge3 >= HIGH", "unknown-band", 0),
        ("session.mood == 'bad'", "unknown-field", 0),
        ("harm.method > 0.5", "wrong-moment", 0),
        ("session.turns / 0 > 1.0", "type", 0),
        ("(distress > 0.5", "syntax", 15),
        ("(distress > 0.5) == true", "type", 1),
        ("distress in []", "type", 12),
    ],
)
def test_conditions(when: str, code: str, at: int) -> None:
    before = "  - {id: one, on: user_turn, severity: 1, when: "
    assert codes(HEAD + "rules:\n" + rule(when=when)) == [(5, len(before) + 2 + at, code)]


def test_positions_in_folded_and_literal_text() -> None:
    text = HEAD + (
        "rules:\n  - id: one\n    on: user_turn\n    severity: 1\n    when: >-\n"
        "      distress > 0.5\n\n      || distres > 0.7\n    then: [observe]\n"
        "  - id: two\n    on: user_turn\n    severity: 1\n    when: |\n      risk.eatin > 0.5\n    then: [observe]\n"
    )
    assert codes(text) == [(11, 10, "unknown-signal"), (17, 7, "unknown-signal")]


def test_costs_and_depth_are_bounded() -> None:
    wide = " || ".join(["distress > 0.5"] * 60)
    deep = "(" * 40 + "true" + ")" * 40
    found = codes(
        HEAD + "rules:\n" + rule(when=wide) + rule(id="two", when=deep) + rule(id="three", when="!" * 3000 + "true")
    )
    assert [code for _, _, code in found] == ["expression-too-costly", "expression-too-deep", "expression-too-deep"]


def test_thresholds_that_exclude_one_another() -> None:
    assert [code for *_, code in codes(HEAD + "rules:\n" + rule(when="distress > 0.5 && !(distress > 0.4)"))] == [
        "unreachable"
    ]
    assert codes(HEAD + "rules:\n" + rule(when="distress > 0.5 || distress < 0.4")) == []
    both = "session.state == 'crisis' && session.state == 'steady'"
    assert [code for *_, code in codes(HEAD + "rules:\n" + rule(when=both))] == ["unreachable"]


def test_a_rule_in_the_shadow_of_another() -> None:
    wide, narrow = rule(when="distress > 0.5", then="guide: be kind"), rule(id="two", when="distress > 0.6")
    assert [code for *_, code in codes(HEAD + "rules:\n" + wide + narrow)] == ["shadowed"]
    more = rule(id="two", severity=2, when="distress > 0.6")
    assert codes(HEAD + "rules:\n" + wide + more) == []
    elsewhere = rule(id="two", on="reply_sentence", when="distress > 0.6")
    assert codes(HEAD + "rules:\n" + wide + elsewhere) == []


def test_severity_three_needs_a_level_and_four_tests() -> None:
    found = codes(HEAD + "rules:\n" + rule(severity=3, when="risk.suicide >= 0.5"))
    assert [code for *_, code in found] == ["untested", "vague-signal"]


def test_a_floor_rule_may_not_hang_on_what_can_be_off() -> None:
    floor = HEAD + "floor: true\nrules:\n"
    assert [code for *_, code in codes(floor + rule(when="distress > 0.5"))] == ["floor-needs-off"]
    assert [code for *_, code in codes(floor + rule(when="risk.eating > 0.5 && !(distress < 0.5)"))] == ["floor-needs-off"]
    assert codes(floor + rule(when="distress > 0.5 || warning.hopeless > 0.5")) == []
    for computed in ("session.forecast > 0.5", "trend('distress', 3) > 0.1"):
        assert [code for *_, code in codes(floor + rule(when=computed))] == ["floor-needs-off"]


def test_floors_are_not_loosened() -> None:
    text = HEAD + (
        "extends: core-safety\nbands:\n"
        "  ge3: {signal: risk.suicide_ge3, watch: 0.1, elevated: 0.2, high: 0.8, release: 0.1}\n"
        "  ge4: {signal: risk.suicide_ge4, watch: 0.1, elevated: 0.2, high: 0.3, release: 0.05}\n"
        "rules:\n" + rule(id="imminent") + "exceptions:\n"
        "  - {rule: imminent, when: \"tenant.tag == 'a'\", owner: me, expires: 2027-01-01}\n"
    )
    found = codes(text)
    assert [code for *_, code in found] == ["floor-band", "floor-rule", "floor-exception"]
    assert found[0][0] == 6


def test_an_expired_exception() -> None:
    ending = "  - {rule: one, when: \"tenant.tag == 'a'\", owner: me, expires: 2026-10-31}\n"
    found = codes(HEAD + "rules:\n" + rule() + "exceptions:\n" + ending)
    assert found == [(7, ending.index("2026") + 1, "expired")]


def test_formats_hold_the_same_faults() -> None:
    found, _ = lint_text("a b.yaml", HEAD + "rules:\n" + rule(when="distres > 0.5"), today=TODAY)
    [row] = json.loads(as_json(found))["faults"]
    assert (row["file"], row["line"], row["column"], row["code"]) == ("a b.yaml", 5, 50, "unknown-signal")
    log = json.loads(as_sarif(found, "1.2.3"))
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    [result] = run["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b.yaml"
    assert place["region"] == {"startLine": 5, "startColumn": 50}
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "unknown-signal"


def test_an_unreadable_file_is_a_fault(tmp_path: Path) -> None:
    [fault] = lint([tmp_path / "gone.yaml"], today=TODAY).faults
    assert fault.code == "unreadable"
