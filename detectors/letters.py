"""Letters and signs one by one: what each folds to, and what letters of other alphabets pass for."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from detectors import spellings

__all__ = ["attaches", "controlled", "fold", "unmasked"]

_CARVED: Final = "ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ" + "ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃ" + "ոսօցզհ"
_CARVED_LATIN: Final = "abcdefghijklmnoprstuvwxyz" + "abcdeghijklmprstvwz" + "nuogqh"

_LOOKALIKES: Final = {
    ord(a): b
    for a, b in zip(
        "авсеһіјкмноӏрԛѕтцхуԝёїғгαβγεηικνορτυχωϲϳ" + "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢɑɡɩɼʋ" + _CARVED,
        "abcehijkmholpqstuxyweifrabyenikvoptuxwcj" + "abcdefghijklmnoprstuvwyzagiru" + _CARVED_LATIN,
        strict=True,
    )
}
"""Lower-case letters of other alphabets, and small capitals, that pass for a Latin letter."""

_CYRILLIC: Final = dict(zip(map(ord, "abceikmhoptxy"), "авсеікмнортху", strict=True))
"""Latin letters that pass for a Cyrillic one."""

_SMALL_CAPITALS: Final = frozenset("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢɑɡ")

_PLAIN: Final = {
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "`": "'", "´": "'", "ʼ": "'", "＇": "'",
    "“": '"', "”": '"', "„": '"', "‟": '"', "″": '"', "«": '"', "»": '"',
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": " - ", "―": " - ", "−": "-",
    "ß": "ss", "ø": "o", "đ": "d", "ł": "l", "ħ": "h", "ı": "i", "œ": "oe", "æ": "ae", "\x85": "\n", "\u2028": "\n",
    "\u2029": "\n",
}  # fmt: skip

_ALPHABETIC: Final = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=8192)
def fold(character: str) -> tuple[str, bool, bool]:
    """One non-ASCII character: what it becomes, whether it is a combining mark, whether it ends in a Latin letter."""
    category = unicodedata.category(character)
    if category in ("Cf", "Cs", "Cn", "Co") or character in "\u034f\u115f\u1160\u3164\uffa0":
        return "", False, False
    if character in _PLAIN:
        plain = _PLAIN[character]
        return plain, False, plain[-1].isalpha()
    if category == "Cc":
        return controlled(character), False, False
    code = ord(character)
    if 0xFE00 <= code <= 0xFE0F or 0x1F3FB <= code <= 0x1F3FF or 0x1F1E6 <= code <= 0x1F1FF:
        return "", False, False
    if category in ("Mn", "Me", "Mc"):
        return character, True, False
    for first in (0x1F130, 0x1F150, 0x1F170):
        if first <= code < first + 26:
            return chr(ord("a") + code - first), False, True
    if category == "So" and (code >= 0x1F000 or 0x2600 <= code <= 0x27BF or 0x2B00 <= code <= 0x2BFF):
        name = spellings.EMOJI.get(character) or unicodedata.name(character, "symbol").lower().replace("-", " ")
        return f" {name} ", False, False
    folded = character
    for _ in range(4):
        step = "".join(_PLAIN.get(c, c) for c in unicodedata.normalize("NFKC", folded).casefold())
        if step == folded:
            break
        folded = step
    bare = ""
    for c in folded:
        kind = unicodedata.category(c)
        if c < " " or kind in ("Cf", "Cs", "Cn", "Co", "Cc") or (kind == "Mn" and bare and _is_latin(bare[-1])):
            continue
        bare += _bare(c)
    mark = len(bare) == 1 and unicodedata.category(bare) == "Mn"  # a half-width voicing mark
    return bare, mark, bool(bare) and _is_latin(bare[-1])


def _bare(character: str) -> str:
    """A Latin letter without its accents; any other character as it is."""
    if character < "\x80" or not _is_latin(character):
        return character
    plain = "".join(c for c in unicodedata.normalize("NFD", character) if unicodedata.category(c) != "Mn")
    return _PLAIN.get(plain, plain)


@lru_cache(maxsize=4096)
def _is_latin(character: str) -> bool:
    return character.isalpha() and (character < "\x80" or unicodedata.name(character, "").startswith("LATIN"))


def controlled(character: str) -> str:
    """A control character: white space where it is some, else nothing."""
    return " " if character.isspace() else ""


def attaches(character: str) -> bool:
    """Whether the character attaches to the one before it."""
    return unicodedata.category(character) in ("Mn", "Me", "Mc")


def unmasked(text: str) -> str:
    """Look-alike letters read as what they pass for.

    Latin in words that mix alphabets, and everywhere in a text that is mostly Latin; Cyrillic in a mixed word that cannot be
    a Latin one, or that could be either in a text that is mostly and surely Cyrillic.
    """
    if text.isascii() or not any(ord(c) in _LOOKALIKES for c in text):
        return text
    latin = sum("a" <= c <= "z" for c in text)
    other = sum(c.isalpha() and c > "\x7f" and c not in _SMALL_CAPITALS for c in text)
    mostly_latin = latin > other
    surely_other = any(c.isalpha() and c > "\x7f" and ord(c) not in _LOOKALIKES for c in text)
    letters = list(text)
    for match in _ALPHABETIC.finditer(text):
        word = match.group()
        if word.isascii():
            continue
        mixed = any("a" <= c <= "z" for c in word)
        disguised = mixed or any(c in _SMALL_CAPITALS for c in word)
        passing = all(c < "\x80" or ord(c) in _LOOKALIKES for c in word)
        table: dict[int, str] | None = None
        if (
            mixed
            and (not passing or (surely_other and not mostly_latin))
            and all(c > "\x7f" or ord(c) in _CYRILLIC for c in word)
        ):
            table = _CYRILLIC if all("\u0400" <= c <= "\u04ff" for c in word if c > "\x7f") else None
        if table is None and (disguised or (mostly_latin and passing)):
            table = _LOOKALIKES
        if table is not None:
            for at in range(match.start(), match.end()):
                letters[at] = table.get(ord(letters[at]), letters[at])
    return "".join(letters)
