"""The whole way on a tiny network of random weights: train, stop, resume, export, serve on both backends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from detectors.contract import Item, Speaker, Utterance
from detectors.encoder.backend import Backend, Logits, OnnxBackend, padded
from detectors.encoder.framing import Frame, Framer
from detectors.encoder.heads import HEADS, LEVELS, OUTPUTS
from detectors.signals import Side
from detectors.training.errors import RunUnfit
from detectors.training.example import Example
from tests.unit.detectors.encoder.wordpiece import tokenizer

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries warn of their own future


@pytest.fixture(scope="module")
def framer() -> Framer:
    torch.set_num_threads(1)
    return Framer(tokenizer())


def _examples() -> list[Example]:
    found = []
    for at in range(48):
        risky = at % 2 == 0
        levels = {name: float(risky and k <= at % 5) for k, name in enumerate(LEVELS)}
        words = "i want to die" if risky else "hello how are you doing today"
        context = (Utterance(Speaker.ASSISTANT, "how are you"),) if at % 3 == 0 else ()
        found.append(
            Example("corpus", f"g{at}", Side.USER, f"{words} {at}", levels, context, recency="now" if at % 6 == 0 else None)
        )
        found.append(Example("hypo", f"h{at}", Side.REPLY, f"no {words} {at}", {"refusal.any": float(not risky)}))
    return found


def _padded(frames: Sequence[Frame], *, backend: Backend, pad: int) -> Logits:
    return padded(backend, frames, pad, len(OUTPUTS))


def _trainer(framer: Framer, folder: Path, **changes: Any) -> Any:
    from detectors.training.loop import Plan, Trainer
    from detectors.training.pretrained import small_network

    torch.manual_seed(5)
    network = small_network(tokenizer().get_vocab_size(), framer.tags)
    examples = _examples()
    plan = replace(Plan(epochs=2, size=8, rate=2e-3, head_rate=5e-3, mixture={"corpus": 1.0, "hypo": 1.0}), **changes)
    return Trainer(network, framer, examples, examples, plan, folder)


def test_it_learns_and_says_so_in_its_log(framer: Framer, tmp_path: Path) -> None:
    found = _trainer(framer, tmp_path, epochs=6).run()
    assert found["refusal.any"] > 0.9
    assert found["risk.suicide_ge2"] > 0.9
    events = [json.loads(line)["event"] for line in (tmp_path / "log.jsonl").read_text("utf-8").splitlines()]
    assert events == ["start", "look", "end"]


def test_a_run_that_stopped_goes_on_where_it_was(framer: Framer, tmp_path: Path) -> None:
    whole = _trainer(framer, tmp_path / "whole")
    whole.run()
    part = _trainer(framer, tmp_path / "part")
    steps = iter(range(7))
    learn = part._learn

    def stop(batch: Any) -> Any:
        if next(steps, None) is None:
            part._keep()
            raise KeyboardInterrupt
        return learn(batch)

    part._learn = stop
    with pytest.raises(KeyboardInterrupt):
        part.run()
    again = _trainer(framer, tmp_path / "part")
    again.resume()
    again.run()
    for one, other in zip(whole._network.parameters(), again._network.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_what_cannot_be_resumed_is_told(framer: Framer, tmp_path: Path) -> None:
    with pytest.raises(RunUnfit, match="without --resume"):
        _trainer(framer, tmp_path).resume()
    _trainer(framer, tmp_path, epochs=1).run()
    with pytest.raises(RunUnfit, match="differs in rate"):
        _trainer(framer, tmp_path, rate=0.5).resume()


_REPLIES = ("companion.", "boundary.", "refusal.", "ccs.", "harm.", "support.")


def test_weights_are_matched_by_the_names_of_outputs(framer: Framer, tmp_path: Path) -> None:
    from detectors.training.loop import load_weights, save_weights
    from detectors.training.pretrained import small_network

    size = tokenizer().get_vocab_size()
    torch.manual_seed(1)
    first = small_network(size, framer.tags)
    save_weights(first, tmp_path / "network.pt")
    saved = torch.load(tmp_path / "network.pt", weights_only=True)
    gone = saved["outputs"].index("harm.method")
    saved["outputs"].pop(gone)
    row = gone - HEADS.index("companion.sycophancy")
    for part in ("weight", "bias"):
        rows = saved["network"][f"reply_heads.{part}"]
        saved["network"][f"reply_heads.{part}"] = torch.cat([rows[:row], rows[row + 1 :]])
    torch.save(saved, tmp_path / "older.pt")
    second = small_network(size, framer.tags)
    fresh = second.reply_heads.bias[row].item()
    load_weights(second, tmp_path / "older.pt")
    assert second.reply_heads.bias[row].item() == pytest.approx(fresh)
    assert torch.equal(second.reply_heads.weight[row + 1], first.reply_heads.weight[row + 1])
    with pytest.raises(RunUnfit, match="no weights"):
        load_weights(second, tmp_path / "none.pt")


def test_emotions_start_from_the_trunk_that_they_shared_before(framer: Framer, tmp_path: Path) -> None:
    """Weights of version 2, whose emotions stood among a person's heads, and which lacked the later ones."""
    from detectors.encoder.heads import EMOTION_HEADS, LATER, OUTPUTS
    from detectors.training.loop import load_weights, save_weights
    from detectors.training.pretrained import small_network

    network = small_network(tokenizer().get_vocab_size(), framer.tags)
    save_weights(network, tmp_path / "network.pt")
    saved = torch.load(tmp_path / "network.pt", weights_only=True)
    state = saved["network"]
    before = [name for name in OUTPUTS if name not in LATER]
    own = [name for name in before if name in EMOTION_HEADS or (not name.startswith(_REPLIES) and name not in LEVELS)]
    saved["outputs"] = [name for name in before if name in LEVELS] + own + [n for n in before if n.startswith(_REPLIES)]
    for part in ("weight", "bias"):
        rows = state["user_heads." + part]
        state["user_heads." + part] = torch.randn(len(own), *rows.shape[1:])
        state["reply_heads." + part] = state["reply_heads." + part][: sum(n.startswith(_REPLIES) for n in before)]
        for name in (f"emotion_heads.{part}", f"emotion.0.{part}"):
            del state[name]
    torch.save(saved, tmp_path / "older.pt")
    load_weights(network, tmp_path / "older.pt")
    assert torch.equal(network.emotion[0].weight, network.user[0].weight)
    joy = own.index("emotion.joy")
    assert torch.equal(network.emotion_heads.weight[EMOTION_HEADS.index("emotion.joy")], state["user_heads.weight"][joy])
    distress = own.index("distress")
    place = [name for name in HEADS if name not in LEVELS].index("distress")
    assert torch.equal(network.user_heads.weight[place], state["user_heads.weight"][distress])


def test_the_exported_file_says_the_same_on_both_backends(framer: Framer, tmp_path: Path) -> None:
    from detectors.encoder.cuda import TorchBackend
    from detectors.encoder.errors import ModelUnfit
    from detectors.training.export import export
    from detectors.training.loop import infer
    from detectors.training.pretrained import eager
    from detectors.training.served import bags, served

    small = 0.15  # so much less than the shipped model's tolerance, because this network is small and has seen little
    trainer = _trainer(framer, tmp_path, epochs=4)
    trainer.run()
    export(eager(trainer._network), tmp_path / "model.onnx")
    examples = _examples()
    exact = infer(trainer._network, framer, [bags(example, framer) for example in examples])
    int8, floats = OnnxBackend(str(tmp_path / "model.onnx"), threads=1), TorchBackend(tmp_path / "model.onnx", "cpu")
    onnx, restored = (
        served(examples, framer, partial(_padded, backend=backend, pad=framer.pad)).together for backend in (int8, floats)
    )
    assert np.percentile(np.abs(restored - onnx), 99) < small
    assert np.percentile(np.abs(exact - onnx), 99) < small
    assert (np.diff(onnx[:, : len(LEVELS)], axis=1) <= 0).all()
    alone = served(examples[:1], framer, partial(_padded, backend=int8, pad=framer.pad)).together
    np.testing.assert_allclose(alone[0], onnx[0], atol=small)
    (tmp_path / "other.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelUnfit, match="export the model again"):
        TorchBackend(tmp_path / "other.onnx", "cpu")


def test_context_and_rung_reach_the_scored_text(framer: Framer, tmp_path: Path) -> None:
    network = _trainer(framer, tmp_path)._network
    from detectors.training.batches import collate

    network.eval()
    items = [
        Item(Side.USER, "yeah"),
        Item(Side.USER, "yeah", question=4),
        Item(Side.USER, "yeah", (Utterance(Speaker.USER, "i want to die"),)),
    ]
    with torch.inference_mode():
        rows = network(*map(torch.from_numpy, collate([framer.frame(item) for item in items], framer.pad))).numpy()
    assert not np.allclose(rows[0], rows[1], atol=1e-4)
    assert not np.allclose(rows[0], rows[2], atol=1e-4)


def test_emotions_are_fitted_last_and_nothing_else_moves(framer: Framer, tmp_path: Path) -> None:
    from detectors.encoder.heads import EMOTION_HEADS
    from detectors.training.emotions import fit_emotions

    network = _trainer(framer, tmp_path)._network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fit_emotions(network, framer, _examples(), seed=1)  # no comment of GoEmotions among them
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    comments = [
        Example(
            "goemotions",
            f"c{at}",
            Side.USER,
            f"{'i want to die' if at % 2 else 'hello how you doing'} {at}",
            dict.fromkeys(EMOTION_HEADS, 0.0) | {"emotion.joy": float(at % 2 == 0)},
        )
        for at in range(300)
    ]
    fit_emotions(network, framer, comments, seed=1, epochs=60)
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and all(name.startswith(("emotion.", "emotion_heads.")) for name in moved)
    from detectors.training.loop import infer
    from detectors.training.served import bags

    logits = infer(network, framer, [bags(example, framer) for example in comments])[:, OUTPUTS.index("emotion.joy")]
    assert logits[::2].min() > logits[1::2].max()


def test_weights_can_end_halfway(framer: Framer, tmp_path: Path) -> None:
    from detectors.training.loop import midway

    start, trainer = _trainer(framer, tmp_path)._network, _trainer(framer, tmp_path, epochs=1)
    trainer.run()
    led = {name: value.clone() for name, value in trainer._network.state_dict().items()}
    midway(trainer._network, start)
    for name, value in trainer._network.state_dict().items():
        assert torch.allclose(value, (led[name] + start.state_dict()[name]) / 2)
    assert not torch.equal(led["user_heads.weight"], trainer._network.user_heads.weight)


def test_labels_are_mixed_by_networks_that_did_not_see_them(framer: Framer, tmp_path: Path) -> None:
    from detectors.training.folds import crossfitted, fold_of
    from detectors.training.loop import Plan
    from detectors.training.pretrained import small_network

    examples = _examples()
    plan = Plan(epochs=3, size=8, rate=2e-3, head_rate=5e-3, mixture={"corpus": 1.0, "hypo": 1.0}, preceded=0.0, workers=0)

    def fresh() -> Any:
        torch.manual_seed(5)
        return small_network(tokenizer().get_vocab_size(), framer.tags)

    told: list[str] = []
    found = crossfitted(examples, examples, plan, framer, fresh, tmp_path, folds=2, tell=told.append)
    assert [line.partition(":")[0] for line in told] == ["fold 1 of 2", "fold 2 of 2"]
    assert [each.text for each in found] == [each.text for each in examples]
    # A network that has never seen what an example holds cannot be told its label by it: turned labels of one fold are
    # turned halfway back by the other's word.
    turned = [
        replace(each, labels={"refusal.any": 1 - each.labels["refusal.any"]})
        if each.side is Side.REPLY and fold_of(each, 2) == 0 else each
        for each in examples
    ]  # fmt: skip
    again = crossfitted(turned, examples, plan, framer, fresh, tmp_path / "turned", folds=2, tell=told.append)
    for before, was, now in zip(examples, found, again, strict=True):
        if before.side is Side.REPLY and fold_of(before, 2) == 0:
            assert now.labels["refusal.any"] != pytest.approx(was.labels["refusal.any"], abs=0.3)
            said = (was.labels["refusal.any"] - 0.7 * before.labels["refusal.any"]) / 0.3
            assert (said > 0.5) == (before.labels["refusal.any"] > 0.5)
