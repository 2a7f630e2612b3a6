"""A tokenizer of the encoder's family, small enough to see through: known words whole, all others by letters."""

from __future__ import annotations

import string

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

LINE = "i want to die these shoes are killing me hello yeah no maybe user bot whole question how you doing today"
WORDS = LINE.split()


def tokenizer() -> Tokenizer:
    """Has the special and spare tokens that frames need."""
    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"[unused{at}]" for at in range(20)), *WORDS]
    entries += [*string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase), *string.digits, *".,'!?"]
    vocabulary = {entry: at for at, entry in enumerate(dict.fromkeys(entries))}
    found = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    found.normalizer = BertNormalizer(lowercase=True)
    found.pre_tokenizer = BertPreTokenizer()
    return found
