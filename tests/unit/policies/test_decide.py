"""Decisions, case by case; what holds for all values is in the property tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from detectors.signals import Scores, Side, Tier, vocabulary
from policies.decide import RESOURCE_LINE, decide
from policies.decision import Action, Band, Decision, Facts, Moment, Outcome, Posture, SessionView, Tenant
from policies.load import examine, load_policy
from policies.policy import Policy

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PACK = load_policy("companion-app")
USER = [signal.name for signal in vocabulary(Side.USER)]


def said(
    tags: dict[str, str] | None = None, tier: Tier = Tier.LEXICON, lost: tuple[str, ...] = (), **values: float
) -> Scores:
    given = {name.replace("__", "."): value for name, value in values.items()}
    every = {name: given.get(name, 0.02) for name in USER if name not in lost}
    return Scores.of(Side.USER, "test@1", every, tier=tier)


def answers(word: str) -> Scores:
    return said(answer__affirm=0.7) if word == "affirm" else said(answer__deny=0.7)


def facts(user: Scores | None, session: SessionView | None = None, **more: object) -> Facts:
    return replace(Facts(Moment.USER_TURN, NOW, session or SessionView(), user), **more)  # type: ignore[arg-type]


def policy(rules: str, exceptions: str = "", bands: str = "") -> Policy:
    text = f"apiVersion: handrail/v1\nname: probe\nvocabulary: 1\n{bands}rules:\n{rules}{exceptions}"
    found = examine("probe.yaml", text)
    assert found.policy is not None, found.faults
    return found.policy


def outcome(decision: Decision, rule: str) -> tuple[Outcome, str | None]:
    return next((one.outcome, one.by) for one in decision.rules if one.id == rule)


def test_nothing_said_is_untouched() -> None:
    decision = decide(PACK, facts(said()))
    assert (decision.action, decision.severity, decision.posture) == (Action.ALLOW, 0, Posture.SENTENCE)
    assert not (decision.rules or decision.refer or decision.escalate or decision.strict)
    assert decision.policy == PACK.hash
    assert set(decision.bands) == {band.name for band in PACK.bands}


def test_nobody_spoke_is_not_missing() -> None:
    decision = decide(PACK, facts(None))
    assert (decision.rules, decision.degraded, decision.action) == ((), False, Action.ALLOW)


@pytest.mark.parametrize(
    ("rung", "word", "rule", "severity"),
    [
        (1, "affirm", "wish-to-be-dead", 2),
        (2, "affirm", "ideation", 2),
        (3, "affirm", "ideation-with-method", 3),
        (4, "affirm", "intent-or-plan", 3),
        (5, "affirm", "intent-or-plan", 3),
        (6, "affirm", "behaviour-recent", 3),
        (0, "deny", "imminent", 4),
    ],
)
def test_an_answer_is_evidence_at_its_rung(rung: int, word: str, rule: str, severity: int) -> None:
    decision = decide(PACK, facts(answers(word), SessionView(question_open=rung)))
    assert rule in decision.fired
    assert (decision.action, decision.severity, decision.posture) == (Action.COMPLETE, severity, Posture.WHOLE)
    alone = decide(PACK, facts(answers(word)))
    assert alone.action is Action.ALLOW


def test_a_tie_between_yes_and_no_is_a_yes() -> None:
    unsure = said(answer__affirm=0.7, answer__deny=0.7)
    assert "intent-or-plan" in decide(PACK, facts(unsure, SessionView(question_open=4))).fired
    assert "imminent" in decide(PACK, facts(unsure, SessionView(question_open=0))).fired


def test_of_several_rules_the_gravest_speaks_and_the_rest_adds() -> None:
    decision = decide(PACK, facts(said(risk__suicide_ge4=0.9, risk__self_harm=0.9, risk__emergency_now=0.9)))
    assert decision.template == "ccs/emergency-now"
    assert decision.refer[:2] == ("emergency", "crisis")
    assert "self-harm" in decision.refer
    assert {(one.to, one.severity) for one in decision.escalate} == {("crisis-team", 4), ("safety-review", 2)}


def test_exceptions_hold_until_their_day_and_are_recorded() -> None:
    rule = "  - {id: long-evening, on: user_turn, severity: 1, when: session.minutes > 90.0, then: [observe]}\n"
    exception = "exceptions:\n  - {rule: long-evening, when: \"tenant.tag == 'gaming'\", owner: team, expires: 2026-03-02}\n"
    one = policy(rule, exception)
    late = facts(said(), SessionView(minutes=120.0), tenant=Tenant("t", "gaming"))
    assert outcome(decide(one, late), "long-evening") == (Outcome.SUPPRESSED, "exception")
    assert outcome(decide(one, replace(late, now=NOW + timedelta(days=1))), "long-evening") == (Outcome.FIRED, None)
    assert decide(one, replace(late, tenant=Tenant("t", "care"))).fired == ("long-evening",)


MATCH = (
    "  - {id: one, on: user_turn, severity: 3, when: risk.eating > 0.5, on_missing: %s, "
    "then: [complete: ccs/distress, escalate: team]}\n"
)


def test_skip_only_records() -> None:
    decision = decide(policy(MATCH % "skip"), facts(said(lost=("risk.eating",))))
    assert outcome(decision, "one") == (Outcome.MISSING, "risk.eating")
    assert (decision.action, decision.degraded, decision.posture) == (Action.ALLOW, False, Posture.SENTENCE)


def test_match_acts_and_escalates_only_where_the_session_was_elevated() -> None:
    lost = said(lost=("risk.eating",))
    calm = decide(policy(MATCH % "match"), facts(lost))
    assert (calm.action, calm.escalate) == (Action.COMPLETE, ())
    grave = decide(policy(MATCH % "match"), facts(lost, SessionView(state="elevated")))
    assert [one.to for one in grave.escalate] == ["team"]


def test_degrade_holds_strictly_and_offers_one_line_a_session() -> None:
    partly = decide(policy(MATCH % "degrade"), facts(said(lost=("risk.eating",))))
    assert (partly.action, partly.degraded, partly.posture) == (Action.ALLOW, True, Posture.WHOLE)
    lost = said(lost=("risk.eating", "risk.suicide"))
    first = decide(policy(MATCH % "degrade"), facts(lost))
    assert (first.degraded, first.strict, first.posture) == (True, True, Posture.WHOLE)
    assert (first.append, first.refer, first.escalate) == ("ccs/resource-line", ("crisis",), ())
    assert RESOURCE_LINE in first.fired
    again = decide(policy(MATCH % "degrade"), facts(lost, SessionView(fired={RESOURCE_LINE: (NOW,)})))
    assert (again.action, again.degraded) == (Action.ALLOW, True)


def test_degrade_tells_a_person_on_a_hit_of_the_word_lists() -> None:
    lost = ("risk.eating",)
    decision = decide(policy(MATCH % "degrade"), facts(said(lost=lost, risk__suicide=0.7)))
    assert [(one.to, one.severity) for one in decision.escalate] == [("team", 3)]
    by_model = decide(policy(MATCH % "degrade"), facts(said(tier=Tier.FULL, lost=lost, risk__suicide=0.7)))
    assert by_model.escalate == ()


def test_a_decision_names_the_rules_whose_words_or_resources_it_carries() -> None:
    both = decide(PACK, facts(said(risk__suicide_ge2=0.9, abuse__partner=0.9)))
    assert (both.said, set(both.fired)) == (("ideation",), {"ideation", "abuse"})
    assert decide(PACK, facts(said(risk__suicide_ge2=0.7, context__figurative=0.9))).said == ()
    graver = decide(PACK, facts(said(risk__suicide_ge4=0.9, abuse__partner=0.9)))
    assert (graver.template, graver.said) == ("ccs/intent-or-plan", ("intent-or-plan",))


@pytest.mark.parametrize("graver", ["complete: ccs/self-harm", "append: ccs/self-harm"])
def test_a_completion_about_less_says_what_a_disclosure_is_answered_with(graver: str) -> None:
    lighter = "  - {id: light, on: user_turn, severity: %d, when: distress > 0.5, then: [complete: ccs/distress]}\n"
    rule = f"  - {{id: grave, on: user_turn, severity: 2, when: risk.self_harm > 0.5, then: [{graver}, refer: self-harm]}}\n"
    both = facts(said(distress=0.9, risk__self_harm=0.9))
    found = decide(policy(lighter % 1 + rule), both)
    assert (found.action, found.template, found.refer, found.said) == (
        Action.COMPLETE, "ccs/self-harm", ("self-harm",), ("grave",),
    )  # fmt: skip
    assert decide(policy(lighter % 1 + rule), facts(said(distress=0.9))).template == "ccs/distress"
    guided = rule.replace(f"{graver}, refer: self-harm", "guide: be kind")
    assert decide(policy(lighter % 1 + guided), both).template == "ccs/distress"
    assert decide(policy(lighter % 2 + rule), both).template == "ccs/distress"  # of equals the earlier one speaks


def test_a_case_takes_in_what_is_said_again_whatever_went_out_lately() -> None:
    """Who has it, and whether a reviewer closed the last one meanwhile, only the records know."""
    lately = {rule: (NOW - timedelta(minutes=1),) for rule in ("ideation", "ideation-with-method")}
    for state in ("steady", "elevated", "recovering"):
        told = decide(PACK, facts(said(risk__suicide_ge2=0.9, risk__suicide_ge3=0.9), SessionView(state, fired=lately)))
        assert {(one.to, one.severity) for one in told.escalate} == {("crisis-team", 3), ("safety-review", 2)}
    lost = facts(said(lost=("risk.eating",), risk__suicide=0.7), SessionView(fired={"one": (NOW,)}))
    assert [one.to for one in decide(policy(MATCH % "degrade"), lost).escalate] == ["team"]


def test_off_never_matches_and_is_not_missing() -> None:
    one = policy("  - {id: one, on: user_turn, severity: 3, when: '!(distress < 0.5)', then: [observe]}\n")
    decision = decide(one, facts(said(distress=0.9), off=frozenset({"distress"})))
    assert (decision.rules, decision.degraded) == ((), False)
    assert decide(one, facts(said(distress=0.9))).fired == ("one",)


@pytest.mark.parametrize("when", ["session.forecast > 0.5", "session.distress_trend > 0.1", "trend('distress', 3) > 0.1"])
def test_what_is_computed_from_what_is_off_is_off_and_not_missing(when: str) -> None:
    one = policy(f'  - {{id: one, on: user_turn, severity: 3, when: "{when}", then: [observe]}}\n')
    known = SessionView(forecast=0.9, distress_trend=0.3, trend={"distress": (0.1, 0.4, 0.9)})
    assert decide(one, facts(said(), known)).fired == ("one",)
    for view in (known, SessionView()):
        decision = decide(one, facts(said(), view, off=frozenset({"distress"})))
        assert (decision.rules, decision.degraded) == ((), False)
    assert decide(one, facts(said())).degraded


def test_hysteresis_holds_posture_and_not_completions() -> None:
    first = decide(PACK, facts(said(risk__suicide_ge3=0.6)))
    assert (first.bands["ge3"], first.action) == (Band.HIGH, Action.COMPLETE)
    second = decide(PACK, facts(said(risk__suicide_ge3=0.2), SessionView(bands=first.bands)))
    assert (second.bands["ge3"], second.posture) == (Band.HIGH, Posture.WHOLE)
    assert outcome(second, "ideation-with-method") == (Outcome.FIRED, "no evidence in this turn")
    assert second.action is Action.GUIDE
    third = decide(PACK, facts(said(risk__suicide_ge3=0.05), SessionView(bands=second.bands)))
    assert (third.bands["ge3"], third.fired) == (Band.OFF, ())


def test_a_missing_value_keeps_the_stored_band() -> None:
    lost = said(lost=("risk.suicide_ge3",))
    assert decide(PACK, facts(lost, SessionView(bands={"ge3": Band.HIGH}))).bands["ge3"] is Band.HIGH


def test_functions_read_the_session() -> None:
    rules = (
        "  - {id: often, on: clock, severity: 0, when: \"count('often', '1h') >= 2\", then: [observe]}\n"
        "  - {id: worse, on: clock, severity: 0, when: \"trend('distress', 3) > 0.15\", then: [observe]}\n"
    )
    times = (NOW - timedelta(hours=2), NOW - timedelta(minutes=50), NOW - timedelta(minutes=5))
    view = SessionView(fired={"often": times}, trend={"distress": (0.9, 0.1, 0.3, 0.5)})
    decision = decide(policy(rules), facts(None, view, moment=Moment.CLOCK))
    assert decision.fired == ("often", "worse")
    short = decide(policy(rules), facts(None, SessionView(trend={"distress": (0.1, 0.9)}), moment=Moment.CLOCK))
    assert outcome(short, "worse") == (Outcome.MISSING, "trend('distress', 3)")
