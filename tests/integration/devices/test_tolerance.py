"""The same scores on every device: some hundred texts in one padded batch, each way."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from detectors.encoder.backend import Logits, OnnxBackend
from detectors.encoder.cuda import TOLERANCE, TOLERANCE_FLOAT, TOLERANCE_PROBABILITY, TorchBackend
from detectors.encoder.errors import DeviceFailed
from detectors.encoder.manifest import Manifest, read_manifest, shipped
from detectors.encoder.remote import RemoteBackend, weights_digest
from detectors.encoder.serving import Served, create_app
from tests.integration.devices.server import serving
from tests.integration.devices.texts import Batch, batch

COUNT = 120


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    folder = shipped()
    assert folder is not None
    return read_manifest(folder)


@pytest.fixture(scope="module")
def texts(manifest: Manifest) -> Batch:
    return batch(manifest, COUNT)


@pytest.fixture(scope="module")
def single(manifest: Manifest) -> TorchBackend:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TorchBackend(manifest.weights, "cpu")


@pytest.fixture(scope="module")
def exact(single: TorchBackend, texts: Batch) -> tuple[Logits, Logits]:
    return single.run(*texts)


@pytest.fixture(scope="module")
def served(manifest: Manifest, single: TorchBackend) -> Iterator[RemoteBackend]:
    digest = weights_digest(manifest.weights)
    with serving(create_app(Served(single, manifest.model, digest, 30_522))) as url:
        remote = RemoteBackend(url, digest, seconds=120)
        yield remote
        remote.close()


def _probabilities(manifest: Manifest, logits: Logits) -> np.ndarray:
    heads = manifest.heads.values()
    return np.array([[head.calibration.probability(float(row[head.column])) for head in heads] for row in logits])


def _far(one: Logits, other: Logits) -> float:
    return float(np.percentile(np.abs(one - other), 99))


def test_eight_bits_on_the_cpu(manifest: Manifest, texts: Batch, exact: tuple[Logits, Logits]) -> None:
    logits, votes = OnnxBackend(str(manifest.weights), threads=2).run(*texts)
    assert _far(logits, exact[0]) < TOLERANCE
    seen = texts[1].astype(bool)
    assert _far(votes[seen], exact[1][seen]) < 2 * TOLERANCE
    here, there = _probabilities(manifest, logits), _probabilities(manifest, exact[0])
    assert _far(here, there) < TOLERANCE_PROBABILITY
    thresholds = np.array([head.threshold for head in manifest.heads.values()])
    assert ((here >= thresholds) != (there >= thresholds)).mean() < 0.01


def test_sixteen_bits(manifest: Manifest, texts: Batch, exact: tuple[Logits, Logits]) -> None:
    """What a card computes in, on a CPU, which is slow at it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        half = TorchBackend(manifest.weights, "cpu", dtype=torch.bfloat16)
    some = tuple(part[:16] for part in texts)
    assert _far(half.run(*some)[0], exact[0][:16]) < TOLERANCE_FLOAT


def test_over_the_wire(served: RemoteBackend, texts: Batch, exact: tuple[Logits, Logits]) -> None:
    logits, votes = served.run(*texts)
    np.testing.assert_allclose(logits, exact[0], atol=1e-3)
    seen = texts[1].astype(bool)
    np.testing.assert_allclose(votes[seen], exact[1][seen], atol=2e-2)


def test_padding_to_a_shape_changes_nothing(single: TorchBackend, texts: Batch) -> None:
    """Neither rows nor tokens that are added to reach one of few shapes are read."""
    some = tuple(part[:5, :37] for part in texts)
    logits, votes = single.run(*some)
    with torch.inference_mode():
        plain = single._network(*map(torch.from_numpy, some)).numpy()
    np.testing.assert_allclose(logits, plain, atol=1e-4)
    assert votes.shape[:2] == (5, 37)


def test_a_card_without_room_runs_in_parts(
    single: TorchBackend, texts: Batch, exact: tuple[Logits, Logits], monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, rows = TorchBackend.forward, []

    def small(self: TorchBackend, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if inputs.shape[1] > 6:
            raise torch.OutOfMemoryError("no room")
        rows.append(inputs.shape[1])
        return forward(self, inputs)

    monkeypatch.setattr(TorchBackend, "forward", small)
    monkeypatch.setattr(single, "tokens", single.tokens)
    some = tuple(part[:16] for part in texts)
    np.testing.assert_allclose(single.run(*some)[0], exact[0][:16], atol=1e-3)
    assert sum(rows) >= 16
    # It does not ask for as much again.
    before = len(rows)
    single.run(*some)
    assert len(rows) - before == before


def test_what_no_batch_fits_and_any_other_fault_are_the_devices(
    single: TorchBackend, texts: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fault, reason in ((torch.OutOfMemoryError("no room"), "memory"), (RuntimeError("the ids: 101"), "error")):

        def broken(self: TorchBackend, inputs: torch.Tensor, fault: Exception = fault) -> tuple[torch.Tensor, torch.Tensor]:
            raise fault

        monkeypatch.setattr(TorchBackend, "forward", broken)
        monkeypatch.setattr(single, "tokens", single.tokens)
        with pytest.raises(DeviceFailed) as caught:
            single.run(*(part[:2] for part in texts))
        assert caught.value.reason == reason
        assert "101" not in str(caught.value)
