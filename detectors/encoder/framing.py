"""How a text and what was said before it become the encoder's input, in training and in serving alike.

``[CLS] [user] … [bot] … [SEP] [user, scored] text [SEP]``: each turn is tagged with its speaker (EmoBERTa; Kim and Vossen
2021), the text that is scored comes last and has a tag and token types of its own, and an open safety question's rung
follows that tag. The tags are tokens that the vocabulary has to spare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tokenizers import Tokenizer

from detectors.contract import Item, Speaker
from detectors.normalise import normalise
from detectors.signals import Side

__all__ = ["LONGEST", "TAGS", "TRAINED", "Frame", "Framer"]

TRAINED: Final = 128
"""Tokens of a frame in training."""

LONGEST: Final = 512
"""Tokens of a frame that the encoder has positions for."""

TAGS: Final = ("user", "bot", "user_scored", "bot_scored", "whole", *(f"asked_{rung}" for rung in range(7)))
"""Tags in the order of the spare tokens ``[unused0]`` and on."""

_CONTEXT_TOKENS: Final = 48  # of one earlier turn, its end
_CONTEXT_TURNS: Final = 4
_CONTEXT_CHARACTERS: Final = 600  # of one earlier turn: more than _CONTEXT_TOKENS can hold
_TOKEN_CHARACTERS: Final = 100  # a word above this is one unknown token; it is cut so that others stay readable


@dataclass(frozen=True, slots=True)
class Frame:
    """One input. ``scored`` is where the scored part begins: from there on the token type is 1."""

    ids: tuple[int, ...]
    scored: int


class Framer:
    """Makes frames. Safe to share between threads."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """``tokenizer``: WordPiece, lower-casing. It is set to neither pad nor cut."""
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._cls, self._sep, self.pad, self.unknown = (self._id(token) for token in ("[CLS]", "[SEP]", "[PAD]", "[UNK]"))
        self.mask = self._id("[MASK]")
        self.tags = {tag: self._id(f"[unused{at}]") for at, tag in enumerate(TAGS)}
        self.marks = frozenset((self._cls, self._sep, self.pad, *self.tags.values()))

    def _id(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(f"the tokenizer has no token {token}; use one of the BERT family")
        return int(found)

    def tokens(self, text: str) -> list[int]:
        """The tokens of a text in normal form. Never raises for what it contains."""
        return list(self._tokenizer.encode(_breakable(normalise(text).text), add_special_tokens=False).ids)

    def places(self, text: str) -> list[tuple[int, int]] | None:
        """Where each of :meth:`tokens` stands in ``text`` as received, half-open in code points; ``None`` where a word was
        so long that it had to be cut."""
        found = normalise(text)
        if _breakable(found.text) != found.text:
            return None
        offsets = self._tokenizer.encode(found.text, add_special_tokens=False).offsets
        return [found.span(start, end) if start < end else (0, 0) for start, end in offsets]

    def frame(self, item: Item, *, longest: int = TRAINED) -> Frame:
        """The frame of ``item`` in at most ``longest`` tokens: the context gives way first, the oldest before the newest,
        and only a text that fills the frame alone loses its end."""
        return self.assemble(item, self.tokens(item.text), longest=longest)

    def assemble(self, item: Item, tokens: Sequence[int], *, longest: int = TRAINED) -> Frame:
        """The frame of ``item`` with ``tokens`` (a window of its text) as what is scored."""
        user = item.side is Side.USER
        head = [self.tags["user_scored" if user else "bot_scored"]]
        if item.whole and not user:
            head.append(self.tags["whole"])
        if user and item.question is not None and 0 <= item.question <= 6:
            head.append(self.tags[f"asked_{item.question}"])
        scored = [*head, *tokens[: longest - len(head) - 3], self._sep]
        room = longest - len(scored) - 2
        context: list[int] = []
        for utterance in reversed(item.context[-_CONTEXT_TURNS:]):
            most = min(room - len(context) - 1, _CONTEXT_TOKENS)
            if most < 1:
                break
            said = self.tokens(utterance.text[-_CONTEXT_CHARACTERS:])[-most:]
            context = [self.tags["user" if utterance.speaker is Speaker.USER else "bot"], *said, *context]
        start = [self._cls, *context, self._sep] if context else [self._cls]
        return Frame((*start, *scored), len(start))


def _breakable(text: str) -> str:
    """The text with no word so long that the tokenizer would give up on it."""
    if all(len(word) <= _TOKEN_CHARACTERS for word in text.split()):
        return text
    return " ".join(
        word[at : at + _TOKEN_CHARACTERS] for word in text.split() for at in range(0, len(word), _TOKEN_CHARACTERS)
    )
