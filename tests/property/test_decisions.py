"""Decisions and bands: what must hold for any values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.signals import Scores, Side, vocabulary
from policies.bands import band_of, step
from policies.context import LADDER, lower
from policies.decide import decide
from policies.decision import Action, Band, Facts, Moment, Outcome, Person, Posture, SessionView
from policies.load import examine, load_policy
from policies.policy import Policy

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
POLICY = load_policy("companion-app")
READ = sorted(POLICY.reads)
USER = [signal.name for signal in vocabulary(Side.USER)]
REPLY = [signal.name for signal in vocabulary(Side.REPLY)]

unit = st.floats(0, 1, allow_nan=False)
grades = st.sampled_from([0.0, 0.02, 0.35, 0.5, 0.7, 0.9])
signals = st.dictionaries(st.sampled_from([name for name in READ if name in USER or name in REPLY]), grades, max_size=8)
states = st.sampled_from(["steady", "distressed", "elevated", "crisis", "recovering"])
moments = st.sampled_from([Moment.USER_TURN, Moment.REPLY_SENTENCE, Moment.REPLY_END])


def scores(side: Side, values: Mapping[str, float], missing: frozenset[str] = frozenset()) -> Scores:
    names = USER if side is Side.USER else REPLY
    return Scores.of(side, "test@1", {name: values.get(name, 0.0) for name in names if name not in missing})


def facts(
    values: Mapping[str, float],
    moment: Moment = Moment.USER_TURN,
    state: str = "steady",
    question: int | None = None,
    missing: frozenset[str] = frozenset(),
    age: str = "unknown",
) -> Facts:
    reply = None if moment is Moment.USER_TURN else scores(Side.REPLY, values, missing)
    view = SessionView(state=state, question_open=question)
    return Facts(moment, NOW, view, scores(Side.USER, values, missing), reply, Person(age=age))


def policy(*rules: str) -> Policy:
    head = "apiVersion: handrail/v1\nname: probe\nvocabulary: 1\nrules:\n"
    found = examine("probe.yaml", head + "\n".join(rules) + "\n")
    assert found.policy is not None, found.faults
    return found.policy


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(Band)), unit, st.lists(unit, min_size=4, max_size=4))
def test_a_band_rises_at_once_and_falls_only_below_release(before: Band, value: float, levels: list[float]) -> None:
    release, watch, elevated, high = sorted(levels)
    after = step(before, value, watch, elevated, high, release)
    assert after is not None
    assert after >= band_of(value, watch, elevated, high)
    assert after >= before or value < release
    assert after in (before, band_of(value, watch, elevated, high))


def test_a_band_of_a_missing_value_is_not_known() -> None:
    assert step(Band.HIGH, None, 0.1, 0.2, 0.3, 0.05) is None
    assert step(Band.HIGH, float("nan"), 0.1, 0.2, 0.3, 0.05) is None


@settings(max_examples=120, deadline=None)
@given(signals, moments, states, st.sampled_from([None, 0, 2, 4]))
def test_is_deterministic(values: dict[str, float], moment: Moment, state: str, question: int | None) -> None:
    asked = facts(values, moment, state, question)
    assert decide(POLICY, asked) == decide(POLICY, asked)


@settings(max_examples=80, deadline=None)
@given(
    signals, st.sampled_from([*list(Action)[:4], Action.COMPLETE]), grades, st.sampled_from(["risk.suicide_ge2", "distress"])
)
def test_one_more_rule_never_weakens(values: dict[str, float], action: Action, at: float, name: str) -> None:
    then = {
        Action.ALLOW: "[allow]",
        Action.OBSERVE: "[observe]",
        Action.GUIDE: "[guide: be kind]",
        Action.APPEND: "[append: ccs/safety-beat]",
        Action.COMPLETE: "[complete: ccs/ideation]",
    }[action]
    one = "  - {id: one, on: user_turn, severity: 2, when: risk.self_harm >= 0.5, then: [append: ccs/self-harm]}"
    two = f"  - {{id: two, on: user_turn, severity: 1, when: {name} >= {at}, then: {then}}}"
    asked = facts(values)
    before, after = decide(policy(one), asked), decide(policy(one, two), asked)
    assert after.action >= before.action
    assert after.severity >= before.severity
    assert set(before.refer) <= set(after.refer)
    assert not (before.posture is Posture.WHOLE and after.posture is Posture.SENTENCE)


CONTEXTS = ("context.figurative", "context.past", "context.retraction", "context.protective", "concern.suicide")


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from([name for name in READ if name.startswith(("risk.", "warning."))]), grades, max_size=6),
    st.sets(st.sampled_from(CONTEXTS), min_size=1),
    states,
)
def test_context_lowers_by_one_rung_at_most_and_stays_recorded(
    values: dict[str, float], contexts: set[str], state: str
) -> None:
    plain = decide(POLICY, facts(values, state=state))
    said = decide(POLICY, facts({**values, **dict.fromkeys(contexts, 0.9)}, state=state))
    if plain.action in LADDER and "violence" not in str(plain.fired):
        assert said.action >= lower(plain.action)
    silent = {"violence-target", "violence-intent", "violence-thoughts"}  # their conditions name fiction themselves
    assert set(plain.fired) - silent <= set(said.fired)


@settings(max_examples=150, deadline=None)
@given(signals, moments, states)
def test_a_missing_value_is_never_read_as_zero(values: dict[str, float], moment: Moment, state: str) -> None:
    """Whatever the lost values would have made fire is recorded, never passed over in silence."""
    missing = frozenset(values)
    blind = decide(POLICY, facts({}, moment, state, missing=missing))
    seen = decide(POLICY, facts(values, moment, state))
    recorded = {rule.id for rule in blind.rules}
    raised = {rule.id for rule in seen.rules if rule.outcome is Outcome.FIRED}
    unseen = {rule.id for rule in decide(POLICY, facts({}, moment, state)).rules}
    assert raised - unseen <= recorded
    graver = [rule for rule in blind.rules if rule.outcome is Outcome.MISSING and rule.severity >= 3]
    if graver:
        assert blind.degraded
        assert blind.posture is Posture.WHOLE
        assert blind.strict


@settings(max_examples=100, deadline=None)
@given(signals, states)
def test_missing_alone_tells_nobody_in_a_calm_session(values: dict[str, float], state: str) -> None:
    blind = decide(POLICY, facts({}, Moment.USER_TURN, state, missing=frozenset(USER)))
    assert bool(blind.escalate) == (state in ("elevated", "crisis", "recovering"))
    assert all(one.severity <= 3 for one in blind.escalate)
    assert blind.action <= Action.APPEND


@settings(max_examples=150, deadline=None)
@given(signals, st.sampled_from(["elevated", "crisis"]), st.sampled_from([Moment.REPLY_SENTENCE, Moment.REPLY_END]))
def test_companionship_neither_completes_nor_pauses_under_risk(values: dict[str, float], state: str, moment: Moment) -> None:
    said = decide(POLICY, facts(values, moment, state))
    assert said.action is not Action.PAUSE
    if said.action is Action.COMPLETE:
        assert not (said.template or "").startswith("companion/")


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 0.09), states.filter(lambda state: state != "steady"))
def test_memory_alone_neither_completes_nor_rings(value: float, state: str) -> None:
    high = dict.fromkeys((band.name for band in POLICY.bands), Band.HIGH)
    view = SessionView(state=state, bands=high, peaks={"suicide": 0.9, "suicide_ge3": 0.9})
    said = decide(POLICY, Facts(Moment.USER_TURN, NOW, view, scores(Side.USER, {"risk.suicide_ge3": 0.12 + value})))
    assert said.bands["ge3"] is Band.HIGH
    assert said.action < Action.COMPLETE
    assert not said.escalate
    assert said.posture is Posture.WHOLE


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3600), st.sampled_from([("ideation", 2), ("imminent", 4)]))
def test_cool_down_touches_wording_only(ago: int, rule: tuple[str, int]) -> None:
    name, severity = rule
    values = {"risk.suicide": 0.9, "risk.suicide_ge2": 0.9} | ({"risk.suicide_imminent": 0.9} if severity == 4 else {})
    at = NOW - timedelta(seconds=ago)
    view = SessionView(state="elevated", fired={name: (at,)}, said={name: at})
    said = decide(POLICY, Facts(Moment.USER_TURN, NOW, view, scores(Side.USER, values)))
    assert name in said.fired
    assert said.severity == severity
    assert said.guidance or said.action is Action.COMPLETE
    assert said.escalate
    if severity == 4:
        assert said.action is Action.COMPLETE
    else:
        assert (said.append == "ccs/ideation") == (ago >= 1800)
