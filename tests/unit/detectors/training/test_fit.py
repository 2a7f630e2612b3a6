"""Calibration and thresholds, and what is left to the lexicon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.encoder.heads import HEADS, OUTPUTS
from detectors.passages import mean
from detectors.signals import Side
from detectors.training.example import Example
from detectors.training.fit import fit, platt
from detectors.training.served import Answers

NAME = "risk.self_harm"


def test_platt_finds_the_sigmoid_that_made_the_labels() -> None:
    random = np.random.default_rng(3)
    logits = random.normal(0, 3, 6000)
    labels = (random.random(6000) < 1 / (1 + np.exp(-(0.7 * logits - 1.5)))).astype(np.float64)
    found = platt(labels, logits)
    assert found.slope == pytest.approx(0.7, abs=0.06)
    assert found.offset == pytest.approx(-1.5, abs=0.12)


def test_platt_never_turns_an_order_round_and_bears_perfect_scores() -> None:
    labels = np.array([0.0] * 30 + [1.0] * 30)
    assert platt(labels, -labels * 4 + 2).slope > 0
    perfect = platt(labels, labels * 20 - 10)
    assert 0 < perfect.slope < 50
    assert perfect.probability(10.0) > 0.9


def test_weights_calibrate_for_a_more_frequent_signal() -> None:
    random = np.random.default_rng(4)
    labels = (random.random(20_000) < 0.02).astype(np.float64)
    logits = random.normal(0, 1, 20_000) + 3 * labels
    weights = np.where(labels > 0, 0.5 / labels.mean(), 0.5 / (1 - labels.mean()))
    rare, even = platt(labels, logits), platt(labels, logits, weights)
    assert even.slope == pytest.approx(rare.slope, rel=0.2)
    assert even.offset - rare.offset == pytest.approx(np.log((1 - labels.mean()) / labels.mean()), abs=0.6)


def _case(positives: int, negatives: int, *, sure: float) -> tuple[list[Example], np.ndarray]:
    random = np.random.default_rng(1)
    labels = [1.0] * positives + [0.0] * negatives
    examples = [Example("corpus", f"g{at}", Side.USER, f"text {at}", {NAME: label}) for at, label in enumerate(labels)]
    logits = np.zeros((len(labels), len(OUTPUTS)), dtype=np.float32)
    logits[:, HEADS.index(NAME)] = np.array(labels) * sure + random.normal(0, 1, len(labels))
    return examples, logits


def test_a_threshold_flags_one_negative_in_a_hundred() -> None:
    examples, logits = _case(60, 400, sure=4)
    found = fit(examples, Answers(logits, logits), [{}] * len(examples))
    (head,) = found.heads
    flagged = [head.calibration.probability(float(x)) >= head.threshold for x in logits[60:, head.column]]
    assert 0 < sum(flagged) <= 4
    assert head.ece is not None
    assert head.ece < 0.1
    assert "distress" in found.left


@pytest.mark.parametrize(("source", "most"), [("corpus", 0.02), ("goemotions", 0.002)])
def test_few_negatives_reach_the_value_from_which_policies_act(source: str, most: float) -> None:
    """Fewer of everyday talk than of look-alikes, which are written to be hard."""
    examples, logits = _case(600, 1200, sure=1.5)
    examples = [*examples[:600], *(replace(example, source=source) for example in examples[600:])]
    (head,) = fit(examples, Answers(logits, logits), [{}] * len(examples)).heads
    acted = [head.calibration.probability(float(x)) >= 0.5 for x in logits[:, head.column]]
    assert sum(acted[600:]) == int(1200 * most)
    assert sum(acted[:600]) > 0


def test_too_few_negatives_to_show_a_budget_hold_nothing_down() -> None:
    examples, logits = _case(600, 400, sure=1.5)
    examples = [*examples[:600], *(replace(example, source="goemotions") for example in examples[600:])]
    (head,) = fit(examples, Answers(logits, logits), [{}] * len(examples)).heads
    acted = [head.calibration.probability(float(x)) >= 0.5 for x in logits[600:, head.column]]
    assert sum(acted) > 400 * 0.02


def test_plain_words_count_beside_the_encoder() -> None:
    examples, logits = _case(60, 400, sure=0.2)
    words = [{NAME: example.labels[NAME] * 0.9} for example in examples]
    (head,) = fit(examples, Answers(logits, logits), words).heads
    assert head.calibration.words > 2
    assert head.calibration.probability(0.0, 0.9) > head.threshold > head.calibration.probability(0.0, 0.0)


def test_words_that_mislead_count_nothing() -> None:
    examples, logits = _case(60, 400, sure=4)
    words = [{NAME: 0.9 - example.labels[NAME] * 0.9} for example in examples]
    (head,) = fit(examples, Answers(logits, logits), words).heads
    assert head.calibration.words == 0.0


def test_too_little_to_check_with_is_left_out() -> None:
    examples, logits = _case(5, 400, sure=4)
    assert fit(examples, Answers(logits, logits), [{}] * len(examples)).left[NAME].startswith("5 positives")


def test_a_reply_is_calibrated_in_its_passages_and_as_a_whole_and_judged_on_both() -> None:
    random = np.random.default_rng(2)
    labels = np.array([1.0] * 80 + [0.0] * 500)
    examples = [
        Example("corpus", f"g{at}", Side.REPLY, f"text {at}", {"refusal.any": label}) for at, label in enumerate(labels)
    ]
    parts, whole = (np.zeros((len(labels), len(OUTPUTS)), dtype=np.float32) for _ in range(2))
    column = HEADS.index("refusal.any")
    parts[:, column] = 1.5 * labels + random.normal(0, 1, len(labels))
    whole[:, column] = 3 * labels + random.normal(0, 1, len(labels)) - 5
    (head,) = fit(examples, Answers(parts, whole), [{}] * len(examples)).heads
    assert head.whole is not None
    assert head.whole.slope > head.calibration.slope
    values = [
        mean(head.calibration.probability(float(a)), head.whole.probability(float(b)))
        for a, b in zip(parts[:, column], whole[:, column], strict=True)
    ]
    assert 0 < sum(value >= head.threshold for value in values[80:]) <= 5
    alone = sum(head.calibration.probability(float(x)) >= head.threshold for x in parts[:80, column])
    assert sum(value >= head.threshold for value in values[:80]) > alone
    abrupt = [replace(example, labels={"refusal.abrupt": example.labels["refusal.any"]}) for example in examples]
    (head,) = fit(abrupt, Answers(parts, whole), [{}] * len(examples)).heads
    assert head.whole is None
