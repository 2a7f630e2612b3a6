"""Redaction of any text with the shipped head: spans that stand, nothing left to find, never an error."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from detectors.errors import SearchStopped
from detectors.pii.entity import PLACEHOLDER, Redacted, replaced
from detectors.pii.redactor import Redactor

SAID = [
    "Tom", "my brother ", "sarah khan", " in Leeds", "i live at 14 elm street", "a@b.com", "07700 900123", "555-123-4567",
    "GB82 WEST 1234 5698 7654 32", "4111 1111 1111 1111", "123-45-6789", "988", "2019-2020", "https://x.org/a?b",
    "<PERSON>", "<PHONE_NUMBER>", "<", ">", "@", " at ", "dob: 1/2/1990", "\u200b", "\u200d", "\u202e", "\ufeff", "\ud800",
    "שלום", "محمد", "王小明", "Владимир", "😀", "👨‍👩‍👧", "ﷺ", "½", "٠٧٧٠٠", "ｔｏｍ",
    "é", "e\u0301", "\n", " ", "  ", ". ", ",", "'s",
    "Dr. ", "mr ", "i want to die", "WHY ME", "Acme Ltd", "the royal infirmary", "\x00", "1", "-", "(", ")", "#",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(SAID), max_size=24).map("".join) | st.text(st.characters(codec=None), max_size=60)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor.load()


def _stands(text: str, found: Redacted) -> None:
    assert all(0 <= one.start < one.end <= len(text) for one in found.entities)
    assert all(before.end <= after.start for before, after in pairwise(found.entities))
    assert found.text == replaced(text, found.entities)
    taken = [match.span() for match in PLACEHOLDER.finditer(text)]
    assert all(one.end <= start or one.start >= end for one in found.entities for start, end in taken)


@FEW
@given(TEXTS)
@example("<PERSON>Tom<PERSON> a@b.com<US_SSN>")
@example("a@b.com" * 3)
@example("my name is Tom Tom Tom and Tom's <PERSON>")
def test_spans_stand_and_nothing_is_left_to_find(redactor: Redactor, text: str) -> None:
    """What was redacted once is redacted: a second time changes nothing."""
    found = redactor.redact(text)
    _stands(text, found)
    again = redactor.redact(found.text)
    assert (again.text, again.entities) == (found.text, ())


@FEW
@given(
    st.text(st.sampled_from("abc XYZ😀é\u200b\n,."), max_size=30),
    st.sampled_from(["tom.smith@example.com", "07700 900123", "GB82 WEST 1234 5698 7654 32", "https://example.com/tom"]),
    st.text(st.sampled_from("abc XYZ😀é\n,."), max_size=30),
)
def test_what_is_put_into_any_sentence_is_gone(redactor: Redactor, before: str, said: str, after: str) -> None:
    """Offsets are those of the text as received."""
    text = f"{before} {said} {after}"
    found = redactor.redact(text)
    start = len(before) + 1
    assert any(one.start <= start and one.end >= start + len(said) for one in found.entities)
    assert said not in found.text


def test_a_search_that_is_stopped_ends_between_two_passages(redactor: Redactor) -> None:
    asked = iter((False, False, True))
    with pytest.raises(SearchStopped):
        redactor.redact("write to ann@example.com, " * 400, stop=lambda: next(asked))
    assert redactor.redact("ann@example.com", stop=lambda: False).text == "<EMAIL_ADDRESS>"
