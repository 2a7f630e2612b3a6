"""Runs the tests that a policy carries, turn by turn, against the policy itself.

What reads texts and what remembers a session are given from outside: policies run no detectors and know no turns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol
from xml.etree import ElementTree as ET

from detectors.signals import Scores, Side, vocabulary
from policies.decide import decide
from policies.decision import (
    Action,
    Band,
    Decision,
    Facts,
    Moment,
    Outcome,
    Person,
    Posture,
    SessionView,
    Tenant,
)
from policies.model import Expectation, PolicyTest, TestTurn
from policies.policy import Policy
from policies.replies import judged

__all__ = [
    "NoTexts",
    "Outcomes",
    "SessionStep",
    "TestResult",
    "TextScorer",
    "as_json",
    "as_junit",
    "passed_share",
    "run_tests",
]

_START: Final = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
_ORDER: Final = {Outcome.MISSING: 0, Outcome.SUPPRESSED: 1, Outcome.FIRED: 2}


class TextScorer(Protocol):
    """Reads texts. ``before``: earlier messages as (``user`` or ``assistant``, text), oldest first."""

    def user(self, text: str, *, before: Sequence[tuple[str, str]], question: int | None) -> Scores:
        """A person's turn. ``question``: the rung of the open safety question."""
        ...

    def reply(self, text: str, *, before: Sequence[tuple[str, str]]) -> Sequence[Scores]:
        """A reply: its passages, in order, and then its whole."""
        ...


class SessionStep(Protocol):
    """What remembers one session, as :mod:`guard.turns.session` does."""

    def user(self, scores: Scores, at: datetime, asked: int | None) -> SessionView:
        """The session after a user's turn. ``asked``: the test says that this question was open."""
        ...

    def spoke(
        self, at: datetime, rules: tuple[str, ...], bands: Mapping[str, Band], said: tuple[str, ...] | None = None
    ) -> None:
        """The turn is over: these rules fired, and the bands stand so. ``said``: those of them whose words or resources went
        out, ``None`` for all."""
        ...


class NoTexts(Exception):
    """A turn without signals needs detectors, and none were given."""


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test's result. ``message`` says what differed, empty where it passed."""

    __test__ = False

    file: str
    line: int
    name: str
    passed: bool
    message: str


@dataclass(slots=True)
class Outcomes:
    """Everything that the decisions of one turn came to."""

    action: Action = Action.ALLOW
    severity: int = 0
    template: str | None = None
    append: str | None = None
    posture: Posture = Posture.SENTENCE
    degraded: bool = False
    refer: tuple[str, ...] = ()
    escalate: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    rules: dict[str, Outcome] | None = None
    bands: dict[str, Band] | None = None

    def add(self, decision: Decision) -> None:
        """Adds one moment's decision."""
        if decision.action > self.action or self.template is None:
            self.template = decision.template
        self.action = max(self.action, decision.action)
        self.severity = max(self.severity, decision.severity)
        self.append = self.append or decision.append
        if decision.posture is Posture.WHOLE:
            self.posture = Posture.WHOLE
        self.degraded = self.degraded or decision.degraded
        self.refer = tuple(dict.fromkeys((*self.refer, *decision.refer)))
        self.escalate = tuple(dict.fromkeys((*self.escalate, *(one.to for one in decision.escalate))))
        self.said = tuple(dict.fromkeys((*self.said, *decision.said)))
        rules = self.rules = self.rules or {}
        for rule in decision.rules:
            if rule.id not in rules or _ORDER[rule.outcome] > _ORDER[rules[rule.id]]:
                rules[rule.id] = rule.outcome
        self.bands = {**(self.bands or {}), **decision.bands}

    def of(self, outcome: Outcome) -> tuple[str, ...]:
        """Ids of the rules with that outcome."""
        return tuple(rule for rule, found in (self.rules or {}).items() if found is outcome)


def run_tests(
    policy: Policy, session: Callable[[], SessionStep], score: TextScorer | None = None
) -> tuple[list[TestResult], dict[str, set[str]]]:
    """The results of a policy's own tests, in order, and for each of its rules how it was covered: ``fired``, ``silent``.

    Exceptions of a policy are held against a fixed day in January 2026, so that a test does not change as time passes.
    """
    results: list[TestResult] = []
    covered: dict[str, set[str]] = {rule.id: set() for rule in policy.rules}
    for test in policy.tests:
        try:
            last = _play(policy, test, session(), score, covered)
            message = _differs(test.expect, last)
        except NoTexts as error:
            message = str(error)
        results.append(TestResult(test.where.file, test.where.line, test.name, not message, message))
    return results, covered


def _play(
    policy: Policy, test: PolicyTest, session: SessionStep, score: TextScorer | None, covered: dict[str, set[str]]
) -> Outcomes:
    at, said, last = _START, list[tuple[str, str]](), Outcomes()
    person = Person(
        test.person.get("age", "unknown"),
        test.person.get("locale"),
        test.person.get("jurisdiction"),
        test.person.get("timezone"),
    )
    tenant = Tenant(test.tenant.get("name", ""), test.tenant.get("tag", ""), test.tenant.get("people", "none"))
    off = policy.off | frozenset(test.off)
    for number, turn in enumerate(test.turns):
        at += timedelta(seconds=turn.after if number else 0)
        user = _user(turn, score, said).without(off)
        view = session.user(user, at, turn.asked)
        last = Outcomes()

        def judge(moment: Moment, reply: Scores | None, view: SessionView = view, user: Scores = user) -> Decision:
            facts = Facts(moment, at, view, user, reply, person, tenant, off)  # noqa: B023  # called at once
            decision = decide(policy, facts)
            last.add(decision)  # noqa: B023  # called at once
            fired = set(decision.fired)
            for prepared in policy.plan.rules[moment]:
                covered[prepared.rule.id].add("fired" if prepared.rule.id in fired else "silent")
            return decision

        judge(Moment.USER_TURN, None)
        said.append(("user", turn.user or ""))
        if turn.reply is not None:
            *passages, whole = _reply(turn, turn.reply, score, said)
            for _ in judged(passages, whole, judge):
                pass  # each is among the outcomes already
            said.append(("assistant", turn.reply))
        session.spoke(at, last.of(Outcome.FIRED), last.bands or {}, last.said)
    return last


def _user(turn: TestTurn, score: TextScorer | None, said: Sequence[tuple[str, str]]) -> Scores:
    if turn.signals is not None:
        return _given(turn, Side.USER, turn.signals)
    return _reader(score).user(turn.user or "", before=said, question=turn.asked)


def _reply(turn: TestTurn, text: str, score: TextScorer | None, said: Sequence[tuple[str, str]]) -> Sequence[Scores]:
    """A reply's passages and its whole; of a turn that gives its signals both are what it gives."""
    if turn.signals is not None:
        return [_given(turn, Side.REPLY, turn.signals)] * 2
    return _reader(score).reply(text, before=said)


def _reader(score: TextScorer | None) -> TextScorer:
    if score is None:
        raise NoTexts("a turn gives no signals, and there are no detectors here to read its text")
    return score


def _given(turn: TestTurn, side: Side, signals: Mapping[str, float]) -> Scores:
    names = [signal.name for signal in vocabulary(side)]
    values = {name: signals.get(name, 0.0) for name in names if name not in turn.missing}
    tags = {name: tag for name, tag in turn.tags.items() if name in names}
    return Scores.of(side, "test@1", values, tags=tags)


def _differs(expect: Expectation, got: Outcomes) -> str:
    """What differs from the expectation, empty where nothing does."""
    fired = got.of(Outcome.FIRED)
    found: list[str] = []

    def same(what: str, wanted: Any, seen: Any) -> None:
        if wanted is not None and wanted != seen:
            found.append(f"{what}: expected {wanted}, got {seen}")

    same("action", expect.action, got.action.word)
    same("severity", expect.severity, got.severity)
    same("template", expect.template, got.template)
    same("append", expect.append, got.append)
    same("posture", expect.posture, got.posture.value)
    same("degraded", expect.degraded, got.degraded)
    for what, wanted, seen in (("refer", expect.refer, got.refer), ("escalate", expect.escalate, got.escalate)):
        if wanted is not None and set(wanted) != set(seen):
            found.append(f"{what}: expected {', '.join(wanted) or 'nothing'}, got {', '.join(seen) or 'nothing'}")
    names = ", ".join(fired) or "none"
    found += [f"rule {rule} was to fire; fired: {names}" for rule in expect.rules if rule not in fired]
    found += [f"rule {rule} fired and was not to" for rule in expect.not_rules if rule in fired]
    lacking = got.of(Outcome.MISSING)
    found += [f"rule {rule} was to lack a value and did not" for rule in expect.missing if rule not in lacking]
    if found and fired and not any(part.startswith("rule") for part in found):
        found.append(f"fired: {', '.join(fired)}")
    return "; ".join(found)


def passed_share(results: Sequence[TestResult]) -> float:
    """Passed tests in percent; 100 where there are none."""
    return 100.0 * sum(result.passed for result in results) / len(results) if results else 100.0


def as_json(results: Sequence[TestResult], covered: Mapping[str, set[str]]) -> dict[str, Any]:
    """``{"passed", "failed", "tests": […], "coverage": {"rules", "fired", "untested": […], "percent"}}``."""
    passed = sum(result.passed for result in results)
    fired = [rule for rule, ways in covered.items() if "fired" in ways]
    return {
        "passed": passed,
        "failed": len(results) - passed,
        "tests": [asdict(result) for result in results],
        "coverage": {
            "rules": len(covered),
            "fired": len(fired),
            "untested": [rule for rule in covered if rule not in fired],
            "percent": round(100.0 * len(fired) / len(covered), 1) if covered else 100.0,
        },
    }


def as_junit(results: Sequence[TestResult]) -> bytes:
    """JUnit XML: one suite a file."""
    root = ET.Element("testsuites", tests=str(len(results)), failures=str(sum(not result.passed for result in results)))
    for file in dict.fromkeys(result.file for result in results):
        own = [result for result in results if result.file == file]
        failures = str(sum(not result.passed for result in own))
        suite = ET.SubElement(root, "testsuite", name=file, tests=str(len(own)), failures=failures, errors="0")
        for result in own:
            case = ET.SubElement(suite, "testcase", name=result.name, classname=file, file=file, line=str(result.line))
            if not result.passed:
                ET.SubElement(case, "failure", message=result.message).text = f"{file}:{result.line}: {result.message}"
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"
