"""The tenant's own address for a conversation, and cursors of the queue."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.signals import Scores, Side, Tier, vocabulary
from guard.review.casefile import deep_link
from guard.review.queue import Cursor
from guard.review.timeline import estimates

_TURN = UUID("01900000-0000-7000-8000-000000000001")
_SESSION = UUID("01900000-0000-7000-8000-000000000002")
_CASE = UUID("01900000-0000-7000-8000-000000000003")


@pytest.mark.parametrize(
    ("template", "link"),
    [
        ("https://support.example.org/chats?turn={turn}", f"https://support.example.org/chats?turn={_TURN}"),
        ("https://a.example/{session}/{case}#{turn}", f"https://a.example/{_SESSION}/{_CASE}#{_TURN}"),
        ("https://a.example/", "https://a.example/"),
        (None, None),
        ("", None),
        ("http://a.example/{turn}", None),
        ("javascript:alert('{turn}')", None),
        ("https://{turn}.example/", None),
        ("https://user:word@a.example/{turn}", None),
        ("https://a.example/{person}", None),
        ("https://a.example/{turn.int}", None),
        ("https://a.example/{0}", None),
        ("https://a.example/{turn", None),
        ('https://a.example/"onclick="x', None),
        ("https://a.example/a b", None),
        ("https://[a.example/{turn}", None),
        ("https:///{turn}", None),
    ],
)
def test_only_an_https_address_with_known_places_is_followed(template: str | None, link: str | None) -> None:
    assert deep_link(template, turn=_TURN, session=_SESSION, case=_CASE) == link


def test_a_place_that_cannot_be_filled_gives_no_link() -> None:
    assert deep_link("https://a.example/{session}", turn=_TURN, session=None, case=_CASE) is None


def test_screens_are_told_where_they_are_asked_for_and_push_nothing_out() -> None:
    risks = [signal.name for signal in vocabulary(Side.USER) if signal.name.startswith("risk.suicide_ge")]
    warnings = [signal.name for signal in vocabulary(Side.USER) if signal.name.startswith("warning.")]
    values = dict.fromkeys((*risks, *warnings), 0.5) | {"screen.depression": 0.9, "screen.anxiety": 0.05}
    sides = {Side.USER: Scores.of(Side.USER, "test@1", values, tier=Tier.FULL)}
    without = [estimate.name for estimate in estimates(sides, screens=False)]
    assert [estimate.name for estimate in estimates(sides, screens=True)] == [*without, "screen.depression"]
    assert len(without) == 8
    assert not {"screen.depression", "screen.anxiety"} & set(without)


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.booleans(),
    st.integers(0, 4),
    st.datetimes(timezones=st.just(UTC)),
    st.uuids(),
)
def test_cursors_come_back_as_they_went(as_of: datetime, late: bool, severity: int, due: datetime, case: UUID) -> None:
    cursor = Cursor(as_of, late, severity, due, case)
    assert Cursor.unpacked(cursor.packed()) == cursor


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
def test_anything_else_is_no_cursor(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Cursor.unpacked(text)
