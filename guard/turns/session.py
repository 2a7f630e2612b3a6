"""The session: a finite state machine over turns. Pure functions of a state, what happened, and ``now``.

States: steady, distressed, elevated, crisis, recovering. Up on one turn. From crisis to recovering only by a person's
disposition, or after at least ten user turns and thirty minutes without ``risk.suicide_ge2``, with no question open and
rung 4 denied. Recovering keeps the strict hold for 24 hours. Peaks do not decay for 24 hours, then halve every 7 days.

Thresholds here set posture only (how a reply is held, whether the upstream may be called early). What is done to a reply
and who is told is the policy's. They are proposals, to be changed with audit data; not clinically validated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from detectors.signals import IMPLIED_BY_YES, LADDER_RUNGS, PEAK_CLASSES, Scores, Side, Tier, vocabulary
from guard.turns.forecast import forecast
from guard.turns.state import RECOVERING_FOR, Answer, Peak, SessionState, from_json, to_json
from policies.decision import Band, SessionView
from policies.expression.names import TRENDED

__all__ = [
    "Answer",
    "Peak",
    "SessionState",
    "Spoken",
    "UserTurn",
    "advance",
    "called_for",
    "dispose",
    "from_json",
    "merge",
    "rank",
    "speak",
    "to_json",
    "view",
]

_STATES: Final = ("steady", "distressed", "elevated", "crisis")

# bounds: a session's state stays small however long it lasts
_KNOWN: Final = 64
_OURS: Final = 32
_RECENT: Final = 8
_SPOKEN: Final = 160
_SHOWN: Final = 32
_FIRED_RULES: Final = 64
_FIRED_TIMES: Final = 8
_TREND: Final = 8
_TRENDED: Final = (*TRENDED, "context.figurative")  # what policies may ask, and what the forecast does

_RECOVERY_TURNS: Final = 10
_RECOVERY_TIME = timedelta(minutes=30)
_ELEVATED_TURNS: Final = 5
_ELEVATED_TIME = timedelta(minutes=15)
_SMOOTHING: Final = 0.4

_HIT: Final = 0.5
_CRISIS: Final = (
    "risk.suicide_imminent",
    "risk.emergency_now",
    "risk.suicide_high",
    "risk.suicide_ge4",
    "risk.command_voices",
    "risk.overdose_or_withdrawal",
    "abuse.danger_now",
)
_ELEVATED: Final = (
    "risk.suicide_ge2",
    "risk.suicide_ge3",
    "risk.suicide_behaviour",
    "risk.self_harm",
    "risk.violence",
    "risk.caregiver_harm",
    "risk.psychosis",
    "risk.mania",
    "risk.eating_medical",
)
_AFFIRMED: Final = 0.9
_STATED: Final = tuple(signal.name for signal in vocabulary(Side.USER) if signal.name.startswith("context.stated."))
_FAINT: Final = 0.1  # a value that never was a sign of anything is not remembered
_ABUSE: Final = ("abuse.partner", "abuse.sexual", "abuse.child", "abuse.dependent", "abuse.exploitation")
_PEAK_SIGNALS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {name: _ABUSE if name == "abuse" else (f"risk.{name}",) for name in PEAK_CLASSES}
)


@dataclass(frozen=True, slots=True)
class UserTurn:
    """One message of the person, read. ``replayed``: it stood in history that the session had not seen. ``question``: for
    history, the question that the message before it asked, as its text shows."""

    scores: Scores
    at: datetime
    key: str = ""  # hex of the turn's key; the same key again is a further attempt
    digest: str = ""  # hex of the conversation's digest up to this message
    replayed: bool = False
    question: int | None = None
    asked: bool = False  # ``question`` is to be used in place of the state's own


@dataclass(frozen=True, slots=True)
class Spoken:
    """What went out after the user's turn. ``ours``: digest of the message if it is Handrail's own, whole or in part.
    ``rules``: all that fired; ``said``: those of them whose words or resources went out, ``None`` where only the rules are
    known, which then all count."""

    at: datetime
    question: int | None = None
    variants: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    identity: bool = False
    digest: str = ""  # of the conversation after the reply
    ours: str = ""
    rules: tuple[str, ...] = ()
    said: tuple[str, ...] | None = None
    bands: Mapping[str, Band] = field(default_factory=dict)


def rank(state: str) -> int:
    """0 steady to 3 crisis."""
    # recovering ranks as distressed: a new sign of risk lifts it again at once
    return 1 if state == "recovering" else _STATES.index(state)


def _hit(scores: Scores, name: str, threshold: float = _HIT) -> bool:
    value = scores.value(name)
    return value is not None and value >= threshold


def read_answer(scores: Scores, rung: int) -> Answer:
    """What the turn says to the question on ``rung``. Whatever is neither yes nor no nor a refusal is unclear, never no."""
    best, word = _HIT, "unclear"
    for name in ("declines", "deny", "affirm"):  # at a tie the more careful reading wins
        value = scores.value(f"answer.{name}")
        if value is not None and value >= best:
            best, word = value, name
    return Answer(rung, word)


def _climb(ladder: Mapping[str, str], answer: Answer) -> dict[str, str]:
    climbed = dict(ladder)
    if answer.rung == 0:
        return climbed
    name = LADDER_RUNGS[answer.rung - 1]
    if answer.word == "affirm":
        climbed[name] = "affirmed"
    elif answer.word == "deny":
        climbed[name] = "denied"
    elif answer.word == "declines":
        climbed[name] = "declined"
    return climbed


def called_for(scores: Scores, answer: Answer | None = None) -> str:
    """The state that a turn alone calls for. ``answer``: what it does to the question that was open."""
    literal = not _hit(scores, "context.figurative")
    behaviour = scores.get("risk.suicide_behaviour")
    recent = behaviour.value is not None and behaviour.value >= _HIT and behaviour.tag != "earlier"
    affirmed = answer.rung if answer is not None and answer.word == "affirm" else 0
    unsafe = answer is not None and answer.rung == 0 and answer.word == "deny"
    if unsafe or affirmed >= 4 or any(_hit(scores, name) for name in _CRISIS) or recent:
        return "crisis"
    if affirmed:
        return "elevated"
    if _hit(scores, "risk.suicide_ge3"):
        return "elevated"
    if literal and any(_hit(scores, name) for name in _ELEVATED):
        return "elevated"
    if literal and any(_hit(scores, name) for name in _ABUSE):
        return "elevated"
    if literal and (
        _hit(scores, "risk.suicide", 0.3)
        or _hit(scores, "distress", 0.6)
        or _hit(scores, "warning.hopeless")
        or _hit(scores, "warning.burden")
        or _hit(scores, "warning.trapped")
    ):
        return "distressed"
    return "steady"


def _next_state(state: SessionState, wanted: str, ladder: Mapping[str, str], calm: int, at: datetime) -> str:
    now, question = state.state, state.question
    if rank(wanted) > rank(now):
        return wanted
    if now == "crisis":
        quiet = state.alarmed_at is None or at - state.alarmed_at >= _RECOVERY_TIME
        denied = ladder.get("intent") == "denied"
        return "recovering" if calm >= _RECOVERY_TURNS and quiet and question is None and denied else now
    if now == "recovering":
        over = state.since is not None and at - state.since >= RECOVERING_FOR
        return wanted if over else now
    if now == "elevated":
        quiet = state.alarmed_at is None or at - state.alarmed_at >= _ELEVATED_TIME
        return "distressed" if calm >= _ELEVATED_TURNS and quiet and question is None else now
    if now == "distressed":
        recent = state.trend.get("distress", ())[-2:]
        return "distressed" if wanted == "distressed" or any(value >= 0.4 for value in recent) else "steady"
    return now


def _raise_peaks(state: SessionState, turn: UserTurn, answer: Answer | None) -> dict[str, Peak]:
    peaks = dict(state.peaks)

    def lift(name: str, value: float) -> None:
        old = peaks.get(name)
        if old is None or value >= old.now(turn.at):
            peaks[name] = Peak(value, turn.at)

    for name in PEAK_CLASSES:
        value = max((turn.scores.value(signal) or 0.0 for signal in _PEAK_SIGNALS[name]), default=0.0)
        if value >= _FAINT:
            lift(name, value)
    if answer is not None and answer.word == "affirm" and answer.rung:
        for signal in IMPLIED_BY_YES[answer.rung]:
            lift(signal.removeprefix("risk."), _AFFIRMED)
    if answer is not None and answer.rung == 0 and answer.word == "deny":
        lift("suicide_imminent", _AFFIRMED)
    return peaks


def _bounded(items: Sequence[str], more: Sequence[str], size: int) -> tuple[str, ...]:
    merged = [item for item in items if item not in more]
    merged.extend(dict.fromkeys(more))
    return tuple(merged[-size:])


def advance(state: SessionState, turn: UserTurn) -> SessionState:
    """The session after one more message of the person.

    The same key again starts from the state before that turn, so a retry counts nothing twice; the key of an older turn
    changes nothing.
    """
    if turn.key and turn.key in state.recent:
        if turn.key != state.last_key or state.before is None:
            return state
        state = state.before
    scores = turn.scores
    question = turn.question if turn.asked else state.question
    answer = read_answer(scores, question) if question is not None else None
    ladder = _climb(state.ladder, answer) if answer is not None else dict(state.ladder)
    wanted = called_for(scores, answer)
    alarmed = rank(wanted) >= 2
    calm = 0 if alarmed or _hit(scores, "risk.suicide_ge2") else state.calm_turns + 1
    alarmed_at = turn.at if calm == 0 else state.alarmed_at

    trend = dict(state.trend)
    for name in _TRENDED:
        value = scores.value(name)
        if value is not None:
            trend[name] = (*trend.get(name, ()), value)[-_TREND:]
        elif scores.get(name).tier is Tier.OFF:
            trend.pop(name, None)  # what is forbidden now leaves nothing of what it was
    distress = scores.value("distress")
    smooth, slope = (state.smooth, state.slope) if "distress" in trend else (None, None)
    if distress is not None:
        smooth = distress if smooth is None else smooth + _SMOOTHING * (distress - smooth)
        slope = None if state.smooth is None else smooth - state.smooth

    behaviour = scores.get("risk.suicide_behaviour")
    asked = replace(state, question=None) if answer is not None else state
    after = _next_state(replace(asked, trend=trend), wanted, ladder, calm, turn.at)
    stated = [name for name in _STATED if _hit(scores, name)]
    advanced = replace(
        state,
        state=after,
        since=turn.at if after != state.state or state.since is None else state.since,
        started_at=state.started_at or turn.at,
        last_at=turn.at,
        turns=state.turns + 1,
        ladder=ladder,
        question=None,
        answer=answer,
        peaks=_raise_peaks(state, turn, answer),
        peaks_before={name: peak.now(turn.at) for name, peak in state.peaks.items()},
        trend=trend,
        smooth=smooth,
        slope=slope,
        calm_turns=calm,
        alarmed_at=alarmed_at,
        behaviour=behaviour.tag or "unknown" if _hit(scores, "risk.suicide_behaviour") else state.behaviour,
        known=_bounded(state.known, [turn.digest], _KNOWN) if turn.digest else state.known,
        stated=_bounded(state.stated, stated, 12),
        minor=state.minor or _hit(scores, "context.minor"),
        monitored=state.monitored or _hit(scores, "context.monitored"),
        language=scores.language or state.language,
        last_key=turn.key or state.last_key,
        recent=_bounded(state.recent, [turn.key], _RECENT) if turn.key else state.recent,
        before=replace(state, before=None) if turn.key else state.before,
    )
    return replace(advanced, forecast=forecast(advanced, scores))


def speak(state: SessionState, spoken: Spoken) -> SessionState:
    """The session after a reply went out."""
    ladder = dict(state.ladder)
    if spoken.question:
        name = LADDER_RUNGS[spoken.question - 1]
        if ladder.get(name, "not_asked") == "not_asked":
            ladder[name] = "asked"
    fired = dict(state.fired)
    for rule in spoken.rules:
        times = (*fired.pop(rule, ()), spoken.at)[-_FIRED_TIMES:]
        fired[rule] = times  # last fired stands last
    while len(fired) > _FIRED_RULES:
        del fired[next(iter(fired))]
    said = dict(state.said)
    for rule in spoken.rules if spoken.said is None else spoken.said:
        said.pop(rule, None)
        said[rule] = spoken.at
    while len(said) > _FIRED_RULES:
        del said[next(iter(said))]
    return replace(
        state,
        ladder=ladder,
        question=spoken.question if spoken.question is not None else state.question,
        spoken=_bounded(state.spoken, spoken.variants, _SPOKEN),
        shown=_bounded(state.shown, spoken.resources, _SHOWN),
        identity_at=spoken.at if spoken.identity else state.identity_at,
        known=_bounded(state.known, [spoken.digest], _KNOWN) if spoken.digest else state.known,
        ours=_bounded(state.ours, [spoken.ours], _OURS) if spoken.ours else state.ours,
        fired=fired,
        said=said,
        bands=dict(spoken.bands) or state.bands,
    )


def dispose(state: SessionState, at: datetime) -> SessionState:
    """The session after a person's disposition: out of crisis, into recovering."""
    if state.state != "crisis":
        return state
    return replace(state, state="recovering", since=at)


def view(state: SessionState, now: datetime, *, question_before: int | None = None) -> SessionView:
    """What a policy may read. ``question_before``: the question that was open before this turn."""
    started, last = state.started_at or now, state.last_at or now
    return SessionView(
        state=state.state,
        question_open=question_before if question_before is not None else state.question,
        ladder={rung: state.ladder.get(rung, "not_asked") for rung in LADDER_RUNGS},
        peaks={name: peak.now(now) for name, peak in state.peaks.items()},
        peaks_before=state.peaks_before,
        bands=state.bands,
        fired=state.fired,
        said=state.said,
        trend=state.trend,
        turns=state.turns,
        minutes=max(0.0, (now - started).total_seconds() / 60),
        silent_minutes=max(0.0, (now - last).total_seconds() / 60),
        distress_trend=state.slope,
        forecast=state.forecast,
    )


def _replied(state: SessionState, other: SessionState) -> bool:
    """Whether both end with the same turn, and ``state`` alone knows what was said to it."""
    if not state.known or not other.known or (state.last_key, state.turns) != (other.last_key, other.turns):
        return False
    return other.known[-1] in state.known and state.known[-1] not in other.known


def merge(stored: Mapping[str, Any] | None, journaled: Mapping[str, Any]) -> dict[str, Any]:
    """Two states of one session that were written apart (the database was away): the more careful of each.

    The one with more turns goes on, of two that end with the same turn the one that has the reply to it; states and peaks
    are the higher ones; an open question stays open.
    """
    left, right = from_json(stored), from_json(journaled)
    base, other = (left, right) if left.turns > right.turns or _replied(left, right) else (right, left)
    peaks = dict(base.peaks)
    for name, peak in other.peaks.items():
        if name not in peaks or peak.value > peaks[name].value:
            peaks[name] = peak
    worse = base if rank(base.state) >= rank(other.state) else other
    return to_json(
        replace(
            base,
            state=worse.state,
            since=worse.since,
            peaks=peaks,
            question=base.question if base.question is not None else other.question,
            known=_bounded(other.known, base.known, _KNOWN),
            ours=_bounded(other.ours, base.ours, _OURS),
            spoken=_bounded(other.spoken, base.spoken, _SPOKEN),
            shown=_bounded(other.shown, base.shown, _SHOWN),
            minor=base.minor or other.minor,
            monitored=base.monitored or other.monitored,
        )
    )
