"""Reading level: plain texts are easy, dense ones are not."""

from __future__ import annotations

from policies.completions.reading import grade, sentences, words


def test_counting() -> None:
    assert words("Call 116 123 now, don't wait.") == ["Call", "116 123", "now", "don't", "wait"]
    assert sentences("One. Two?\n\nThree") == ["One.", "Two?", "Three"]
    assert grade("") == 0.0


def test_plain_words_read_more_easily_than_dense_ones() -> None:
    assert grade("We can go slowly. You can tell me more.") < 3
    assert grade("Organisational considerations necessitate comprehensive psychological evaluation procedures.") > 12
