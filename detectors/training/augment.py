"""The ways people write: typos, no punctuation, capitals, algospeak, emoji, a medicine by its name. Pure, from a generator
that is given."""

from __future__ import annotations

import re
from random import Random
from typing import Final

__all__ = ["augment"]

_NEIGHBOURS: Final = {
    "q": "wa", "w": "qes", "e": "wrd", "r": "etf", "t": "ryg", "y": "tuh", "u": "yij", "i": "uok", "o": "ipl", "p": "ol",
    "a": "qsz", "s": "adwx", "d": "sfec", "f": "dgrv", "g": "fhtb", "h": "gjyn", "j": "hkum", "k": "jlim", "l": "kop",
    "z": "asx", "x": "zsdc", "c": "xdfv", "v": "cfgb", "b": "vghn", "n": "bhjm", "m": "njk",
}  # fmt: skip
_ALGOSPEAK: Final = (
    (re.compile(r"\b(?:kill|end) myself\b", re.I), ("kms", "unalive myself", "k*ll myself", "off myself")),
    (re.compile(r"\bsuicide\b", re.I), ("sewerslide", "su!cide", "s*icide", "sui", "suic1de")),
    (re.compile(r"\bsuicidal\b", re.I), ("su1cidal", "s*icidal", "suic!dal")),
    (re.compile(r"\bself[- ]harm\b", re.I), ("sh", "self h@rm", "s3lf harm")),
    (re.compile(r"\bdie\b", re.I), ("d!e", "d1e", "di3")),
    (re.compile(r"\bdead\b", re.I), ("de@d", "d3ad")),
    (re.compile(r"\bkill\b", re.I), ("k!ll", "k1ll")),
)
_SLANG: Final = (
    (re.compile(r"\byou\b", re.I), "u"), (re.compile(r"\bare\b", re.I), "r"), (re.compile(r"\bbecause\b", re.I), "bc"),
    (re.compile(r"\bdon'?t know\b", re.I), "idk"), (re.compile(r"\bto be honest\b", re.I), "tbh"),
    (re.compile(r"\bgoing to\b", re.I), "gonna"), (re.compile(r"\bwant to\b", re.I), "wanna"),
    (re.compile(r"\bplease\b", re.I), "pls"), (re.compile(r"\bpeople\b", re.I), "ppl"),
    (re.compile(r"\btonight\b", re.I), "2nite"),
)  # fmt: skip
_MEDICINE: Final = re.compile(
    r"\b(?:pills?|tablets?|meds|medication|medicine|painkillers?|antidepressants?|sleeping (?:pills|tablets))\b", re.I
)
_MEDICINES: Final = (
    "paracetamol", "tylenol", "ibuprofen", "advil", "aspirin", "codeine", "sertraline", "prozac", "fluoxetine", "citalopram",
    "amitriptyline", "quetiapine", "lithium", "xanax", "diazepam", "zopiclone", "melatonin", "benadryl", "metformin",
    "propranolol", "gabapentin", "tramadol", "antihistamines", "vitamins", "adderall", "trazodone",
)  # fmt: skip
"""What people call a medicine by. A name says nothing of whether it is taken as it should be, so each comes up in harmless
texts as often as in others."""
_NUMBERS: Final = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10",
    "twelve": "12", "fifteen": "15", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60",
}  # fmt: skip
_NUMBER: Final = re.compile(rf"\b(?:{'|'.join(_NUMBERS)})\b", re.I)
_PUNCTUATION: Final = re.compile(r"[.,;:!?\"()…]+")
_EMOJI: Final = ("🙂", "😭", "😂", "💀", "🥲", "😔", "❤️", "🙃", "😅", "✨")


def augment(text: str, random: Random) -> str:
    """One way in which ``text`` might have been written instead, often itself. What it says stays the same."""
    if random.random() < 0.35:
        return text
    if random.random() < 0.3:
        for pattern, spellings in _ALGOSPEAK:
            if random.random() < 0.5:
                chosen = random.choice(spellings)
                text = pattern.sub(chosen, text)
    if random.random() < 0.25:
        for pattern, short in _SLANG:
            if random.random() < 0.6:
                text = pattern.sub(short, text)
    if random.random() < 0.4:
        text = _MEDICINE.sub(random.choice(_MEDICINES), text, count=1)
    if random.random() < 0.3:
        text = _NUMBER.sub(lambda found: _NUMBERS[found[0].lower()], text)
    if random.random() < 0.3:
        text = _PUNCTUATION.sub(" ", text).strip() or text
    if random.random() < 0.2:
        text = text.replace("'", "").replace("’", "")
    if random.random() < 0.35:
        text = _typos(text, random)
    if random.random() < 0.2:
        text = text.upper() if random.random() < 0.3 else text.lower()
    if random.random() < 0.08:
        text = f"{text} {random.choice(_EMOJI)}"
    return text


def _typos(text: str, random: Random) -> str:
    """One slip in about 40 letters: a letter dropped, doubled, swapped with the next, or its neighbour on the keyboard."""
    letters = list(text)
    for _ in range(1 + len(letters) // 40):
        at = random.randrange(len(letters)) if letters else 0
        if not letters or not letters[at].isalpha():
            continue
        kind = random.randrange(4)
        if kind == 0 and len(letters) > 3:
            del letters[at]
        elif kind == 1:
            letters.insert(at, letters[at])
        elif kind == 2 and at + 1 < len(letters) and letters[at + 1].isalpha():
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        elif letters[at].lower() in _NEIGHBOURS:
            letters[at] = random.choice(_NEIGHBOURS[letters[at].lower()])
    return "".join(letters)
