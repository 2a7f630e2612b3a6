"""The head's network: the first layers of MiniLM, and a tag for each word piece. Needs the extra ``[torch]``."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from detectors.pii.pieces import LONGEST, SHAPES
from detectors.pii.tags import TAGS
from detectors.training.pretrained import pretrained_folder

__all__ = ["LAYERS", "TagNetwork", "eager_tags", "pretrained_tags", "small_tags"]

LAYERS: Final = 3
"""Of the encoder's six: with them the file stays below 18 MB in int8."""


class TagNetwork(nn.Module):  # type: ignore[misc]  # torch is read as untyped
    """From pieces and shapes to a tag's logits for each piece, ``[batch, tokens, len(TAGS)]``. Word embeddings stay as they
    were trained."""

    def __init__(self, config: BertConfig, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(dropout)
        self.tags = nn.Linear(config.hidden_size, len(TAGS))
        self.bert.embeddings.word_embeddings.weight.requires_grad_(False)

    def words(self) -> Tensor:
        """The word embeddings, ``[vocabulary, width]``."""
        found: Tensor = self.bert.embeddings.word_embeddings.weight.detach()
        return found

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """``token_type_ids``: the pieces' shapes."""
        states = self.bert(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        return self.head(states, attention_mask, token_type_ids)

    def head(self, states: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Logits from the encoder's states."""
        found: Tensor = self.tags(self.dropout(states))
        return found


def pretrained_tags(layers: int = LAYERS) -> TagNetwork:
    """The pre-trained encoder's first ``layers`` under a fresh head. Raises :class:`~detectors.training.errors.RunUnfit`."""
    folder = pretrained_folder()
    full: Any = BertModel.from_pretrained(folder, local_files_only=True, add_pooling_layer=False)
    config: Any = BertConfig.from_pretrained(folder, local_files_only=True, attn_implementation="sdpa")
    config.num_hidden_layers = layers
    config.max_position_embeddings = LONGEST
    config.type_vocab_size = len(SHAPES)
    network = TagNetwork(config)
    state = {name: values for name, values in full.state_dict().items() if name in network.bert.state_dict()}
    state["embeddings.position_embeddings.weight"] = state["embeddings.position_embeddings.weight"][:LONGEST]
    state["embeddings.token_type_embeddings.weight"] = state["embeddings.token_type_embeddings.weight"][:1].repeat(
        len(SHAPES), 1
    )
    network.bert.load_state_dict(state, strict=False)
    return network


def eager_tags(network: TagNetwork) -> TagNetwork:
    """A copy with the attention that the export knows how to fuse."""
    config: Any = BertConfig.from_dict(network.bert.config.to_dict())
    config._attn_implementation = "eager"
    found = TagNetwork(config)
    found.load_state_dict(network.state_dict())
    found.eval()
    return found


def small_tags(vocabulary: int) -> TagNetwork:
    """A tiny network of random weights in the same shape, for tests of the machinery."""
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=48,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=LONGEST,
        type_vocab_size=len(SHAPES),
    )
    config._attn_implementation = "sdpa"
    return TagNetwork(config)
