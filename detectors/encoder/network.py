"""The network: one shared MiniLM encoder, a trunk for each side and for emotions, heads. Needs the extra ``[torch]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from detectors.encoder.framing import TAGS
from detectors.encoder.heads import EMOTION_HEADS, LEVELS, RECENCIES, REPLY_HEADS, USER_HEADS

__all__ = ["Network"]

_TRUNK: Final = 256
_PLAIN: Final = len(USER_HEADS) - len(LEVELS) - len(EMOTION_HEADS)  # of a person's turn, beside levels and emotions


class Network(nn.Module):
    """From token ids to the logits of :data:`~detectors.encoder.heads.OUTPUTS`.

    The state is pooled (mean) over the scored part alone, whose token type is 1; what was said before reaches it through
    attention. Word embeddings stay as they were pre-trained unless they are set free; the tags have embeddings of their own.
    """

    def __init__(self, config: BertConfig, tag_ids: Mapping[str, int] | None, *, dropout: float = 0.1) -> None:
        """``tag_ids``: the tokens of the tags; ``None`` where the word embeddings hold the tags already."""
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False)
        lookup = torch.zeros(config.vocab_size, dtype=torch.long)
        if tag_ids is not None:
            for row, tag in enumerate(TAGS, 1):
                lookup[tag_ids[tag]] = row
        self.register_buffer("tag_rows", lookup, persistent=False)
        self.tags = nn.Embedding(len(TAGS) + 1, config.hidden_size, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        width = config.hidden_size
        self.user = nn.Sequential(nn.Linear(width, _TRUNK), nn.GELU())
        self.emotion = nn.Sequential(nn.Linear(width, _TRUNK), nn.GELU())
        self.reply = nn.Sequential(nn.Linear(width, _TRUNK), nn.GELU())
        self.level = nn.Linear(_TRUNK, 1, bias=False)
        self.first_cut = nn.Parameter(torch.zeros(1))
        self.cut_steps = nn.Parameter(torch.zeros(len(LEVELS) - 1))
        self.user_heads = nn.Linear(_TRUNK, _PLAIN + len(RECENCIES))
        self.emotion_heads = nn.Linear(_TRUNK, len(EMOTION_HEADS))
        self.reply_heads = nn.Linear(_TRUNK, len(REPLY_HEADS))
        words = self.bert.embeddings.word_embeddings.weight
        words.requires_grad_(False)

    def embed(self, input_ids: Tensor) -> Tensor:
        """Words as they were trained, tags in their place."""
        words = self.bert.embeddings.word_embeddings(input_ids)
        rows = self.tag_rows[input_ids]
        return torch.where((rows > 0).unsqueeze(-1), self.tags(rows).to(words.dtype), words)

    def words(self) -> Tensor:
        """The word embeddings with the tags in their places, ``[vocabulary, width]``."""
        every = torch.arange(self.bert.embeddings.word_embeddings.num_embeddings, device=self.tag_rows.device)
        return self.embed(every).detach()

    def cuts(self) -> Tensor:
        """The ordinal head's biases, each below the one before, so that P(level >= k) falls with k (CORAL)."""
        steps = torch.cumsum(nn.functional.softplus(self.cut_steps), dim=0)
        return torch.cat([self.first_cut, self.first_cut - steps])

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Logits, ``[batch, len(OUTPUTS)]``, from ids, mask and types of ``[batch, tokens]``."""
        return self.head(self.states(input_ids, attention_mask, token_type_ids), attention_mask, token_type_ids)

    def states(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """The encoder's last states, ``[batch, tokens, width]``."""
        found: Tensor = self.bert(
            inputs_embeds=self.embed(input_ids), attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        return found

    def head(self, states: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Logits from the encoder's states."""
        return self.answer(self.dropout(self.pooled(states, attention_mask, token_type_ids)))

    def pooled(self, states: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """The mean state of each scored part, ``[batch, width]``."""
        scored = (attention_mask * token_type_ids).unsqueeze(-1).to(states.dtype)
        return (states * scored).sum(1) / scored.sum(1).clamp(min=1.0)

    def votes(self, states: Tensor) -> Tensor:
        """What the heads would say of each token's state alone, ``[batch, tokens, len(OUTPUTS)]``."""
        batch, tokens, width = states.shape
        return self.answer(states.reshape(batch * tokens, width)).reshape(batch, tokens, -1)

    def answer(self, pooled: Tensor) -> Tensor:
        """Logits, ``[rows, len(OUTPUTS)]``, of states of ``[rows, width]``."""
        user = self.user(pooled)
        levels = self.level(user) + self.cuts()
        others = self.user_heads(user)
        emotions = self.emotion_heads(self.emotion(pooled))
        replies = self.reply_heads(self.reply(pooled))
        return torch.cat([levels, others[:, :_PLAIN], emotions, replies, others[:, _PLAIN:]], dim=1)
