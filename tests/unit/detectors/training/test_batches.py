"""What an epoch draws."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
import torch

from detectors.contract import Speaker, Utterance
from detectors.encoder.framing import Framer
from detectors.encoder.heads import HEADS
from detectors.signals import Side
from detectors.training.batches import Batch, ahead, draw, drawn, positive_weights
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
    for batch in draw([talk, *people], framer, {"corpus": 1.0}, seed=1, epoch=0, size=8, preceded=share):
        scored = (batch.input_ids == framer.tags["user_scored"]).any(1)
        said = (batch.input_ids == framer.tags["user"]).any(1) & (batch.input_ids == framer.tags["bot"]).any(1)
        after += int((scored & said).sum())
        assert float(batch.labels[:, HEADS.index("risk.suicide")].sum()) == int(scored.sum())
    assert least <= after <= most


def _drawn(count: int) -> list[Batch]:
    examples = _examples(1, count, 1.0)
    return list(draw(examples, Framer(tokenizer()), {"corpus": 1.0}, seed=1, epoch=0, size=4))


def _making() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "batches"]


def test_batches_made_ahead_are_the_same_in_the_same_order() -> None:
    wanted = _drawn(70)
    found = list(ahead(iter(wanted), most=2))
    assert len(found) == 18
    assert all(one is other for one, other in zip(wanted, found, strict=True))
    assert _making() == []


def test_no_more_batches_are_made_ahead_than_said_and_leaving_early_ends_it() -> None:
    asked = threading.Semaphore(0)

    def making() -> Iterator[Batch]:
        for batch in _drawn(70):
            asked.release()
            yield batch

    with closing(ahead(making(), most=2)) as batches:
        assert torch.equal(next(batches).input_ids, _drawn(70)[0].input_ids)
        for _ in range(4):  # one was taken, two are ready, one waits for its place
            assert asked.acquire(timeout=5)
        assert not asked.acquire(timeout=0.3)
    assert _making() == []


def test_what_making_a_batch_raises_is_raised_where_it_is_asked_for() -> None:
    def making() -> Iterator[Batch]:
        yield _drawn(4)[0]
        raise OSError("gone")

    batches = ahead(making())
    next(batches)
    with pytest.raises(OSError, match="gone"):
        next(batches)
