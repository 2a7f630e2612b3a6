"""The decision: a pure function of a policy and of what is known at one moment.

The most protective reply action wins; what the other rules add (resources, cases, guidance) adds up. Every rule that fired,
was suppressed or lacked a value is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from detectors.signals import SIGNALS, Side, Tier
from policies.context import lower, lowered_by
from policies.decision import (
    Action,
    Band,
    Decision,
    Escalation,
    Facts,
    Moment,
    Outcome,
    Posture,
    RuleResult,
)
from policies.model import Effects, Rule
from policies.plan import Plan, Prepared, Row
from policies.policy import Policy

__all__ = ["RESOURCE_LINE", "decide"]

RESOURCE_LINE: Final = "handrail-resource-line"
"""Under which id the one resource line of a degraded session is remembered. No rule may have an id like it."""

_URGENT: Final = 4
_STRICT_FROM: Final = 3
_DISCLOSED: Final = 2
_CAP_WHEN_MISSING: Final = 3
_HIT: Final = 0.5
_BEAT: Final = "ccs/safety-beat"
_LINE: Final = "ccs/resource-line"
_CARE: Final = (
    "The person may be having a hard time. Answer warmly and literally, take what they say seriously, do not lecture, do "
    "not refuse, and leave room for them to say more. Never play down, diagnose, promise secrecy or name ways of harm."
)
_STILL_TRIMMED: Final = ("companion.isolation", "harm.")
_RISKS: Final = tuple(signal.name for signal in SIGNALS.values() if signal.side is Side.USER and signal.name[:5] == "risk.")


@dataclass(slots=True)
class _Fired:
    rule: Rule
    effects: Effects
    by: str | None = None
    severity: int = 0


def decide(policy: Policy, facts: Facts) -> Decision:
    """What the policy says at one moment. Deterministic; reads no clock; costs tens of microseconds."""
    plan = policy.plan
    row, bands = plan.row(facts)
    results: list[RuleResult] = []
    fired: list[_Fired] = []
    lacking: list[Rule] = []
    prepared = plan.rules[facts.moment]
    if facts.moment is Moment.USER_TURN and facts.user is None:
        prepared = ()  # nobody spoke: there is nothing to miss
    for one in prepared:
        found = one.condition(row)
        if found is False:
            continue
        if found is None:
            results.append(RuleResult(one.rule.id, one.rule.severity, Outcome.MISSING, _missing(one.rule, plan, row)))
            if one.rule.on_missing == "match":
                fired.append(_matched(one.rule, facts))
            elif one.rule.on_missing == "degrade":
                lacking.append(one.rule)
            continue
        result = _fire(one, facts, row, plan)
        results.append(
            RuleResult(one.rule.id, one.rule.severity, Outcome.FIRED, result.by)
            if isinstance(result, _Fired)
            else RuleResult(one.rule.id, one.rule.severity, Outcome.SUPPRESSED, result)
        )
        if isinstance(result, _Fired):
            fired.append(result)
    decision = _merge(policy, facts, fired, results, bands)
    return _degrade(decision, facts, lacking) if lacking else decision


def _missing(rule: Rule, plan: Plan, row: Row) -> str:
    """The first value that the rule reads and that nobody knows."""
    return next((key for key in rule.keys if row[plan.slots[key]] is None), rule.keys[0] if rule.keys else "")


def _matched(rule: Rule, facts: Facts) -> _Fired:
    """``on_missing: match``: it acts, but a person's case needs a session that was elevated already."""
    effects = rule.effects if facts.session.vulnerable else replace(rule.effects, escalate=())
    return _Fired(rule, effects, "missing", min(rule.severity, _CAP_WHEN_MISSING))


def _fire(one: Prepared, facts: Facts, row: Row, plan: Plan) -> _Fired | str:
    """What a rule that holds does; a text where something suppresses it."""
    rule, effects = one.rule, one.rule.effects
    for condition, expires in one.exemptions:
        if facts.now.date() <= expires and condition(row) is True:
            return "exception"
    by: str | None = None
    if (effects.action is Action.COMPLETE or effects.escalate) and not _evident(one, facts, row, plan):
        by = "no evidence in this turn"
        if effects.action is Action.COMPLETE:
            effects = replace(effects, action=Action.GUIDE, template=None, append=None, verify=(), refer=())
        effects = replace(effects, escalate=())
    if facts.moment is Moment.USER_TURN:
        context = lowered_by(rule, facts, row, plan.context)
        if context is not None:
            effects, by = _lowered(effects, rule, context), context
    if facts.session.state in ("elevated", "crisis"):
        eased = _under_risk(rule, effects)
        if eased is None:
            return f"session.state {facts.session.state}"
        if eased is not effects:
            effects, by = eased, f"session.state {facts.session.state}"
    if rule.severity < _URGENT and _cooling(one, facts, row, plan):
        cooled = _cooled(effects)
        by = by or ("cool-down" if cooled != effects else None)
        effects = cooled
    return _Fired(rule, effects, by, rule.severity)


def _evident(one: Prepared, facts: Facts, row: Row, plan: Plan) -> bool:
    """Whether something that was said this turn makes the rule hold: it holds without any memory of bands, and it would
    not hold had nothing been said. An open question and the clock need no such evidence."""
    if facts.moment is Moment.CLOCK or facts.session.question_open is not None:
        return True
    return one.condition(plan.without_memory(row)) is True and one.condition(plan.silent(row)) is not True


def _lowered(effects: Effects, rule: Rule, context: str) -> Effects:
    action = lower(effects.action)
    if action is effects.action:
        return effects
    kept = effects
    if context == "context.figurative" and rule.severity < _STRICT_FROM:
        kept = replace(kept, escalate=())
    if action is Action.APPEND:
        beat = kept.append or _BEAT
        return replace(kept, action=action, template=beat, append=beat)
    guidance = kept.guidance or ((_CARE,) if action is Action.GUIDE else ())
    return replace(kept, action=action, template=None, append=None, verify=(), refer=(), guidance=guidance)


def _under_risk(rule: Rule, effects: Effects) -> Effects | None:
    """Companionship while a session is elevated or in crisis: no pause, no completion; only isolation, guilt, secrecy and
    harm are trimmed. ``None`` where nothing is left to do."""
    if effects.action is Action.PAUSE:
        return None
    about = (effects.template or "").startswith("companion/")
    harmful = any(key.startswith(_STILL_TRIMMED) for key in rule.keys)
    if effects.action is Action.TRIM and not harmful and any(key.startswith("companion.") for key in rule.keys):
        return replace(effects, action=Action.OBSERVE, template=None)
    if not about or effects.action not in (Action.COMPLETE, Action.REVISE):
        return effects
    if harmful:
        return replace(effects, action=Action.TRIM)
    return replace(effects, action=Action.OBSERVE, template=None)


def _cooling(one: Prepared, facts: Facts, row: Row, plan: Plan) -> bool:
    """Whether the rule's words went out lately. What memory alone holds is nothing new to answer, so there it is enough that
    the rule held lately, whatever came of it."""
    rule, session = one.rule, facts.session
    since = facts.now - timedelta(seconds=rule.cooldown)
    said = session.said.get(rule.id)
    if said is not None and said > since:
        return True
    times = session.fired.get(rule.id)
    return bool(times) and times[-1] > since and not _evident(one, facts, row, plan)  # type: ignore[index]  # not empty


def _cooled(effects: Effects) -> Effects:
    """Without what would be said twice. A completion keeps its resource. A case is never cooled: it takes in all evidence,
    and who has it is told of more only now and then (``guard.records.case``)."""
    after = effects
    if effects.action is Action.APPEND:
        action = Action.GUIDE if effects.guidance else Action.OBSERVE
        after = replace(after, action=action, template=None)
    if effects.action < Action.COMPLETE:
        after = replace(after, append=None, verify=(), refer=())
    return after


def _merge(
    policy: Policy, facts: Facts, fired: list[_Fired], results: list[RuleResult], bands: Mapping[str, Band]
) -> Decision:
    highest = max(bands.values(), default=Band.OFF)
    careful = facts.session.vulnerable or facts.session.question_open is not None
    if not fired:
        return Decision(
            facts.moment,
            rules=tuple(results),
            bands=bands,
            posture=Posture.WHOLE if careful or highest >= Band.ELEVATED else Posture.SENTENCE,
            strict=careful or highest is Band.HIGH,
            policy=policy.hash,
        )
    fired.sort(key=lambda one: -one.severity)  # stable: of equals the earlier rule speaks
    severity = fired[0].severity
    action = max(one.effects.action for one in fired)
    leading = next(one for one in fired if one.effects.action is action)
    template = leading.effects.template
    if action is Action.COMPLETE and leading.severity < _DISCLOSED:
        template = _gravest_words(fired) or template
    append = next((one.effects.append for one in fired if one.effects.append is not None), None)
    if action >= Action.COMPLETE:
        append = None
    teams: dict[str, int] = {}
    for one in fired:
        for team in one.effects.escalate:
            teams[team] = max(teams.get(team, 0), one.severity)
    held = careful or highest >= Band.ELEVATED or severity >= _STRICT_FROM
    return Decision(
        facts.moment,
        action=action,
        severity=severity,
        rules=tuple(results),
        template=template,
        append=append,
        refer=_together(one.effects.refer for one in fired),
        escalate=tuple(Escalation(team, worst) for team, worst in teams.items()),
        guidance=_together(one.effects.guidance for one in fired),
        verify=_together(one.effects.verify for one in fired),
        bands=bands,
        posture=Posture.WHOLE if held else Posture.SENTENCE,
        strict=careful or highest is Band.HIGH or severity >= _STRICT_FROM,
        said=tuple(one.rule.id for one in fired if _speaks(one.effects, template, append)),
        policy=policy.hash,
    )


def _gravest_words(fired: list[_Fired]) -> str | None:
    """What a disclosure is answered with, where a completion that is about less would take the place of that answer."""
    words = (one.effects.template or one.effects.append for one in fired if one.severity >= _DISCLOSED)
    return next((template for template in words if template is not None), None)


def _speaks(effects: Effects, template: str | None, append: str | None) -> bool:
    """Whether a rule's words or resources are among what the decision says: of several beats one alone is added."""
    return bool(effects.refer) or any(
        worded is not None and worded in (template, append) for worded in (effects.template, effects.append)
    )


def _together(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for part in parts:
        found.update(dict.fromkeys(part))
    return tuple(found)


def _degrade(decision: Decision, facts: Facts, lacking: list[Rule]) -> Decision:
    """Values from severity 3 on are missing: hold the whole reply, judge it strictly, show at most one resource line a
    session, and tell a person only on a hit of the word lists or where the session was elevated already."""
    grave = any(rule.severity >= _STRICT_FROM for rule in lacking)
    changes = replace(decision, posture=Posture.WHOLE, strict=True, degraded=decision.degraded or grave)
    if facts.moment is not Moment.USER_TURN:
        return changes
    if grave and _blind(facts) and decision.action < Action.APPEND and RESOURCE_LINE not in facts.session.fired:
        changes = replace(
            changes,
            action=Action.APPEND,
            template=_LINE,
            append=_LINE,
            refer=_together((decision.refer, ("crisis",))),
            rules=(*decision.rules, RuleResult(RESOURCE_LINE, 0, Outcome.FIRED, "missing")),
        )
    if not decision.escalate and (facts.session.vulnerable or _hit_by_words(facts)):
        teams = dict.fromkeys(team for rule in lacking if rule.severity >= _STRICT_FROM for team in rule.effects.escalate)
        changes = replace(changes, escalate=tuple(Escalation(team, _CAP_WHEN_MISSING) for team in teams))
    return changes


def _blind(facts: Facts) -> bool:
    """Whether a resource line is called for: nobody could say whether there is ideation at all, or the session is hard
    already. A tier that lacks a few values says nothing to somebody who only said hello."""
    return facts.user is None or facts.user.value("risk.suicide") is None or facts.session.state != "steady"


def _hit_by_words(facts: Facts) -> bool:
    if facts.user is None:
        return False
    scores = (facts.user.get(name) for name in _RISKS if name != "risk.suicide_level")
    return any(score.tier is Tier.LEXICON and score.value is not None and score.value >= _HIT for score in scores)
