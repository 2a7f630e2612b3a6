"""What is packed for the database or the journal comes back."""

from __future__ import annotations

import math
import struct
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.signals import BY_ID, VOCABULARY_VERSION, Scores, Side, Tier, vocabulary
from guard.records.contract import CaseIntent, Referral, TurnEntry, TurnText
from guard.records.packing import pack_tiers, pack_values, unpack, unpack_tiers
from guard.records.snapshot import Snapshot, decode, encode
from guard.turns.contract import Delivered, Identity, Status
from policies.decision import Action, Outcome, RuleResult

_instants = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
_hashes = st.binary(min_size=32, max_size=32)
_words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@st.composite
def _scores(draw: st.DrawFn, side: Side) -> Scores:
    words = vocabulary(side)
    tiers = draw(st.binary(min_size=len(words), max_size=len(words)).map(lambda raw: bytes(byte & 3 for byte in raw)))
    value = st.floats(allow_nan=False, allow_infinity=False, width=64)
    values = [draw(value) if tier >= Tier.LEXICON else math.nan for tier in tiers]
    names = [signal.name for signal, tier in zip(words, tiers, strict=True) if tier >= Tier.LEXICON][:4]
    spans = {name: (number, number + 3) for number, name in enumerate(names)}
    return Scores(side, "model@1", tuple(values), tiers, spans, dict.fromkeys(names[:1], "now"), "de", covered=False)


def _single(value: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.inf


@given(st.binary(max_size=300).map(lambda raw: bytes(byte & 3 for byte in raw)))
def test_tiers_come_back(tiers: bytes) -> None:
    packed = pack_tiers(tiers)
    assert len(packed) == (len(tiers) + 3) // 4
    assert unpack_tiers(packed, len(tiers)) == tiers


@settings(max_examples=100)
@given(st.sampled_from([Side.USER, Side.REPLY]).flatmap(_scores))
def test_scores_come_back_in_single_precision(scores: Scores) -> None:
    ids = [signal.id for signal in vocabulary(scores.side)]
    back = unpack(
        scores.side,
        ids,
        pack_values(scores),
        pack_tiers(scores.tiers),
        model=scores.model,
        spans=scores.spans,
        tags=scores.tags,
        language=scores.language,
        covered=scores.covered,
    )
    for signal in vocabulary(scores.side):
        was, now = scores.get(signal.name), back.get(signal.name)
        if was.value is not None and math.isfinite(_single(was.value)):
            assert now.value == _single(was.value)
            assert (now.tier, now.span, now.tag) == (was.tier, was.span, was.tag)
        else:
            assert now.value is None
            assert now.tier == (was.tier if was.value is None else Tier.MISSING)
    assert (back.model, back.language, back.covered) == (scores.model, scores.language, scores.covered)


@settings(max_examples=100)
@given(_scores(Side.USER), st.data())
def test_scores_of_another_vocabulary_keep_what_both_have(scores: Scores, data: st.DataObject) -> None:
    ids = [signal.id for signal in vocabulary(Side.USER)]
    kept = sorted(data.draw(st.sets(st.sampled_from(ids), min_size=1)))
    places = [ids.index(signal_id) for signal_id in kept]
    values = pack_values(scores)
    back = unpack(
        Side.USER,
        [*kept, 99_999],  # a signal that today's code does not have
        [*(values[place] for place in places), 0.5],
        pack_tiers(bytes([*(scores.tiers[place] for place in places), Tier.FULL])),
        model="m@1",
    )
    for signal in vocabulary(Side.USER):
        if signal.id not in kept:
            assert back.get(signal.name).tier is Tier.MISSING
    for place, signal_id in zip(places, kept, strict=True):
        assert back.value(BY_ID[signal_id].name) == values[place]


_entries = st.builds(
    TurnEntry,
    identity=st.builds(
        Identity,
        st.uuids(),
        _words,
        _words,
        st.sampled_from(["none", "hours"]),
        st.booleans(),
        st.frozensets(_words, max_size=3),
    ),
    turn_id=st.uuids(),
    at=_instants,
    attempt=st.integers(1, 9),
    key=_hashes,
    protocol=_words,
    status=st.sampled_from(Status),
    action=st.sampled_from(Action),
    severity=st.integers(0, 4),
    policy=_words,
    vocabulary=st.just(VOCABULARY_VERSION),
    session_id=st.none() | st.uuids(),
    session_key=st.none() | _hashes,
    person=st.none() | _hashes,
    ordinal=st.integers(0, 1000),
    streamed=st.booleans(),
    replayed=st.integers(0, 32),
    branch=st.booleans(),
    zone=st.none() | _words,
    unscored=st.lists(_words, max_size=3).map(tuple),
    delivered=st.sampled_from(Delivered),
    user=st.none() | _scores(Side.USER),
    reply=st.none() | _scores(Side.REPLY),
    rules=st.lists(
        st.builds(RuleResult, _words, st.integers(0, 4), st.sampled_from(Outcome), st.none() | _words), max_size=3
    ).map(tuple),
    spoken=st.dictionaries(_words, st.lists(_words, max_size=2), max_size=2),
    referral=st.none()
    | st.builds(
        Referral,
        st.lists(_words, max_size=2).map(tuple),
        st.lists(_words, max_size=2).map(tuple),
        _words,
        st.booleans(),
    ),
    case=st.none()
    | st.builds(CaseIntent, _hashes, st.integers(0, 4), _words, st.lists(_words, max_size=2).map(tuple), _instants),
    text=st.builds(TurnText, st.text(max_size=30), st.text(max_size=30)),  # lone surrogates included
    session=st.none(),
)


@settings(max_examples=150)
@given(
    _entries, _instants, st.none() | st.dictionaries(_words, st.integers(0, 99), max_size=3), st.integers(0, 99), st.uuids()
)
def test_a_journaled_entry_comes_back(
    entry: TurnEntry, recorded_at: datetime, state: dict[str, int] | None, base: int, journal_id: UUID
) -> None:
    snapshot = Snapshot(entry, recorded_at, state=state, base=base)
    back = decode(encode(snapshot), journal_id)
    assert back.journal_id == journal_id
    assert (back.recorded_at, back.state, back.base) == (recorded_at, state, base)
    for name in TurnEntry.__dataclass_fields__:
        was, now = getattr(entry, name), getattr(back.entry, name)
        if isinstance(was, Scores):
            assert repr(was) == repr(now)
        else:
            assert was == now, name
