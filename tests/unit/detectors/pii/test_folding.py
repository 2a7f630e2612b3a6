"""What hides a number or an address is undone, and the way back is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.pii.folding import fold


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Tom@x.com 07700", "Tom@x.com 07700"),
        ("ｔｏｍ＠ｘ．ｃｏｍ", "tom@x.com"),
        ("t\u200bo\u2060m\ufeff", "tom"),
        ("٠٧٧٠٠ ९००", "07700 900"),
        ("𝓣𝓸𝓶", "Tom"),
        ("Zoë Ñandú", "Zoë Ñandú"),
        ("\ud800x", "\ufffdx"),
        ("☎\ufe0f 5", "☎ 5"),
    ],
)
def test_it_reads_what_a_person_reads(text: str, plain: str) -> None:
    assert fold(text).text == plain


@given(st.text(st.characters(codec=None), max_size=60))
def test_the_way_back_never_leaves_the_text(text: str) -> None:
    found = fold(text)
    assert len(found.text) == len(found.starts) == len(found.ends)
    assert all(0 <= start < end <= len(text) for start, end in zip(found.starts, found.ends, strict=True))
    assert list(found.starts) == sorted(found.starts)
    assert list(found.ends) == sorted(found.ends)
    for at in range(len(found.text)):
        assert found.span(at, at + 1) == (found.starts[at], found.ends[at])
