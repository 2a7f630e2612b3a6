"""What an epoch draws."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from detectors.encoder.framing import Framer
from detectors.encoder.heads import HEADS
from detectors.signals import Side
from detectors.training.batches import draw, drawn, positive_weights
from detectors.training.example import Example
from tests.unit.detectors.encoder.wordpiece import tokenizer


def _examples(edition: int, count: int, risk: float) -> list[Example]:
    one = Example("corpus", "g", Side.USER, "hello", {"risk.suicide": risk}, edition=edition)
    return [replace(one, group=f"{edition}/{at}") for at in range(count)]


def test_an_edition_is_drawn_as_is_said_of_it_and_all_others_as_is_said_of_the_corpus() -> None:
    mixture = {"corpus": 0.5, "corpus/4": 2.0}
    examples = [*_examples(1, 20, 0.0), *_examples(4, 10, 1.0)]
    assert [drawn(examples[at], mixture) for at in (0, 20)] == [0.5, 2.0]
    column = HEADS.index("risk.suicide")
    counted = Counter[float]()
    for batch in draw(examples, Framer(tokenizer()), mixture, seed=1, epoch=0, size=8):
        counted.update(batch.labels[:, column].tolist())
    assert counted == {0.0: 10, 1.0: 20}
    assert float(positive_weights(examples, mixture)[column]) == 1.0
    assert float(positive_weights(examples, {"corpus": 1.0})[column]) == pytest.approx(2**0.5)
