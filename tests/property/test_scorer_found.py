"""What a search's messages carry is what was put into them, and bytes that are none of them are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.errors import WireError
from detectors.pii.entity import Entity
from detectors.scorer.found import (
    Found,
    decode_find,
    decode_found,
    encode_find,
    encode_found,
    pack_entities,
    unpack_entities,
)
from detectors.scorer.wire import Outcome

TYPES = st.sampled_from(["PERSON", "LOCATION", "EMAIL_ADDRESS", "US_SSN"])


@st.composite
def rows(draw: st.DrawFn) -> tuple[Entity, ...]:
    """Entities in order, apart from each other."""
    found, at = [], 0
    for _ in range(draw(st.integers(0, 6))):
        start = at + draw(st.integers(0, 2**20))
        at = start + draw(st.integers(1, 2**20))
        found.append(Entity(start, at, draw(TYPES)))
    return tuple(found)


@given(rows())
def test_entities_come_back(entities: tuple[Entity, ...]) -> None:
    packed = pack_entities(entities)
    assert unpack_entities(packed) == entities
    found = Found(Outcome.SCORED, packed)
    assert decode_found(encode_found(found)) == found


@given(st.text(), st.floats(-10, 1e6))
def test_a_search_comes_back(text: str, seconds: float) -> None:
    assert decode_find(encode_find(text, seconds)) == (seconds, text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=60))
def test_bytes_that_are_none_are_told(raw: bytes) -> None:
    for decode in (decode_find, decode_found, unpack_entities):
        try:
            decode(raw)
        except WireError:
            continue


@given(rows().filter(bool), st.data())
def test_no_entities_are_made_up_of_what_was_cut_or_changed(entities: tuple[Entity, ...], data: st.DataObject) -> None:
    packed = pack_entities(entities)
    with pytest.raises(WireError):
        unpack_entities(packed[: data.draw(st.integers(0, len(packed) - 1))])
    with pytest.raises(WireError):
        unpack_entities(packed + b"\0")
    if len(entities) > 1:
        with pytest.raises(WireError):
            unpack_entities(pack_entities(tuple(reversed(entities))))


@pytest.mark.parametrize("seconds", [float("nan"), float("inf")])
def test_a_deadline_is_a_number(seconds: float) -> None:
    with pytest.raises(WireError):
        decode_find(encode_find("x", seconds))
