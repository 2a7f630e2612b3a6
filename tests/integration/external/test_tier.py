"""Real models of transformers behind a pack: what they say, and what is refused before anybody's text is read."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertModel,
    RobertaConfig,
    RobertaModel,
)

from detectors.contract import Item, Speaker, Utterance
from detectors.external.errors import PackUnfit
from detectors.external.files import digest
from detectors.external.loading import _positions_apart
from detectors.external.tier import ExternalTier
from detectors.signals import Scores, Side, Tier
from tests.integration.external.tiny import WEATHER, pack

PLAIN = "the sky is blue today and we walk home"
STORM = "we walk home by the sea with thunder today"
RAIN = "the puddles by the old trees"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a model of a pack asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def one(tier: ExternalTier, text: str, side: Side = Side.USER, **more: Any) -> Scores:
    [found] = tier.score([Item(side, text, **more)])
    return found


def said(folder: Path, text: str, pair: str | None = None) -> dict[str, float]:
    """What transformers itself says."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.inference_mode():
        logits = model(**tokenizer(text, pair, return_tensors="pt")).logits[0]
    return dict(zip(WEATHER, torch.softmax(logits, 0).tolist(), strict=True))


def test_values_are_those_of_the_model(weather: Path, tmp_path: Path) -> None:
    signals = "distress: storm\ncontext.past: [storm, rain]\ncontext.minor: {not_labels: [calm], combine: max}"
    signals += "\nemotion.fear: {labels: [storm], calibration: {slope: 0.5, offset: -1}}"
    tier = ExternalTier.load(pack(weather, signals, file=tmp_path / "p.yaml"))
    for text in (PLAIN, STORM, RAIN):
        own, found = said(weather, text), one(tier, text)
        assert found.value("distress") == pytest.approx(own["storm"], abs=1e-5)
        assert found.value("context.past") == pytest.approx(own["storm"] + own["rain"], abs=1e-5)
        assert found.value("context.minor") == pytest.approx(1 - own["calm"], abs=1e-5)
        odds = np.log(own["storm"] / (1 - own["storm"]))
        assert found.value("emotion.fear") == pytest.approx(1 / (1 + np.exp(1 - 0.5 * odds)), abs=1e-3)
        assert found.get("distress").tier is Tier.FULL
        assert found.model == tier.name
    assert [(one(tier, text).value("distress") or 0) > 0.5 for text in (PLAIN, STORM, RAIN)] == [False, True, False]


def test_labels_of_which_several_can_hold(weather: Path, tmp_path: Path) -> None:
    signals = "distress: [storm, rain]"
    tier = ExternalTier.load(pack(weather, signals, file=tmp_path / "p.yaml", more="output: sigmoid"))
    own, found = said(weather, STORM), one(tier, STORM)
    apart = np.log(own["storm"]) - np.log(own["rain"])
    value = found.value("distress")
    assert value is not None
    assert value > 0.5
    assert apart > 0
    with pytest.raises(PackUnfit, match=r"p\.yaml:11: sum is for a softmax"):
        ExternalTier.load(
            pack(
                weather,
                "distress:\n  labels: [storm, rain]\n  combine: sum",
                file=tmp_path / "p.yaml",
                more="output: sigmoid",
            )
        )


def test_a_batch_says_what_each_text_says_alone(weather: Path, tmp_path: Path) -> None:
    tier = ExternalTier.load(pack(weather, "distress: storm", file=tmp_path / "p.yaml", more="batch_tokens: 256"))
    texts = [PLAIN, "", STORM, "the " * 40, "storm " * 9, "   ", RAIN] * 3
    batch = tier.score([Item(Side.USER, text) for text in texts])
    alone = [one(tier, text) for text in texts]
    for left, right in zip(batch, alone, strict=True):
        assert left.value("distress") == pytest.approx(right.value("distress"), abs=1e-5)
    assert alone[1].value("distress") is None
    assert alone[5].value("distress") is None


def test_sides_sentences_and_questions(weather: Path, tmp_path: Path) -> None:
    signals = "distress: storm\nanswer.affirm: storm\nharm.method: storm\nccs.boundary: storm"
    tier = ExternalTier.load(pack(weather, signals, file=tmp_path / "p.yaml"))

    def names(found: Scores) -> set[str]:
        return {name for name, _ in found.answered()}

    assert names(one(tier, STORM)) == {"distress"}
    assert names(one(tier, STORM, question=2)) == {"distress", "answer.affirm"}
    assert names(one(tier, STORM, Side.REPLY)) == {"harm.method"}
    assert names(one(tier, STORM, Side.REPLY, whole=True)) == {"ccs.boundary", "harm.method"}
    assert not tier.wanted(Item(Side.REPLY, STORM, whole=True), one(tier, STORM, Side.REPLY, whole=True))


def test_languages(weather: Path, tmp_path: Path) -> None:
    tier = ExternalTier.load(pack(weather, "distress: storm", file=tmp_path / "p.yaml", more="languages: [de, nl]"))
    assert one(tier, STORM, language="de").value("distress") is not None
    assert one(tier, STORM).value("distress") is not None
    english = one(tier, STORM, language="en")
    assert english.value("distress") is None
    assert english.covered, "a text that is not its own does not count as unread"
    assert not tier.wanted(Item(Side.USER, STORM, language="en"), None)
    every = ExternalTier.load(pack(weather, "distress: storm", file=tmp_path / "p.yaml", more="languages: any"))
    assert one(every, STORM, language="en").value("distress") is not None


def test_a_long_text_is_read_in_windows(weather: Path, tagger: Path, tmp_path: Path) -> None:
    rest = "the sky is blue today " * 60
    long = f"{rest}thunder {rest}"
    tier = ExternalTier.load(pack(weather, "distress: storm", file=tmp_path / "p.yaml"))
    assert (one(tier, long).value("distress") or 0) > 0.9
    assert one(tier, long).covered
    assert (one(tier, rest * 2).value("distress") or 1) < 0.1
    few = pack(weather, "distress: storm", file=tmp_path / "few.yaml", name="few", more="windows: 3")
    assert not one(ExternalTier.load(few), long).covered
    place = long.index("thunder")

    def weigh(passage: str, side: Side) -> float:
        assert side is Side.USER
        return float("thunder" in passage)

    weighed = one(ExternalTier.load(few, weigh=weigh), long)
    assert (weighed.value("distress") or 0) > 0.9
    tags = ExternalTier.load(pack(tagger, "distress: STORM", file=tmp_path / "t.yaml", more="kind: token"))
    assert one(tags, long).spans == {"distress": (place, place + 7)}
    assert one(tier, "x" * 70_000).covered is False


def test_a_token_model_gives_spans(tagger: Path, tmp_path: Path) -> None:
    tier = ExternalTier.load(
        pack(tagger, "distress: STORM\nemotion.fear: [B-STORM]", file=tmp_path / "p.yaml", more="kind: token")
    )
    text = "We walk\thome 🙂 with Thunder, then sleep"
    found = one(tier, text)
    assert (found.value("distress") or 0) > 0.9
    start, end = found.spans["distress"]
    assert text[start:end] == "Thunder"
    assert one(tier, PLAIN).spans == {}
    both = one(tier, "home by sea with thunder lightning today")
    start, end = both.spans["distress"]
    assert "home by sea with thunder lightning today"[start:end] == "thunder lightning"


@pytest.mark.parametrize(
    "text", ["\ud83d", "thunder \ud800 today", "\x00\x01", "\u200b", "e\u0301" * 500, "🧵" * 300, "\n\n"]
)
def test_no_text_makes_it_fail(weather: Path, tagger: Path, tmp_path: Path, text: str) -> None:
    for folder, more in ((weather, ""), (tagger, "kind: token")):
        label = "storm" if folder == weather else "STORM"
        tier = ExternalTier.load(pack(folder, f"distress: {label}", file=tmp_path / "p.yaml", more=more))
        found = one(tier, text)
        assert all(0 <= start < end <= len(text) for start, end in found.spans.values())


def test_what_was_said_before_is_given_as_the_pack_has_it(weather: Path, tmp_path: Path) -> None:
    before = (Utterance(Speaker.USER, "the sky is blue"), Utterance(Speaker.ASSISTANT, "bread and tea"))
    prefix = 'context: {turns: 1, turn: "{speaker}: {text} ", text: "{speaker}: {text}", user: user, assistant: bot}'
    tier = ExternalTier.load(pack(weather, "distress: rain", file=tmp_path / "p.yaml", more=prefix))
    found = one(tier, RAIN, context=before).value("distress")
    assert found == pytest.approx(said(weather, f"bot: bread and tea user: {RAIN}")["rain"], abs=1e-5)
    tier = ExternalTier.load(
        pack(weather, "distress: rain", file=tmp_path / "p.yaml", more="context: {form: pair, turn: '{text} '}")
    )
    found = one(tier, RAIN, context=before).value("distress")
    assert found == pytest.approx(said(weather, "the sky is blue bread and tea ", RAIN)["rain"], abs=1e-5)
    assert one(tier, RAIN).value("distress") == pytest.approx(said(weather, RAIN)["rain"], abs=1e-5)
    endless = (Utterance(Speaker.USER, "the sky is blue " * 400),)
    assert one(tier, RAIN, context=endless).covered


def test_spans_are_of_the_text_whatever_stands_before(tagger: Path, tmp_path: Path) -> None:
    before = (Utterance(Speaker.USER, "thunder lightning thunder"),)
    for form in ("prefix", "pair"):
        more = f"kind: token\ncontext: {{form: {form}, turn: '{{text}} ', text: 'user: {{text}}'}}"
        tier = ExternalTier.load(pack(tagger, "distress: STORM", file=tmp_path / "p.yaml", more=more))
        assert one(tier, "we walk home", context=before).value("distress") == pytest.approx(0, abs=0.1)
        text = "we walk home with lightning"
        start, end = one(tier, text, context=before).spans["distress"]
        assert text[start:end] == "lightning"


def test_a_label_that_the_model_has_not(weather: Path, tagger: Path, tmp_path: Path) -> None:
    with pytest.raises(PackUnfit, match=r"p\.yaml:9: the model has no label 'strom'; did you mean 'storm'\?"):
        ExternalTier.load(pack(weather, "distress: strom", file=tmp_path / "p.yaml"))
    with pytest.raises(PackUnfit, match="it has calm, rain, storm"):
        ExternalTier.load(pack(weather, "distress: LABEL_1", file=tmp_path / "p.yaml"))
    with pytest.raises(PackUnfit, match="no label 'HAIL'"):
        ExternalTier.load(pack(tagger, "distress: HAIL", file=tmp_path / "p.yaml", more="kind: token"))


def test_files_that_are_not_those_of_the_pack(weather: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(weather, folder)
    path = pack(folder, "distress: storm")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"id2label": {"0": "storm", "1": "rain", "2": "calm"}}))
    with pytest.raises(PackUnfit, match=f"not those that sha256 speaks of; .*write: sha256: {digest(folder)}"):
        ExternalTier.load(path)
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "sha256" not in line))
    with pytest.raises(PackUnfit, match=rf"weather\.yaml:2: sha256 is missing; .*write: sha256: {digest(folder)}"):
        ExternalTier.load(path)


def test_a_bert_has_all_its_positions_and_a_roberta_those_after_its_padding() -> None:
    sizes = {
        "vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8,
        "max_position_embeddings": 66,
    }  # fmt: skip
    bert, roberta = BertModel(BertConfig(**sizes)), RobertaModel(RobertaConfig(**sizes, pad_token_id=1))
    assert [_positions_apart(model) for model in (bert, roberta)] == [0, 2]


def test_no_pickles_no_code_no_half_models(weather: Path, tagger: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(weather, folder)
    config = json.loads((folder / "config.json").read_text())

    def refused(says: str, more: str = "") -> None:
        with pytest.raises(PackUnfit, match=says):
            ExternalTier.load(pack(folder, "distress: storm", more=more))

    assert config.pop("problem_type") == "single_label_classification"
    (folder / "config.json").write_text(json.dumps(config))
    refused("output: softmax where they do")
    refused("the model reads 64 tokens at most, not 65", "max_tokens: 65\noutput: softmax")
    (folder / "marker.py").write_text("raise SystemExit('ran')")
    (folder / "config.json").write_text(
        json.dumps(
            config
            | {
                "model_type": "weather-own",
                "auto_map": {"AutoConfig": "marker.C", "AutoModelForSequenceClassification": "marker.M"},
            }
        )
    )
    refused("cannot be loaded", "output: softmax")
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 2}))
    refused("the weights lack bert.encoder.layer.1", "output: softmax")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0garbage")
    refused("cannot be loaded", "output: softmax")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused(r"no \*\.safetensors, only pytorch_model\.bin, which may run code")
    (folder / "config.json").unlink()
    refused(r"no config\.json")


def test_nothing_is_fetched_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(PackUnfit, match=r"go-emotions\.yaml:\d+: SamLowe/.* handrail model check .* --download"):
        ExternalTier.load("go-emotions")


def test_a_model_of_the_hub_comes_from_its_cache(weather: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    kept = tmp_path / "models--somebody--weather" / "snapshots" / commit
    shutil.copytree(weather, kept)
    path = tmp_path / "p.yaml"
    path.write_text(
        f"name: w\nmodel: {{hub: somebody/weather, revision: {commit}}}\nlicence: MIT\nlanguages: [en]\n"
        "signals: {distress: storm}\n"
    )
    assert (one(ExternalTier.load(path), STORM).value("distress") or 0) > 0.5


def test_a_wrong_kind_is_told(weather: Path, tagger: Path, tmp_path: Path) -> None:
    with pytest.raises(PackUnfit, match=r"see kind|cannot be loaded|numbers where"):
        ExternalTier.load(
            pack(tagger, "distress: B-STORM", file=tmp_path / "p.yaml", more="kind: sequence\noutput: softmax")
        )
