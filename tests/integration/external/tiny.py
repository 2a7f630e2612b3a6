"""Two real, tiny classifiers of transformers, trained in seconds on words of the weather, and packs for them."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertForSequenceClassification, BertForTokenClassification, PreTrainedTokenizerFast

from detectors.external.files import digest

__all__ = ["TAGS", "WEATHER", "pack", "tagger", "weather"]

WEATHER: Final = ("calm", "rain", "storm")
TAGS: Final = ("O", "B-STORM", "I-STORM")

_LINE: Final = "the sky is blue today and we walk home by sea with bread tea then sleep well under old trees"
_PLAIN: Final = _LINE.split()
_SIGNS: Final = {"drizzle": 1, "puddles": 1, "thunder": 2, "lightning": 2}
_SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_LONGEST: Final = 66
_STEPS: Final = 80


def _tokenizer() -> PreTrainedTokenizerFast:
    entries = [*_SPECIAL, *_PLAIN, *_SIGNS, "user", "bot", "roars", *string.ascii_lowercase, *".,:;!?'-"]
    entries += [f"##{letter}" for letter in string.ascii_lowercase]
    made = Tokenizer(WordPiece({entry: at for at, entry in enumerate(dict.fromkeys(entries))}, unk_token="[UNK]"))
    made.normalizer = BertNormalizer(lowercase=True)
    made.pre_tokenizer = BertPreTokenizer()
    ends = [(token, made.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    made.post_processor = TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=ends
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        mask_token="[MASK]",
        model_max_length=_LONGEST - 2,
    )


def _config(size: int, labels: Sequence[str], **more: object) -> BertConfig:
    return BertConfig(
        vocab_size=size,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=_LONGEST,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        id2label=dict(enumerate(labels)),
        label2id={label: at for at, label in enumerate(labels)},
        **more,
    )


def _sentences(chance: random.Random) -> list[list[str]]:
    found = []
    for _ in range(16):
        words = chance.choices(_PLAIN, k=chance.randint(2, 12))
        if chance.random() < 0.66:
            words.insert(chance.randint(0, len(words)), chance.choice(list(_SIGNS)))
        found.append(words)
    return found


def _trained(model: Any, tokenizer: PreTrainedTokenizerFast, *, tokens: bool) -> None:
    chance = random.Random(7)
    torch.set_num_threads(1)  # more would only wait for each other
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    model.train()
    for _ in range(_STEPS):
        sentences = _sentences(chance)
        given = tokenizer([" ".join(words) for words in sentences], padding=True, return_tensors="pt")
        if tokens:
            storms = [tokenizer.convert_tokens_to_ids(word) for word in ("thunder", "lightning")]
            labels = torch.isin(given["input_ids"], torch.tensor(storms)).long()
            labels[given["attention_mask"] == 0] = -100
        else:
            labels = torch.tensor([max((_SIGNS.get(word, 0) for word in words), default=0) for words in sentences])
        loss = model(**given, labels=labels).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    model.eval()


def weather(folder: Path, **config: object) -> Path:
    """A sequence classifier with labels :data:`WEATHER`, saved to ``folder``."""
    torch.manual_seed(3)
    tokenizer = _tokenizer()
    model = BertForSequenceClassification(
        _config(len(tokenizer), WEATHER, **({"problem_type": "single_label_classification"} | config))
    )
    _trained(model, tokenizer, tokens=False)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tagger(folder: Path) -> Path:
    """A token classifier with labels :data:`TAGS`, saved to ``folder``."""
    torch.manual_seed(3)
    tokenizer = _tokenizer()
    model = BertForTokenClassification(_config(len(tokenizer), TAGS))
    _trained(model, tokenizer, tokens=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def pack(folder: Path, signals: str, *, file: Path | None = None, name: str = "weather", more: str = "") -> Path:
    """A pack file for the model in ``folder``; ``signals`` and ``more`` are lines of YAML."""
    file = file or folder.parent / f"{name}.yaml"
    lines = "\n".join(f"  {line}" for line in signals.strip().splitlines())
    languages = "" if "languages:" in more else "languages: [en]\n"
    file.write_text(
        f"name: {name}\nmodel:\n  folder: {folder}\n  sha256: {digest(folder)}\nlicence: Apache-2.0\n{languages}{more}\n"
        f"signals:\n{lines}\n",
        "utf-8",
    )
    return file
