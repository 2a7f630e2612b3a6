"""The way from texts to a served head, on a tiny network of random weights."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from detectors.encoder.backend import OnnxTagger
from detectors.pii.head import Head, log_probabilities
from detectors.pii.manifest import read_manifest
from detectors.pii.network import TagNetwork, eager_tags, small_tags
from detectors.pii.pieces import Piecer
from detectors.pii.training.loop import ANYTHING, NO_PERSON, Plan, sample_of, train
from detectors.pii.training.material import NAME, Material, Partly
from detectors.pii.training.ship import build
from detectors.pii.training.writing import Text, Writer, filled, lowered
from detectors.training.sources.entities import Tagged
from tests.unit.detectors.encoder.wordpiece import tokenizer

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries warn of their own future


@pytest.fixture(scope="module")
def piecer() -> Piecer:
    torch.set_num_threads(1)
    return Piecer(tokenizer())


def _material() -> Material:
    """Whoever "user" is in "hello user" is a person."""
    texts = [Tagged("wnut17", str(at), f"hello user {at}", ((6, 10, "PERSON"),)) for at in range(40)]
    texts += [Tagged("presidio_research", str(at), f"how are you {at}", ()) for at in range(40)]
    comments = tuple(Partly(str(at), f"are you {NAME} or not Maybe", ((23, 28),)) for at in range(20))
    bare = tuple(Partly(str(at), "these shoes are killing me", ()) for at in range(20))
    every = (*comments, *bare)
    return Material(tuple(texts), tuple(texts[::4]), tuple(texts[::4]), every, every, every, {"wnut17": 40})


def _trained(piecer: Piecer, folder: Path, epochs: int) -> TagNetwork:
    network = small_tags(tokenizer().get_vocab_size())
    plan = Plan(epochs=epochs, size=16, rate=3e-3, head_rate=1e-2)
    train(network, piecer, Writer(_material(), comments=8, plain=8, carriers=8), plan, folder / "log.jsonl")
    return network


def test_it_learns_exports_and_serves_what_it_learned(piecer: Piecer, tmp_path: Path) -> None:
    network = _trained(piecer, tmp_path, 12)
    events = [json.loads(line)["event"] for line in (tmp_path / "log.jsonl").read_text("utf-8").splitlines()]
    assert events == ["start", *["epoch"] * 12]
    path = tmp_path / "tokenizer.json"
    tokenizer().save(str(path))
    folder = tmp_path / "model"
    manifest = build(network, path, _material(), folder, name="small", version="1")
    assert manifest["figures"]["wnut17"]["entities"]["PERSON"]["f1"][0] == 1.0
    assert read_manifest(folder).outside == manifest["outside"]
    assert {source["name"] for source in manifest["sources"]} >= {"wnut17", "sentences and names of this project"}
    found = Head.load(folder).find("hello user 3")
    assert [(name.start, name.end, name.type) for name in found] == [(6, 10, "PERSON")]


def test_int8_says_what_single_precision_says(piecer: Piecer, tmp_path: Path) -> None:
    """Of a text of several windows: probabilities within .05."""
    from detectors.training.export import export

    network = _trained(piecer, tmp_path, 2)
    export(eager_tags(network), tmp_path / "model.onnx", per_token=True)
    pieces = piecer.pieces("hello user how are you doing today " * 40)

    class Torch:
        def run(self, ids: np.ndarray, mask: np.ndarray, types: np.ndarray) -> np.ndarray:
            network.eval()
            with torch.inference_mode():
                logits: np.ndarray = network(*(torch.from_numpy(part) for part in (ids, mask, types))).numpy()
            return logits

    one = np.exp(log_probabilities(pieces, OnnxTagger(str(tmp_path / "model.onnx")), piecer))
    other = np.exp(log_probabilities(pieces, Torch(), piecer))
    assert one.shape == (len(pieces.words), 7)
    assert np.abs(one - other).max() < 0.05


def test_what_is_not_known_is_not_taught(piecer: Piecer) -> None:
    comment = Partly("g", f"are you {NAME} or Maybe", ((18, 23),))
    text = filled(comment, ["user"])
    assert (text.text, text.spans) == ("are you user or Maybe", ((8, 12, "PERSON"),))
    assert [text.text[start:end] for start, end in text.unknown] == ["Maybe"]
    assert sample_of(text, piecer).tags.count(NO_PERSON) == len(piecer.pieces("Maybe").ids)
    turn = Text("are you Maybe", (), ((8, 13),), persons=True)
    assert sample_of(turn, piecer).tags.count(ANYTHING) == len(piecer.pieces("Maybe").ids)


def test_an_epoch_s_spans_stand_where_the_names_are() -> None:
    """However the text was written: without capitals, without blanks before a full stop, redacted in part."""
    writer = Writer(_material(), comments=20, plain=20, carriers=400)
    kinds = set()
    for text in writer.epoch(Random(1)):
        for start, end, kind in text.spans:
            said = text.text[start:end]
            assert said == said.strip() and said and "<" not in said
            kinds.add(kind)
    assert kinds == {"PERSON", "LOCATION", "ORGANIZATION"}


def test_a_text_without_capitals_keeps_its_length() -> None:
    text = Text("İstanbul and ÉMILIE", ((13, 19, "PERSON"),))
    assert lowered(text).text[13:19] == "émilie"
    assert len(lowered(text).text) == len(text.text)
