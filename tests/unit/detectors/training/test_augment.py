"""Other ways of writing the same."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from detectors.training.augment import augment


@given(st.text(max_size=80), st.integers(0, 1000))
def test_any_text_is_rewritten_the_same_way_by_the_same_seed(text: str, seed: int) -> None:
    found = augment(text, Random(seed))
    assert found == augment(text, Random(seed))
    if any(map(str.isalnum, text)):
        assert found.strip()


def test_all_ways_come_up() -> None:
    text = "I want to kill myself, because people don't care. It's over."
    found = {augment(text, Random(seed)) for seed in range(400)}
    assert text in found
    assert any("kms" in other for other in found)
    assert any("ppl" in other for other in found)
    assert any("." not in other and "," not in other for other in found)
    assert any(other.isupper() for other in found)
    assert any("😭" in other for other in found)


def test_a_medicine_gets_a_name_and_a_number_its_digits() -> None:
    found = {augment("I took twenty tablets with the other pills", Random(seed)) for seed in range(400)}
    assert any("twenty ibuprofen with the other pills" in other for other in found)
    assert any("20 tablets" in other for other in found)
