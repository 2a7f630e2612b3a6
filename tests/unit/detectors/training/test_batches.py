"""What an epoch draws."""

from __future__ import annotations

import itertools
import multiprocessing
from collections import Counter
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from detectors.contract import Speaker, Utterance
from detectors.encoder.framing import Framer
from detectors.encoder.heads import HEADS
from detectors.signals import Side
from detectors.training.batches import Batch, Drawing, drawn, positive_weights
from detectors.training.example import Example
from tests.unit.detectors.encoder.wordpiece import tokenizer


def _examples(edition: int, count: int, risk: float) -> list[Example]:
    one = Example("corpus", "g", Side.USER, "hello", {"risk.suicide": risk}, edition=edition)
    return [replace(one, group=f"{edition}/{at}") for at in range(count)]


def _epoch(drawing: Drawing) -> list[Batch]:
    return list(itertools.islice(drawing.batches(), drawing.steps))


def test_an_edition_is_drawn_as_is_said_of_it_and_all_others_as_is_said_of_the_corpus() -> None:
    mixture = {"corpus": 0.5, "corpus/4": 2.0}
    examples = [*_examples(1, 20, 0.0), *_examples(4, 10, 1.0)]
    assert [drawn(examples[at], mixture) for at in (0, 20)] == [0.5, 2.0]
    column = HEADS.index("risk.suicide")
    counted = Counter[float]()
    for batch in _epoch(Drawing(examples, Framer(tokenizer()), mixture, seed=1, size=8)):
        counted.update(batch.labels[:, column].tolist())
    assert counted == {0.0: 10, 1.0: 20}
    assert float(positive_weights(examples, mixture)[column]) == 1.0
    assert float(positive_weights(examples, {"corpus": 1.0})[column]) == pytest.approx(2**0.5)


@pytest.mark.parametrize(("text", "share", "least", "most"), [
    ("hello how you doing", 0.0, 0, 0),
    ("hello how you doing", 0.5, 30, 70),
    ("hello how you doing", 1.0, 100, 100),
    ("tonight", 1.0, 0, 0),
])  # fmt: skip
def test_a_message_is_put_after_another_persons_talk_and_keeps_its_labels(
    text: str, share: float, least: int, most: int
) -> None:
    framer = Framer(tokenizer())
    talk = Example("corpus", "t", Side.REPLY, "no no", {"refusal.any": 0.0}, context=(Utterance(Speaker.USER, "i want"),))
    people = [replace(one, text=text) for one in _examples(1, 100, 1.0)]
    after = 0
    for batch in _epoch(Drawing([talk, *people], framer, {"corpus": 1.0}, seed=1, size=8, preceded=share)):
        scored = (batch.input_ids == framer.tags["user_scored"]).any(1)
        said = (batch.input_ids == framer.tags["user"]).any(1) & (batch.input_ids == framer.tags["bot"]).any(1)
        after += int((scored & said).sum())
        assert float(batch.labels[:, HEADS.index("risk.suicide")].sum()) == int(scored.sum())
    assert least <= after <= most


def _same(one: Batch, other: Batch) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("input_ids", "labels", "owner"))


def _drawing(texts: int) -> Drawing:
    examples = [replace(one, text=f"hello {at}") for at, one in enumerate(_examples(1, texts, 1.0))]
    return Drawing(examples, Framer(tokenizer()), {"corpus": 1.0}, seed=1, size=400)


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_make_the_same_batches_in_the_same_order_from_any_step(workers: int) -> None:
    drawing = _drawing(2100)  # two buckets an epoch, the last of two batches, the last of 100 examples
    assert drawing.steps == 6
    wanted = list(itertools.islice(drawing.batches(), 15))
    assert sorted(batch.examples for batch in wanted[:6]) == [100, *[400] * 5]
    assert not _same(wanted[0], wanted[6])  # an epoch of its own
    for start in (0, 3, 5, 7):
        with closing(drawing.batches(start=start, workers=workers)) as batches:
            found = list(itertools.islice(batches, 15 - start))
        assert all(_same(one, other) for one, other in zip(wanted[start:], found, strict=True))
    assert multiprocessing.active_children() == []


def test_what_making_a_batch_raises_is_raised_where_it_is_asked_for() -> None:
    drawing = _drawing(10)
    drawing._examples[3].labels["risk.suicide"] = "none"  # type: ignore[index]
    with closing(drawing.batches(workers=1)) as batches, pytest.raises(ValueError, match="none"):
        next(batches)
