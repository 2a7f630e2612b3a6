"""Entities that overlap, that stand beside placeholders, and the text without them."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from detectors.pii.entity import PLACEHOLDER, Entity, apart, replaced, united

SPANS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(1, 12)), max_size=12)


def test_what_overlaps_becomes_one_of_the_type_that_comes_first() -> None:
    found = united([(5, Entity(0, 8, "PERSON")), (0, Entity(4, 12, "EMAIL_ADDRESS")), (1, Entity(20, 22, "URL"))])
    assert found == [Entity(0, 12, "EMAIL_ADDRESS"), Entity(20, 22, "URL")]


@given(SPANS)
def test_united_entities_cover_the_same_and_never_overlap(spans: list[tuple[int, int, int]]) -> None:
    ranked = [(rank, Entity(start, start + size, "ABCD"[rank])) for rank, start, size in spans]
    found = united(ranked)
    covered = {at for _, entity in ranked for at in range(entity.start, entity.end)}
    assert {at for entity in found for at in range(entity.start, entity.end)} == covered
    assert all(before.end <= after.start for before, after in itertools.pairwise(found))


@given(SPANS, SPANS)
def test_apart_leaves_out_just_what_is_taken(spans: list[tuple[int, int, int]], taken: list[tuple[int, int, int]]) -> None:
    entities = united((rank, Entity(start, start + size, "A")) for rank, start, size in spans)
    places = [(entity.start, entity.end) for entity in united((r, Entity(s, s + n, "B")) for r, s, n in taken)]
    kept = {at for entity in apart(entities, places) for at in range(entity.start, entity.end)}
    there = {at for entity in entities for at in range(entity.start, entity.end)}
    assert kept == there - {at for start, end in places for at in range(start, end)}


def test_placeholders_stand_in_the_place() -> None:
    assert replaced("hi tom, bye", [Entity(3, 6, "PERSON")]) == "hi <PERSON>, bye"
    assert [match.group() for match in PLACEHOLDER.finditer("<PERSON> <US_SSN> <b> <3 <A>")] == ["<PERSON>", "<US_SSN>"]
