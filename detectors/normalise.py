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
from typing import Final

from detectors import spellings
from detectors.contractions import beside
from detectors.letters import attaches, controlled, fold, unmasked

__all__ = ["Normalised", "normalise"]

_MARKS_KEPT: Final = 4  # marks on one letter that can mean something; a pile of them is ornament

_ADDRESS: Final = r"(?<!\w)(?:https?://|www\.)\S+"  # a web address stays as it is
_REPEATED: Final = re.compile(r"([a-z])\1\1+")
_SPACED: Final = re.compile(r"(?<![\w'])(?:[a-z](?:[ .*_-]|  )){2,60}[a-z](?![\w'])")
_CONTEXTUAL: Final = re.compile(
    r"(?<![\w'@/.-])(?:ill|id|r|unalive|kms|ctb|self[ -]delete|sewer[ -]slide|graped|sa'e?d)(?![\w'/-])"
)
_TOKEN: Final = re.compile(r"(?<!\w)(?:s/h|w/o?)(?!\w)|[\w@$!*|+#]+(?:'\w+)?")
_BETWEEN: Final = re.compile(r"[ .*_-]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_RUN: Final = re.compile(r"[\t\n\r\x20-\x7e]{2,}|.", re.DOTALL)
_LETTERS_BEFORE: Final = re.compile(r"[a-z]{0,12}\Z")
_LETTERS_AFTER: Final = re.compile(r"[a-z]{0,12}")
_WORD_BEFORE: Final = re.compile(
    r"(?<![\w'])(?:([a-z][a-z']*) {1,2}|(?<![\d.,])(?<!i'm )(?<!am )(?<!aged )\d[\d.,]*k? {0,2})\Z"
)
_WORD_AFTER: Final = re.compile(r" {1,2}([a-z][a-z']*)")
_WITH_ADDRESSES: Final = {
    pattern: re.compile(f"{_ADDRESS}|{pattern.pattern}") for pattern in (_REPEATED, _SPACED, _CONTEXTUAL, _TOKEN)
}


@dataclass(frozen=True, slots=True)
class Normalised:
    """A normalised text and where each of its characters came from.

    ``starts[i]`` and ``ends[i]`` are the half-open span, in code points of the original, behind character ``i``. Both never
    decrease. ``original`` is the message as received, for what the folding takes away (a tone, an accent).
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]
    original: str

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's half-open span behind the half-open span of ``text``. Raises ``ValueError`` for an empty one."""
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"no characters between {start} and {end} in a text of {len(self.text)}")
        return self.starts[start], self.ends[end - 1]


def normalise(text: str) -> Normalised:
    """The normal form of ``text``. Never raises for any string, lone surrogates included."""
    found = _characters(text)
    if _SPACED.search(found.text):
        found = _rewrite(found, _SPACED, _joined)
    if _REPEATED.search(found.text):
        found = _rewrite(found, _REPEATED, _shortened)
    found = _rewrite(found, _TOKEN, _respelt)
    if _CONTEXTUAL.search(found.text):
        found = _rewrite(found, _CONTEXTUAL, _by_neighbours)
    return found


def _characters(text: str) -> Normalised:
    """Character by character: what a letter, sign or emoji folds to."""
    if text.isascii() and (text.isprintable() or not _CONTROL.search(text)):
        return Normalised(text.lower().replace("`", "'"), range(len(text)), range(1, len(text) + 1), text)
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    marks = 0
    after_latin = False
    last = ""  # a letter that what follows may be a part of
    for run in _RUN.finditer(text):
        at, character = run.start(), run.group()
        if len(character) > 1:
            pieces.append(character.lower().replace("`", "'"))
            starts.extend(range(at, run.end()))
            ends.extend(range(at + 1, run.end() + 1))
            marks, after_latin, last = 0, True, ""
            continue
        if character < "\x80":
            piece = character.lower() if character >= " " or character in "\n\t\r" else controlled(character)
            piece = "'" if piece == "`" else piece
            if piece:
                marks, after_latin, last = 0, True, ""
        else:
            piece, mark, latin = fold(character)
            if mark:
                marks += 1
                if after_latin or marks > _MARKS_KEPT:
                    piece = ""
            elif piece:
                marks, after_latin = 0, latin
            if piece and last and (mark or "\u1160" <= piece <= "\u11ff"):
                whole = unicodedata.normalize("NFC", last + piece)
                if len(whole) == 1:
                    pieces[-1] = last = whole
                    ends[-1] = at + 1
                    continue
            if piece:
                last = piece if len(piece) == 1 and not after_latin else ""
        if not piece:
            # A mark belongs to what it follows: a span that ends there takes it along.
            if attaches(character) and ends:
                ends[-1] = at + 1
            continue
        pieces.append(piece)
        starts.extend([at] * len(piece))
        ends.extend([at + 1] * len(piece))
    return Normalised(unmasked("".join(pieces)), starts, ends, text)


def _rewrite(found: Normalised, pattern: re.Pattern[str], become: Callable[[re.Match[str]], str | None]) -> Normalised:
    """``found`` with each match replaced by what ``become`` says, ``None`` leaving it as it is."""
    changes: list[tuple[int, int, str]] = []
    if "www." in found.text or "://" in found.text:
        pattern = _WITH_ADDRESSES[pattern]
    for match in pattern.finditer(found.text):
        new = None if _is_address(match.group()) else become(match)
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
    return Normalised("".join(pieces), new_starts, new_ends, found.original)


def _is_address(matched: str) -> bool:
    return matched.startswith(("http://", "https://", "www."))


def _shortened(match: re.Match[str]) -> str | None:
    """A letter repeated three times or more: once, or twice where that is the word people mean."""
    letter, text = match.group(1), match.string
    start, end = match.start(), match.end()
    before = _LETTERS_BEFORE.search(text[max(0, start - 12) : start])
    after = _LETTERS_AFTER.match(text[end : end + 12])
    head = _squeezed(before.group() if before else "")
    tail = _squeezed(after.group() if after else "")
    if not head and not tail and letter in "iwx":
        return None
    return letter * 2 if head + letter * 2 + tail in spellings.DOUBLED else letter


def _squeezed(part: str) -> str:
    return _REPEATED.sub(r"\1", part)


def _joined(match: re.Match[str]) -> str | None:
    """Spaced-out letters as words: ``k i l l m e`` is ``kill me``. Two spaces part words."""
    words = []
    for part in match.group().split("  "):
        letters = _BETWEEN.sub("", part)
        tries = (letters, _REPEATED.sub(r"\1\1", letters), _REPEATED.sub(r"\1", letters))
        words.append(" ".join(next(filter(None, map(_segments, tries)), [letters])))
    return " ".join(words)


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


def _by_neighbours(match: re.Match[str]) -> str | None:
    """``id``, ``ill``, ``kms`` and their like as what they stand for beside certain words, ``None`` elsewhere."""
    word, text = match.group(), match.string
    before = _WORD_BEFORE.search(text[max(0, match.start() - 16) : match.start()])
    after = _WORD_AFTER.match(text[match.end() : match.end() + 16])
    return beside(word, (before.group(1) or "0") if before else "", after.group(1) if after else "")


def _respelt(match: re.Match[str]) -> str | None:
    """A word under its plain spelling, ``None`` where it already has it."""
    token = match.group()
    plain = spellings.SLANG.get(token)
    if plain is not None or token.isalpha():
        return plain
    body = token.lstrip("#")
    core = body.rstrip("!|+#*$@_")
    head, tail = token[: len(token) - len(body)], body[len(core) :]
    if core.isalpha():
        plain = spellings.SLANG.get(core)
        return None if plain is None else head + plain + tail
    if len(token) <= spellings.LONGEST + 4 and any(map(str.isalpha, token)):
        for masked, rest in ((body, ""), (core, tail)):
            word = spellings.unmask(masked)
            if word is not None:
                return head + spellings.SLANG.get(word, word) + rest
    if "_" in core and "@" not in token:
        # words that an underscore joins, as in a hashtag
        parts = core.split("_")
        if all(len(part) > 1 and part.isalpha() for part in parts):
            return head + " ".join(spellings.SLANG.get(part, part) for part in parts) + tail
    return None
