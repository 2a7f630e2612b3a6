"""Replies are learned, calibrated and measured as they are served: by passages, the highest counting, and in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from detectors.contract import Speaker, Utterance
from detectors.encoder.backend import Logits
from detectors.encoder.framing import Frame, Framer
from detectors.encoder.heads import OUTPUTS
from detectors.signals import SIGNALS, Side
from detectors.training.example import Example
from detectors.training.served import ON_WHOLE, bags, served
from tests.unit.detectors.encoder.wordpiece import tokenizer

_ASKED = (Utterance(Speaker.USER, "hello how are you"),)
_REPLY = "I hear you and that hurts. I can not help you with it. Say more if you want to."


@pytest.fixture(scope="module")
def framer() -> Framer:
    return Framer(tokenizer())


def _reply(text: str = _REPLY) -> Example:
    return Example("corpus", "g", Side.REPLY, text, {"refusal.any": 1.0}, _ASKED)


def test_a_reply_is_its_whole_and_its_passages(framer: Framer) -> None:
    whole, passages = bags(_reply(), framer)
    assert (len(whole.frames), whole.passages, len(passages.frames), passages.passages) == (1, False, 3, True)
    assert framer.tags["whole"] in whole.frames[0].ids
    assert not any(framer.tags["whole"] in frame.ids for frame in passages.frames)
    (blank,) = bags(_reply("   "), framer)
    assert (len(blank.frames), blank.passages) == (1, False)


def test_training_draws_some_replies_in_one_piece_and_bounds_the_long(framer: Framer) -> None:
    long = _reply(" ".join(f"This is sentence number {at} of many." for at in range(30)))
    sizes = {tuple(len(bag.frames) for bag in bags(long, framer, Random(seed))) for seed in range(60)}
    assert sizes == {(1,), (1, 8)}


def test_the_highest_passage_counts_and_the_whole_for_itself(framer: Framer) -> None:
    def answer(frames: Sequence[Frame]) -> Logits:
        return np.array([[float(at)] * len(OUTPUTS) for at in range(len(frames))], dtype=np.float32)

    person = Example("corpus", "u", Side.USER, "hello", {"risk.suicide": 0.0})
    found = served([person, _reply(), _reply("   ")], framer, answer)
    on_whole = np.array(ON_WHOLE)
    assert found.parts[0].tolist() == found.whole[0].tolist() == [0.0] * len(OUTPUTS)
    assert set(found.parts[1, on_whole]) == set(found.whole[1]) == {1.0}
    assert set(found.parts[1, ~on_whole]) == {4.0}
    assert set(found.together[1, ~on_whole]) == {2.5}
    assert set(found.parts[2]) == set(found.whole[2]) == {5.0}
    assert on_whole.any()
    assert all(SIGNALS[name].whole == on for name, on in zip(OUTPUTS, ON_WHOLE, strict=True) if name in SIGNALS)


def test_a_long_turn_is_its_windows_and_the_highest_counts(framer: Framer) -> None:
    long = Example("corpus", "a", Side.USER, "hello how are you " * 120, {"distress": 1.0})
    (bag,) = bags(long, framer)
    assert len(bag.frames) > 3
    assert bag.readings == 1
    (drawn,) = bags(long, framer, Random(1))
    assert 1 < len(drawn.frames) <= 4

    def answer(frames: Sequence[Frame]) -> Logits:
        rows = np.zeros((len(frames), len(OUTPUTS)), dtype=np.float32)
        rows[2] = 3.0
        return rows

    assert served([long], framer, answer).parts[0, 0] == 3.0


def test_a_turn_after_others_is_read_twice_where_it_says_enough(framer: Framer) -> None:
    before = (Utterance(Speaker.USER, "i want to die"), Utterance(Speaker.ASSISTANT, "how are you"))
    turn = Example("corpus", "a", Side.USER, "hello how are you doing today", {"distress": 0.0}, before)
    (bag,) = bags(turn, framer)
    assert (len(bag.frames), bag.readings) == (2, 2)
    assert len(bags(turn, framer, Random(1))[0].frames) == 1
    assert len(bags(replace(turn, question=2), framer)[0].frames) == 1
    assert len(bags(replace(turn, text="hello how are you doing"), framer)[0].frames) == 1

    def answer(frames: Sequence[Frame]) -> Logits:
        return np.array([[2.0], [4.0]], dtype=np.float32).repeat(len(OUTPUTS), axis=1)

    assert served([turn], framer, answer).parts[0, 0] == 0.75 * 2 + 0.25 * 4
