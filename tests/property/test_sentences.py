"""Where a text may be cut: the same whichever way it came, and never too long."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors.sentences import LONGEST, SHORTEST, boundaries, split

PIECES = [
    "I hear you", "That sounds hard", " ", "  ", ".", "!", "?", "…", "...", "?!", '"', "”", ")", "*", "\n",
    "\r\n", "。", "！", "」", "।",
    "؟", "3", ".5", "e.g.", "Dr.", "x" * 90, "y" * 401, "死にたい", "です", "word ", "a, b",
    "https://a.example/b.c?d", "\ud83d", "👋",
    "!" * 9, "。" * 9, "\u2028",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=80)


@given(TEXTS)
@settings(max_examples=400)
@example("x" * 1300)
@example(("x" * 150 + " ") * 12)
def test_sentences_cover_the_text_and_are_bounded(text: str) -> None:
    cuts = boundaries(text)
    assert cuts == sorted(set(cuts))
    assert all(0 < cut <= len(text) for cut in cuts)
    spans = split(text)
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(0 < end - start <= LONGEST for start, end in spans)
    assert [end for _, end in spans][: len(cuts)] == cuts


@given(TEXTS)
@settings(max_examples=400)
def test_only_a_long_text_is_cut_where_no_sentence_ends(text: str) -> None:
    start = 0
    for cut in boundaries(text):
        sentence = text[start:cut]
        assert len(sentence) >= SHORTEST
        assert len(sentence) > LONGEST // 2 or sentence.rstrip("\"'”’)]*_」』")[-1:] in ".!?…。！？｡؟۔।\n"
        start = cut


@given(TEXTS, st.integers(0, 400))
@settings(max_examples=600)
def test_a_cut_with_text_after_it_stays(text: str, seen: int) -> None:
    """Whatever comes later, a stream's released sentence is a sentence of the whole."""
    found = boundaries(text[:seen])
    inner = [cut for cut in found if cut < min(seen, len(text))]
    assert boundaries(text)[: len(inner)] == inner


@given(TEXTS)
@settings(max_examples=400)
def test_after_a_cut_the_text_is_read_as_if_it_began_there(text: str) -> None:
    """The gate drops what it has asked about and looks at the rest alone."""
    cuts = boundaries(text)
    for at, cut in enumerate(cuts):
        assert boundaries(text[cut:]) == [later - cut for later in cuts[at + 1 :]]


@given(TEXTS, st.lists(st.integers(1, 30), min_size=1, max_size=20))
@settings(max_examples=400)
def test_under_any_chunks_the_pieces_are_the_text(text: str, sizes: list[int]) -> None:
    """As the gate does it: the open rest and the next chunk are cut together. A chunk that ends at a terminator may add a
    cut; no character is lost, and no piece is longer or shorter than it may be."""
    pieces: list[str] = []
    rest = ""
    at = turn = 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        rest += text[at : at + size]
        at, turn = at + size, turn + 1
        start = 0
        for cut in boundaries(rest):
            pieces.append(rest[start:cut])
            start = cut
        rest = rest[start:]
        assert len(rest) <= LONGEST
    assert "".join(pieces) + rest == text
    assert all(SHORTEST <= len(piece) <= LONGEST for piece in pieces)


@given(TEXTS)
def test_one_character_at_a_time_finds_no_other_cuts(text: str) -> None:
    """The cuts of every prefix, once more text has come, are those of the whole."""
    kept: set[int] = set()
    for seen in range(1, min(len(text), 120) + 1):
        kept.update(cut for cut in boundaries(text[:seen]) if cut < seen)
    whole = boundaries(text[:120])
    assert kept <= set(whole)


@given(st.sampled_from([".", "。", "!", " ", "x", '."', "\n", ". ", "x. "]), st.integers(1, 4))
def test_cuts_are_no_more_than_the_text_has_room_for(piece: str, times: int) -> None:
    text = piece * (3000 * times)
    assert len(boundaries(text)) <= len(text) // SHORTEST + 1
