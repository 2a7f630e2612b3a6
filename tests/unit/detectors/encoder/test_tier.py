"""The model's tier around its network: what is asked of it, what is missing, what order holds."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.contract import Item, Speaker, Utterance
from detectors.encoder.backend import Logits
from detectors.encoder.errors import ModelUnfit
from detectors.encoder.heads import HEADS, LEVELS, OUTPUTS, RECENCIES
from detectors.encoder.manifest import Calibration, Head, Manifest, read_manifest
from detectors.encoder.tier import ModelTier, _Calibrated, _when
from detectors.signals import Side, Tier
from tests.unit.detectors.encoder.wordpiece import tokenizer


class Counting:
    """Every logit is the count of scored tokens in the frame, less ten; remembers the shapes that it was given."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, int]] = []

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> tuple[Logits, Logits]:
        self.shapes.append((ids.shape[0], ids.shape[1]))
        assert (types <= mask).all()
        counts = types.sum(1, keepdims=True) - 10.0
        return _alike(np.repeat(counts, len(OUTPUTS), axis=1).astype(np.float32), ids)


def _alike(logits: Logits, ids: NDArray[np.int64]) -> tuple[Logits, Logits]:
    """The logits, and every token voting for what the whole says."""
    return logits, np.repeat(logits[:, None, :], ids.shape[1], axis=1)


def _model(folder: Path, **changes: object) -> Path:
    tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "model.onnx").write_bytes(b"weights")
    signal = {"threshold": 0.5, "ece": 0.02, "tier": "full", "calibration": {"slope": 0.5, "offset": 0.0}}
    manifest = {
        "name": "test",
        "version": "7",
        "vocabulary": 1,
        "languages": ["en"],
        "sources": [],
        "files": {
            key: {"name": name, "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()}
            for key, name in (("weights", "model.onnx"), ("tokenizer", "tokenizer.json"))
        },
        "outputs": list(OUTPUTS),
        "signals": dict.fromkeys(HEADS, signal),
    } | changes
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return folder


@pytest.fixture
def tier(tmp_path: Path) -> ModelTier:
    return ModelTier(read_manifest(_model(tmp_path)), Counting())


def test_each_side_gets_its_own_signals(tier: ModelTier) -> None:
    user, answer, part, whole = tier.score(
        [
            Item(Side.USER, "i want to die", language="en"),
            Item(Side.USER, "yeah", question=2),
            Item(Side.REPLY, "no"),
            Item(Side.REPLY, "no", whole=True),
        ]
    )
    assert user.model == "test@7"
    assert user.get("risk.suicide").tier is Tier.FULL
    assert user.value("answer.affirm") is None
    assert answer.value("answer.affirm") is not None
    assert part.value("refusal.any") is not None
    assert part.value("refusal.abrupt") is None
    assert whole.value("refusal.abrupt") is not None
    assert whole.value("refusal.any") is None
    assert user.covered
    assert user.get("risk.suicide_behaviour").tag == "now"


def test_a_reply_in_one_piece_has_a_calibration_of_its_own(tmp_path: Path) -> None:
    signal = {"threshold": 0.5, "calibration": {"slope": 0.5, "offset": 0.0}, "whole": {"slope": 0.5, "offset": 2.0}}
    tier = ModelTier(read_manifest(_model(tmp_path, signals={"refusal.any": signal})), Counting())
    part, whole = tier.score([Item(Side.REPLY, "no"), Item(Side.REPLY, "no", whole=True)])
    at, beyond = part.value("refusal.any"), whole.value("refusal.any")
    assert at is not None
    assert beyond is not None
    assert 2 < math.log(beyond / (1 - beyond)) - math.log(at / (1 - at)) < 3  # one more token, the whole's tag, counts .5


def test_a_reply_in_one_piece_is_one_frame_where_a_turn_has_windows(tmp_path: Path) -> None:
    backend = Counting()
    tier = ModelTier(read_manifest(_model(tmp_path)), backend)
    text = "hello how are you " * 100
    tier.score([Item(Side.REPLY, text, whole=True)])
    assert [rows for rows, _ in backend.shapes] == [1]
    tier.score([Item(Side.USER, text)])
    assert sum(rows for rows, _ in backend.shapes) > 3
    tier.score([Item(Side.REPLY, text * 3, whole=True)])
    assert max(tokens for _, tokens in backend.shapes) <= 512


@pytest.mark.parametrize(
    "item", [Item(Side.USER, ""), Item(Side.USER, "ich will", language="de"), Item(Side.USER, "死にたい")]
)
def test_what_it_cannot_read_is_missing_and_never_zero(tier: ModelTier, item: Item) -> None:
    (scores,) = tier.score([item])
    assert not dict(scores.answered())
    assert not scores.covered


def test_a_text_that_is_cut_is_not_covered_however_few_its_tokens(tier: ModelTier) -> None:
    (scores,) = tier.score([Item(Side.USER, "hello" + " " * 60_000 + "i want to die")])
    assert not scores.covered


def test_a_turn_after_others_is_read_by_itself_too(tmp_path: Path) -> None:
    class Crowded(Counting):
        """The logit is the number of tokens in the frame: what was said before raises it."""

        def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> tuple[Logits, Logits]:
            super().run(ids, mask, types)
            return _alike(np.repeat(mask.sum(1, keepdims=True) / 20, len(OUTPUTS), axis=1).astype(np.float32), ids)

    manifest = read_manifest(_model(tmp_path))
    before = (Utterance(Speaker.USER, "i want to die"), Utterance(Speaker.ASSISTANT, "how are you"))
    said = "hello how are you doing today"
    alone, after, asked, again = ModelTier(manifest, Crowded()).score(
        [Item(Side.USER, said), Item(Side.USER, said, before), Item(Side.USER, said, before, 2), Item(Side.USER, said)]
    )
    logits = [math.log(p / (1 - p)) for p in (each.value("risk.suicide") or 0.0 for each in (alone, after, asked, again))]
    assert logits[0] == logits[3] < logits[1] < logits[2]
    assert logits[1] == pytest.approx(0.25 * logits[0] + 0.75 * logits[2], abs=0.05)


def test_order_survives_batches_of_many_lengths(tier: ModelTier) -> None:
    texts = [" ".join(["die"] * count) for count in (40, 1, 90, 3, 40, 7, 2)]
    together = tier.score([Item(Side.USER, text) for text in texts])
    alone = [tier.score([Item(Side.USER, text)])[0] for text in texts]
    np.testing.assert_allclose([scores.values for scores in together], [scores.values for scores in alone], equal_nan=True)


def test_long_texts_are_windowed_and_the_very_longest_are_not_whole(tier: ModelTier) -> None:
    long, endless = tier.score([Item(Side.USER, "die " * 900), Item(Side.USER, "die " * 50_000)])
    assert long.covered
    assert not endless.covered
    assert endless.value("risk.suicide") is not None


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return read_manifest(_model(tmp_path_factory.mktemp("model")))


@given(logits=st.lists(st.floats(-8, 8), min_size=len(LEVELS), max_size=len(LEVELS)))
def test_levels_never_rise(manifest: Manifest, logits: list[float]) -> None:
    class Given(Counting):
        def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> tuple[Logits, Logits]:
            found = np.zeros((len(ids), len(OUTPUTS)), dtype=np.float32)
            found[:, : len(LEVELS)] = logits
            return _alike(found, ids)

    tier = ModelTier(manifest, Given())
    (scores,) = tier.score([Item(Side.USER, "hello")])
    values = [scores.value(name) for name in LEVELS]
    assert values == sorted(values, reverse=True)  # type: ignore[type-var]
    level = scores.value("risk.suicide_level")
    assert level is not None
    assert level == 6.0 or 0 <= level <= 5


def test_calibration_is_finite_and_monotone() -> None:
    calibration = Calibration(2.0, -1.0)
    values = [calibration.probability(x) for x in (-1e9, -3.0, 0.5, 3.0, 1e9)]
    assert values == sorted(values)
    assert values[0] == pytest.approx(0.0)
    assert values[2] == pytest.approx(0.5)
    assert values[-1] == pytest.approx(1.0)
    assert all(map(math.isfinite, values))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"vocabulary": 99}, "vocabulary 99"),
        ({"outputs": []}, "other outputs"),
        ({"signals": {"risk.nothing": {}}}, "export the model again"),
        ({"signals": {"distress": {"threshold": 0.5, "calibration": {"slope": -1, "offset": 0}}}}, "calibration"),
        ({"files": {}}, "weights"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    with pytest.raises(ModelUnfit) as caught:
        read_manifest(_model(tmp_path, **changes))
    assert says in str(caught.value)


def test_altered_and_missing_files_are_refused(tmp_path: Path) -> None:
    _model(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"other")
    with pytest.raises(ModelUnfit, match="sha256"):
        read_manifest(tmp_path)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(ModelUnfit, match="install the package anew"):
        read_manifest(tmp_path)
    with pytest.raises(ModelUnfit, match="No such file"):
        read_manifest(tmp_path / "nowhere")
    (tmp_path / "manifest.json").write_text("{", "utf-8")
    with pytest.raises(ModelUnfit, match="no JSON"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("odds", "when"),
    [
        ({"24h": 0.8, "month": 0.2}, "24h"),
        ({"24h": 0.7, "month": 0.2, "now": 0.1}, "month"),
        ({"now": 0.5, "24h": 0.3, "month": 0.2}, "now"),
        ({"earlier": 0.4, "24h": 0.35}, "earlier"),
    ],
)
def test_the_last_day_is_told_where_it_is_likely_enough(odds: dict[str, float], when: str) -> None:
    logits = np.log(np.array([odds.get(name, 1e-6) for name in RECENCIES], dtype=np.float32))
    assert _when(logits) == when


def test_all_heads_at_once_say_what_each_calibration_says() -> None:
    random = np.random.default_rng(7)
    asked = [
        (Head(f"head.{at}", at, 0.5, calibration, None), calibration)
        for at, calibration in enumerate(Calibration(*row) for row in random.uniform(0.1, 3, (40, 3)).tolist())
    ]
    logits = random.normal(0, 300, (3, 40)).astype(np.float32)  # so far out that an exponential has no number
    said = {"head.3": 0.9, "head.7": 0.02, "another": 0.5}
    for row, window in zip(logits, _Calibrated(asked).probabilities(logits, said), strict=True):
        for head, calibration in asked:
            alone = calibration.probability(float(row[head.column]), said.get(head.name, 0.0))
            assert window[head.name] == pytest.approx(alone, rel=1e-12)
