"""The chain of the audit log: whatever is done to one row, or to their order, shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from guard.records.audit_chain import Break, Chain, Follower, Link, digest

_TENANT = UUID(int=7)
_words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
_rows = st.lists(st.tuples(st.integers(0, 2**52), _words, _words, _words, _words), min_size=2, max_size=8)


def _chain(rows: list[tuple[int, str, str, str, str]]) -> list[Link]:
    links: list[Link] = []
    for seq, (at, actor, action, subject, detail) in enumerate(rows, 1):
        previous = links[-1].hash if links else bytes(32)
        link = Link(seq, str(at), actor, action, subject, detail, previous, b"")
        links.append(replace(link, hash=digest(_TENANT, link)))
    return links


def _head(links: list[Link]) -> Chain:
    return Chain(_TENANT, "t", links[-1].seq, links[-1].hash, None)


def _follow(links: list[Link], head: Chain, anchors: dict[int, bytes] | None = None) -> tuple[int, Break | None]:
    follower = Follower(_TENANT, anchors)
    for link in links:
        found = follower.next(link)
        if found is not None:
            return follower.rows, found
    return follower.rows, follower.end(head)


@given(_rows)
def test_what_was_written_is_whole(rows: list[tuple[int, str, str, str, str]]) -> None:
    links = _chain(rows)
    assert _follow(links, _head(links), {link.seq: link.hash for link in links}) == (len(links), None)


@given(_rows, st.data())
def test_a_changed_row_is_named(rows: list[tuple[int, str, str, str, str]], data: st.DataObject) -> None:
    """In any field, its hash or its link included; the rows before it are whole."""
    links = _chain(rows)
    at = data.draw(st.integers(0, len(links) - 1))
    name = data.draw(st.sampled_from(["microseconds", "actor", "action", "subject", "detail", "previous", "hash"]))
    old = getattr(links[at], name)
    new: Any = data.draw(st.binary(min_size=32, max_size=32) if isinstance(old, bytes) else _words)
    if new == old:
        return
    changed = [*links[:at], replace(links[at], **{name: new}), *links[at + 1 :]]
    whole, found = _follow(changed, _head(links))
    assert found is not None
    assert whole == at
    assert found.seq == at + 1


@given(_rows, st.data())
def test_a_character_does_not_wander_from_one_field_into_the_next(
    rows: list[tuple[int, str, str, str, str]], data: st.DataObject
) -> None:
    link = _chain(rows)[0]
    sign = data.draw(st.sampled_from("0123456789:, "))
    one = replace(link, actor=link.actor + sign)
    other = replace(link, action=sign + link.action)
    assert len({digest(_TENANT, link), digest(_TENANT, one), digest(_TENANT, other)}) == 3


@given(_rows, st.data())
def test_missing_and_swapped_rows_are_named(rows: list[tuple[int, str, str, str, str]], data: st.DataObject) -> None:
    links = _chain(rows)
    at = data.draw(st.integers(0, len(links) - 1))
    whole, found = _follow([*links[:at], *links[at + 1 :]], _head(links))
    assert (whole, found and found.seq) == (at, at + 1)

    other = data.draw(st.integers(0, len(links) - 1).filter(lambda place: place != at))
    swapped = list(links)  # what two rows say is exchanged, and each keeps its number
    swapped[at], swapped[other] = replace(links[other], seq=at + 1), replace(links[at], seq=other + 1)
    whole, found = _follow(swapped, _head(links))
    first = min(at, other)
    assert (whole, found and found.seq) == (first, first + 1)


@given(_rows, st.integers(1, 7))
def test_an_end_that_was_cut_off_shows_by_the_head_and_else_by_an_anchor(
    rows: list[tuple[int, str, str, str, str]], cut: int
) -> None:
    links = _chain(rows)
    left = links[: max(1, len(links) - cut)]
    whole, found = _follow(left, _head(links))
    assert (whole, found and found.seq) == (len(left), None if left == links else len(left) + 1)
    if left == links:
        return
    assert _follow(left, _head(left))[1] is None, "the head moved back with it: this is what anchors are for"
    _, found = _follow(left, _head(left), {links[-1].seq: links[-1].hash})
    assert found is not None
    gone = Chain(_TENANT, "t", None, None, None)
    assert _follow(left, gone)[1] is not None


@given(_rows, st.data())
def test_a_chain_that_was_written_anew_shows_by_an_anchor(
    rows: list[tuple[int, str, str, str, str]], data: st.DataObject
) -> None:
    links = _chain(rows)
    at = data.draw(st.integers(0, len(links) - 1))
    anew = _chain([(*row[:1], row[1] + "x", *row[2:]) if place == at else row for place, row in enumerate(rows)])
    assert _follow(anew, _head(anew))[1] is None
    whole, found = _follow(anew, _head(anew), {links[-1].seq: links[-1].hash})
    assert found is not None
    assert whole == len(links) - 1


def test_an_instant_that_is_none_does_not_stop_the_walk() -> None:
    """Somebody wrote 'infinity' over it: the row is named, without a time."""
    (link,) = _chain([(1, "a", "b", "c", "d")])
    assert link.at == datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    _, found = _follow([replace(link, microseconds="Infinity")], _head([link]))
    assert found is not None
    assert found.at is None
