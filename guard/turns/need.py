"""From a decision and a session to what a completion needs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from guard.turns.contract import Identity
from guard.turns.questions import asked_of_now
from guard.turns.session import SessionState
from policies.completions.contract import Need
from policies.decision import VULNERABLE, Decision, Person

__all__ = ["country_of", "need_of"]

_IDENTITY_EVERY: Final = timedelta(hours=24)
_URGENT: Final = 4
_LEVELS: Final = ("suicide", "suicide_ge2", "suicide_ge3", "suicide_ge4", "suicide_ge5")
_HIT: Final = 0.5
_FAINT: Final = 0.3
_RISKS: Final = (*_LEVELS, "self_harm", "suicide_behaviour")
_OF_NOW: Final = frozenset({"can-call", "ladder-0", "voices-safe"})  # variants of the questions of rung 0


def country_of(person: Person, default: str | None) -> str | None:
    """ISO 3166-1 alpha-2: what the request says of jurisdiction, else of locale, else the operator's default."""
    if person.jurisdiction:
        return person.jurisdiction[:2].upper()
    if person.locale:
        parts = person.locale.replace("_", "-").split("-")
        for part in parts[1:]:
            if len(part) == 1:
                break  # an extension begins: its keys are no regions (RFC 5646, 2.2.6)
            if len(part) == 2 and part.isalpha():
                return part.upper()
    return default


def _people(identity: Identity, state: SessionState, case_open: bool) -> str:
    # of a tenant with hours nobody knows whether this is one of them, so nothing is said of its people
    if identity.people != "always":
        return "nobody"
    if case_open:
        return "open"
    # an earlier turn may have opened a case that somebody reads
    return "unknown" if state.state in VULNERABLE else "nobody"


def _level(state: SessionState, now: datetime) -> int:
    """The highest level of ideation, 0 to 5, that this turn or an earlier one of the session shows."""
    hits = (level for level, name in enumerate(_LEVELS, 1) if name in state.peaks and state.peaks[name].now(now) >= _HIT)
    return max(hits, default=0)


def _at_risk(state: SessionState, now: datetime) -> bool:
    """Whether suicide or self-harm was spoken of in this session, if only faintly."""
    return any(name in state.peaks and state.peaks[name].now(now) >= _FAINT for name in _RISKS)


def _asked_of_now(before: str, state: SessionState) -> str | None:
    """Which question of rung 0 was asked last: by the words that the person answers, else by what the session heard."""
    in_words = asked_of_now(before)
    return in_words or next((variant for variant in reversed(state.spoken) if variant in _OF_NOW), None)


def need_of(
    template: str,
    decision: Decision,
    state: SessionState,
    *,
    now: datetime,
    identity: Identity,
    person: Person,
    default_country: str | None,
    seed: bytes,
    words: str,
    before: str,
    case_open: bool,
    identity_spoken: bool,
    asked_last: bool,
    declining: bool,
    reply_asks: bool = False,
) -> Need:
    """What :class:`policies.completions.contract.Composer` composes from. Pure.

    ``before``: the message that the person's own one followed, empty where it is not known.
    """
    recent = identity_spoken or (state.identity_at is not None and now - state.identity_at < _IDENTITY_EVERY)
    answer = state.answer
    return Need(
        template=template,
        severity=decision.severity,
        seed=seed,
        country=country_of(person, default_country),
        language="en",
        age=person.age,
        state=state.state,
        ladder=state.ladder,
        level=_level(state, now),
        answered=answer.word if answer else None,
        answered_rung=answer.rung if answer else None,
        asked_of_now=_asked_of_now(before, state),
        refer=decision.refer,
        people=_people(identity, state, case_open),
        identity_due=decision.severity >= _URGENT or not recent,
        declining=declining,
        monitored=state.monitored,
        minor=person.age == "minor" or state.minor,
        behaviour_recency=state.behaviour,
        stated=frozenset(state.stated),
        spoken=frozenset(state.spoken),
        shown=frozenset(state.shown),
        reply_asks=reply_asks,
        at_risk=_at_risk(state, now),
        asked_last=asked_last,
        words=words,
    )
