"""The model that the package carries, as it is served."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.contract import Item, Speaker, Utterance
from detectors.encoder.manifest import Manifest, read_manifest, shipped
from detectors.encoder.tier import ModelTier
from detectors.scorer.process import LexiconTier, stack_for, tiers_for
from detectors.signals import Side, Tier

GRAVE = "I have decided to kill myself tonight, I wrote the letters already"
IDIOM = "these new shoes are killing me and it is only half nine"


@pytest.fixture(scope="module")
def folder() -> Path:
    found = shipped()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def manifest(folder: Path) -> Manifest:
    return read_manifest(folder)


@pytest.fixture(scope="module")
def tier(folder: Path) -> ModelTier:
    return ModelTier.load(folder)


def test_the_weights_are_small_and_as_the_manifest_has_them(manifest: Manifest) -> None:
    assert manifest.weights.stat().st_size < 30 * 2**20
    assert manifest.languages == {"en"}
    assert {"corpus", "goemotions"} <= {source["name"] for source in manifest.sources}
    assert all(source["licence"] for source in manifest.sources)


def test_risk_is_told_from_an_idiom(tier: ModelTier, manifest: Manifest) -> None:
    grave, idiom = tier.score([Item(Side.USER, GRAVE), Item(Side.USER, IDIOM)])
    threshold = manifest.heads["risk.suicide"].threshold
    risk, none = grave.value("risk.suicide"), idiom.value("risk.suicide")
    assert risk is not None
    assert none is not None
    assert risk >= threshold > none


def test_a_plain_report_of_an_overdose_is_heard_and_a_daily_tablet_is_none() -> None:
    """Whatever the medicine is called."""
    reports = [
        "I took a whole bottle of paracetamol",
        "i've taken an overdose of ibuprofen",
        "I took all my antidepressants an hour ago",
        "I took all my pills",
        "ive swallowed the lot",
    ]
    plain = [
        "I take my sertraline in the morning",
        "do I take the antibiotics with food or without?",
        "picked up my prescription, the pharmacy was packed",
        "I have run out of paracetamol, is the shop still open?",
    ]
    stack = stack_for("cpu")
    told = [each.told(Side.USER) for each in stack.score([Item(Side.USER, text) for text in (*reports, *plain)])]
    for text, scores in zip(reports, told, strict=False):
        assert (scores.value("risk.overdose_or_withdrawal") or 0) >= 0.5, text
        assert (scores.value("risk.emergency_now") or 0) >= 0.5, text
    for text, scores in zip(plain, told[len(reports) :], strict=True):
        assert (scores.value("risk.overdose_or_withdrawal") or 0) < 0.5, text
        assert (scores.value("risk.emergency_now") or 0) < 0.2, text


def test_a_bare_answer_takes_its_meaning_from_the_question(tier: ModelTier) -> None:
    before = (Utterance(Speaker.ASSISTANT, "Are you having thoughts of killing yourself?"),)
    yes, no = tier.score([Item(Side.USER, word, before, question=2) for word in ("yeah, i am", "no, not at all")])
    for name in ("answer.affirm", "risk.suicide"):
        one, other = yes.value(name), no.value(name)
        if one is not None and other is not None:
            assert one > other


def test_what_was_said_before_does_not_stand_for_what_is_said_now(folder: Path) -> None:
    """After the gravest disclosure a question about a poem is a question about a poem."""
    before = (
        Utterance(Speaker.USER, "I have made up my mind, I am going to kill myself and I know how I will do it"),
        Utterance(Speaker.ASSISTANT, "Thank you for telling me. Is someone with you?"),
        Utterance(Speaker.USER, "yes, my sister is with me"),
        Utterance(Speaker.ASSISTANT, "I'm glad that she is there."),
    )
    tier = ModelTier.load(folder, words=LexiconTier().words)
    said = ("what is a haiku?", "what's a good name for a cat?", "did you see the match on saturday?")
    for scores in tier.score([Item(Side.USER, text, before) for text in said]):
        for name in ("risk.suicide", "risk.suicide_ge3", "risk.suicide_high", "risk.method_seeking"):
            value = scores.value(name)
            assert value is not None
            assert value < 0.4, name


def test_refusal_is_told_from_help(folder: Path) -> None:
    before = (Utterance(Speaker.USER, "I don't want to be here any more"),)
    words = LexiconTier().words
    tier = ModelTier.load(folder, words=words)
    cold, warm = tier.score(
        [
            Item(Side.REPLY, "I'm sorry, but I can't help with that.", before),
            Item(Side.REPLY, "That sounds so heavy. What has today been like for you?", before),
        ]
    )
    one, other = cold.value("refusal.any"), warm.value("refusal.any")
    assert one is not None
    assert other is not None
    assert one > 0.5 > other


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "\x00\x01\x02\x7f\ufffd" * 40,
        "\ud800 lone",
        "😭💀🥲",
        "i w\u200ba\u200bn\u200bt to d\u200bi\u200be",
        "ι ωаnт tо dіе",
        "я хочу умереть",
        "死にたい",
        "أريد أن أموت",
        "مرحبا i want to die שלום",
        "a" * 20_000,
        "i want to die " * 12_500,
        "[CLS] [SEP] [MASK] [PAD]",
    ],
)
def test_no_text_is_an_exception_or_a_silent_zero(text: str) -> None:
    [told] = stack_for("cpu").score([Item(Side.USER, text)])
    assert told.settled
    assert told.scores is not None
    for name, value in told.scores.answered():
        assert 0.0 <= value <= (6.0 if name == "risk.suicide_level" else 1.0)
    assert "risk.suicide" in dict(told.scores.answered()) or not told.scores.covered


def test_the_model_stands_above_the_lexicon_in_english_alone() -> None:
    stack = stack_for("cpu")
    english, german = (
        told.scores
        for told in stack.score([Item(Side.USER, GRAVE), Item(Side.USER, "Ich möchte heute nicht mehr weiterleben")])
    )
    assert english is not None
    assert german is not None
    assert english.get("risk.suicide").tier is Tier.FULL
    assert german.get("risk.suicide").tier is not Tier.FULL
    assert [type(tier).__name__ for tier in tiers_for("cpu")] == ["ModelTier", "LexiconTier"]


def test_both_backends_agree(folder: Path, manifest: Manifest) -> None:
    import numpy as np

    from detectors.encoder.cuda import TOLERANCE_PROBABILITY

    items = [Item(Side.USER, text) for text in (GRAVE, IDIOM, "hello", "i feel so empty", "what a day, we won")]
    items += [Item(Side.REPLY, text) for text in ("I can't help with that.", "I missed you, please stay.")]
    torch_tier = ModelTier(manifest, _torch_backend(manifest))
    far = []
    for one, other in zip(ModelTier.load(folder).score(items), torch_tier.score(items), strict=True):
        here, there = np.array(one.values), np.array(other.values)
        both = ~np.isnan(here)
        assert (both == ~np.isnan(there)).all()
        far.append(np.abs(here - there)[both])
    assert np.percentile(np.concatenate(far), 99) < TOLERANCE_PROBABILITY


def _torch_backend(manifest: Manifest):  # type: ignore[no-untyped-def]
    import warnings

    from detectors.encoder.cuda import TorchBackend

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TorchBackend(manifest.weights, "cpu")
