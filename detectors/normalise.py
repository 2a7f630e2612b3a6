"""The one normaliser: what the lexicon, the model and the training read, with a way back to the message as received.

Folds compatibility forms (NFKC), case, Latin accents, look-alike letters, curly quotes and dashes; drops zero-width and
control characters; writes emoji as words; joins spaced-out letters; undoes letter substitutions and the spellings that
people use to get past filters. Everything runs in time linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from detectors import spellings

__all__ = ["Normalised", "normalise"]

_MARKS_KEPT: Final = 4  # marks on one letter that can mean something; a pile of them is ornament

_LOOKALIKES: Final = {
    ord(a): b
    for a, b in zip(
        "авсеһіјкмноӏрԛѕтцхуԝёіїғгαβγεηικνορτυχωϲϳ" + "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢɑɡıɩɼʋ",
        "abcehijkmholpqstuxywëiifrabyenikvoptuxwcj" + "abcdefghijklmnoprstuvwyzagiiru",
        strict=False,
    )
}
"""Lower-case letters of other alphabets, and small capitals, that pass for a Latin letter."""

_SMALL_CAPITALS: Final = frozenset("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢɑɡ")

_PLAIN: Final = {
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "`": "'", "´": "'", "ʼ": "'", "＇": "'",
    "“": '"', "”": '"', "„": '"', "‟": '"', "″": '"', "«": '"', "»": '"',
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": " - ", "―": " - ", "−": "-",
    "ß": "ss", "ø": "o", "đ": "d", "ł": "l", "ħ": "h", "ı": "i", "œ": "oe", "æ": "ae",
}  # fmt: skip

_REPEATED: Final = re.compile(r"([a-z])\1\1+")
_SPACED: Final = re.compile(r"(?<![\w'])(?:[a-z][ .*_-]){2,60}[a-z](?![\w'])")
_TOKEN: Final = re.compile(r"[\w@$!*|+#]+(?:'\w+)?")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A normalised text and where each of its characters came from.

    ``starts[i]`` and ``ends[i]`` are the half-open span, in code points of the original, behind character ``i``. Both never
    decrease.
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's half-open span behind the half-open span of ``text``. Raises ``ValueError`` for an empty one."""
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"no characters between {start} and {end} in a text of {len(self.text)}")
        return self.starts[start], self.ends[end - 1]


def normalise(text: str) -> Normalised:
    """The normal form of ``text``. Never raises for any string, lone surrogates included."""
    found = _characters(text)
    if _REPEATED.search(found.text):
        found = _rewrite(found, _REPEATED, lambda match: _shortened(match, found.text))
    if _SPACED.search(found.text):
        found = _rewrite(found, _SPACED, _joined)
    return _rewrite(found, _TOKEN, _respelt)


def _characters(text: str) -> Normalised:
    """Character by character: what a letter, sign or emoji folds to."""
    if text.isascii():
        folded = text.lower()
        if folded.isprintable() or not any(c < " " and c not in "\n\t\r" for c in folded):
            return Normalised(folded.replace("`", "'"), range(len(text)), range(1, len(text) + 1))
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    marks = 0
    after_latin = False
    for at, character in enumerate(text):
        if character < "\x80":
            piece = character.lower() if character >= " " or character in "\n\t\r" else ""
            piece = "'" if piece == "`" else piece
            marks, after_latin = 0, True
        else:
            piece, mark, latin = _fold(character)
            if mark:
                marks += 1
                if after_latin or marks > _MARKS_KEPT:
                    piece = ""
            elif piece:
                marks, after_latin = 0, latin
        if not piece:
            # A mark or an invisible character belongs to what it follows: a span that ends there takes it along.
            if _attaches(character) and ends:
                ends[-1] = at + 1
            continue
        pieces.append(piece)
        starts.extend([at] * len(piece))
        ends.extend([at + 1] * len(piece))
    return _unmasked(Normalised("".join(pieces), starts, ends))


def _attaches(character: str) -> bool:
    """Whether the character attaches to the one before it."""
    return unicodedata.category(character) in ("Mn", "Me", "Mc")


@lru_cache(maxsize=8192)
def _fold(character: str) -> tuple[str, bool, bool]:
    """One non-ASCII character: what it becomes, whether it is a combining mark, whether it ends in a Latin letter."""
    category = unicodedata.category(character)
    if category in ("Cf", "Cs", "Cn", "Co") or character in "\u034f\u115f\u1160\u3164\uffa0":
        return "", False, False
    if category == "Cc":
        return " " if character == "\x85" else "", False, False
    code = ord(character)
    if 0xFE00 <= code <= 0xFE0F or 0x1F3FB <= code <= 0x1F3FF or 0x1F1E6 <= code <= 0x1F1FF:
        return "", False, False
    if category in ("Mn", "Me", "Mc"):
        return character, True, False
    for first in (0x1F130, 0x1F150, 0x1F170):
        if first <= code < first + 26:
            return chr(ord("a") + code - first), False, True
    if character in _PLAIN:
        plain = _PLAIN[character]
        return plain, False, plain[-1].isalpha()
    if category == "So" and (code >= 0x1F000 or 0x2600 <= code <= 0x27BF or 0x2B00 <= code <= 0x2BFF):
        name = spellings.EMOJI.get(character) or unicodedata.name(character, "symbol").lower().replace("-", " ")
        return f" {name} ", False, False
    folded = character
    for _ in range(4):
        step = "".join(_PLAIN.get(c, c) for c in unicodedata.normalize("NFKC", folded).casefold())
        if step == folded:
            break
        folded = step
    bare = "".join(_bare(c) for c in folded if c >= " " and unicodedata.category(c) not in ("Cf", "Cs", "Cn", "Co", "Cc"))
    return bare, False, bool(bare) and _is_latin(bare[-1])


def _bare(character: str) -> str:
    """A Latin letter without its accents; any other character as it is."""
    if character < "\x80" or not _is_latin(character):
        return character
    plain = "".join(c for c in unicodedata.normalize("NFD", character) if unicodedata.category(c) != "Mn")
    return _PLAIN.get(plain, plain)


@lru_cache(maxsize=4096)
def _is_latin(character: str) -> bool:
    return character.isalpha() and (character < "\x80" or unicodedata.name(character, "").startswith("LATIN"))


def _unmasked(found: Normalised) -> Normalised:
    """Look-alike letters read as Latin: in words that mix alphabets, and everywhere in a text that is mostly Latin."""
    text = found.text
    if text.isascii() or not any(ord(c) in _LOOKALIKES for c in text):
        return found
    latin = sum("a" <= c <= "z" for c in text)
    other = sum(c.isalpha() and c > "\x7f" and c not in _SMALL_CAPITALS for c in text)
    mostly_latin = latin > other
    letters = list(text)
    for match in re.finditer(r"[^\W\d_]+", text):
        word = match.group()
        if word.isascii():
            continue
        disguised = any(c in _SMALL_CAPITALS for c in word) or any("a" <= c <= "z" for c in word)
        passing = all(c < "\x80" or ord(c) in _LOOKALIKES for c in word)
        if disguised or (mostly_latin and passing):
            for at in range(match.start(), match.end()):
                letters[at] = _LOOKALIKES.get(ord(letters[at]), letters[at])[0]
    return Normalised("".join(letters).replace("ë", "e"), found.starts, found.ends)


def _rewrite(found: Normalised, pattern: re.Pattern[str], become: Callable[[re.Match[str]], str | None]) -> Normalised:
    """``found`` with each match replaced by what ``become`` says, ``None`` leaving it as it is."""
    changes: list[tuple[int, int, str]] = []
    for match in pattern.finditer(found.text):
        new = become(match)
        if new is not None:
            changes.append((match.start(), match.end(), new))
    if not changes:
        return found
    text, starts, ends = found.text, found.starts, found.ends
    pieces: list[str] = []
    new_starts: list[int] = []
    new_ends: list[int] = []
    done = 0
    for start, end, new in changes:
        pieces.append(text[done:start])
        new_starts.extend(starts[done:start])
        new_ends.extend(ends[done:start])
        pieces.append(new)
        new_starts.extend([starts[start]] * len(new))
        new_ends.extend([ends[end - 1]] * len(new))
        done = end
    pieces.append(text[done:])
    new_starts.extend(starts[done:])
    new_ends.extend(ends[done:])
    return Normalised("".join(pieces), new_starts, new_ends)


def _shortened(match: re.Match[str], text: str) -> str | None:
    """A letter repeated three times or more: once, or twice where that is the word people mean."""
    letter = match.group(1)
    start, end = match.start(), match.end()
    before = re.search(r"[a-z]{0,12}$", text[max(0, start - 12) : start])
    after = re.match(r"[a-z]{0,12}", text[end : end + 12])
    head = _squeezed(before.group() if before else "")
    tail = _squeezed(after.group() if after else "")
    if not head and not tail and letter in "iwx":
        return None
    return letter * 2 if head + letter * 2 + tail in spellings.DOUBLED else letter


def _squeezed(part: str) -> str:
    return _REPEATED.sub(r"\1", part)


def _joined(match: re.Match[str]) -> str | None:
    """Spaced-out letters as words: ``k i l l m e`` is ``kill me``."""
    letters = re.sub(r"[ .*_-]", "", match.group())
    return " ".join(_segments(letters) or [letters])


def _segments(letters: str) -> list[str] | None:
    """``letters`` as a run of known words, ``None`` where they are not. Bounded by the length that _SPACED allows."""
    best: list[list[str] | None] = [[]] + [None] * len(letters)
    for end in range(1, len(letters) + 1):
        for length in range(min(spellings.LONGEST, end), 0, -1):
            head = best[end - length]
            if head is not None and letters[end - length : end] in spellings.WORDS:
                best[end] = [*head, letters[end - length : end]]
                break
    return best[-1]


def _respelt(match: re.Match[str]) -> str | None:
    """A word under its plain spelling, ``None`` where it already has it."""
    token = match.group()
    if token.isalpha():
        return spellings.SLANG.get(token)
    plain = spellings.SLANG.get(token)
    if plain is not None:
        return plain
    core = token.rstrip("!|+#*$@_")
    if core.isalpha():
        plain = spellings.SLANG.get(core)
        return None if plain is None else plain + token[len(core) :]
    if len(token) > spellings.LONGEST + 4 or not any(map(str.isalpha, token)):
        return None
    for body, tail in ((token, ""), (core, token[len(core) :])):
        word = spellings.unmask(body)
        if word is not None:
            return spellings.SLANG.get(word, word) + tail
    return None
