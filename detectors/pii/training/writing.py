"""Training texts as an epoch draws them: names put into sentences, and the ways people write. Pure, from a generator that is
given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from detectors.pii.tags import TYPES
from detectors.pii.training.material import NAME, Material, Part, Partly, part_of_name
from detectors.pii.training.names import words

__all__ = ["Text", "Writer", "filled", "lowered", "persons"]

_SLOT: Final = re.compile(r"\{([plo])\}")
_KINDS: Final = dict(zip("plo", TYPES, strict=True))
_SPACED: Final = re.compile(r" (?=[.,!?;:)%]|'(?:s|m|re|ve|ll|d)\b|n't\b)|(?<=[(#$]) ")

Span = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Text:
    """``spans``: start, end and type of what is in ``text``. ``unknown``: ranges of words that may be a name too, but of a
    person only where ``persons``."""

    text: str
    spans: tuple[Span, ...]
    unknown: tuple[tuple[int, int], ...] = ()
    persons: bool = False


class Writer:
    """Draws an epoch's texts."""

    def __init__(self, material: Material, *, comments: int = 2500, plain: int = 2500, carriers: int = 3000) -> None:
        self._material, self._comments, self._bare, self._carriers = material, comments, plain, carriers
        seen: dict[str, set[str]] = {kind: set() for kind in TYPES}
        for tagged in material.train:
            for start, end, kind in tagged.spans:
                seen[kind].add(tagged.text[start:end])
        self._seen = {kind: sorted(name for name in names if 2 < len(name) < 40) for kind, names in seen.items()}
        self._first = [name for name in words("first") if part_of_name(name) == "train"]
        self._last = [name for name in words("surnames") if part_of_name(name) == "train"]
        self._own = {
            TYPES[1]: [name for name in words("places") if part_of_name(name) == "train"],
            TYPES[2]: [name for name in words("organisations") if part_of_name(name) == "train"],
        }
        self._carrying, self._nameless = words("carriers"), words("nameless")
        self._named = [comment for comment in material.comments if NAME in comment.text]
        self._plain = [comment for comment in material.comments if NAME not in comment.text]

    def epoch(self, random: Random) -> list[Text]:
        """The texts of one round, shuffled."""
        texts = [Text(tagged.text, tagged.spans) for tagged in self._material.train]
        texts += [self._comment(comment, random) for comment in random.sample(self._named, self._comments)]
        texts += [self._comment(comment, random) for comment in random.sample(self._plain, self._bare)]
        texts += [self._carried(random) for _ in range(self._carriers)]
        random.shuffle(texts)
        return [self._written(text, random) for text in texts]

    def _name(self, kind: str, random: Random) -> str:
        if kind == TYPES[0]:
            chance = random.random()
            if chance < 0.25 and self._seen[kind]:
                name = random.choice(self._seen[kind])
                return name.split()[0] if random.random() < 0.4 else name
            if chance < 0.75:
                return random.choice(self._first)
            if chance < 0.82:
                return random.choice(self._last)
            return f"{random.choice(self._first)} {random.choice(self._last)}"
        if random.random() < 0.35 and self._seen[kind]:
            return random.choice(self._seen[kind])
        return random.choice(self._own[kind])

    def _comment(self, comment: Partly, random: Random) -> Text:
        return filled(comment, [self._name(TYPES[0], random) for _ in range(comment.text.count(NAME))])

    def _carried(self, random: Random) -> Text:
        """One or two sentences of chat, some of them without a name."""
        text, spans = "", []
        for _ in range(random.choice((1, 1, 1, 2))):
            text += random.choice((" ", " ", ". ", "\n", ", ")) if text else ""
            carrier = random.choice(self._carrying if random.random() < 0.65 else self._nameless)
            if random.random() < 0.5:
                carrier = carrier[:1].upper() + carrier[1:]
            done = 0
            for slot in _SLOT.finditer(carrier):
                text += carrier[done : slot.start()]
                name = self._name(_KINDS[slot.group(1)], random)
                spans.append((len(text), len(text) + len(name), _KINDS[slot.group(1)]))
                text += name
                done = slot.end()
            text += carrier[done:]
        return Text(text, tuple(spans))

    def _written(self, text: Text, random: Random) -> Text:
        if random.random() < 0.5:
            text = _cut(text, _SPACED)
        if random.random() < 0.1:
            text = _redacted(text, random)
        chance = random.random()
        if chance < 0.45:
            return lowered(text)
        if chance < 0.48 and len(text.text.upper()) == len(text.text):
            return replace(text, text=text.text.upper())
        return text


def persons(part: Part) -> list[str]:
    """Names of persons for a part's sentences: first names, and first names with a surname."""
    first = [name for name in words("first") if part_of_name(name) == part]
    last = [name for name in words("surnames") if part_of_name(name) == part]
    return [*first, *(f"{one} {other}" for one, other in zip(first, last, strict=False))]


def lowered(text: Text) -> Text:
    """The text without capitals, offsets kept."""
    return replace(text, text="".join(c.lower() if len(c.lower()) == 1 else c for c in text.text))


def filled(comment: Partly, names: Sequence[str]) -> Text:
    """The comment with ``names`` in the place of its names."""
    return Text(*_replaced(comment.text, _names(comment.text, names), (), comment.unknown), comment.persons)


def _names(text: str, names: Sequence[str]) -> Iterator[tuple[int, int, str, str | None]]:
    for match, name in zip(re.finditer(re.escape(NAME), text), names, strict=True):
        yield match.start(), match.end(), name, TYPES[0]


def _cut(text: Text, pattern: re.Pattern[str]) -> Text:
    """The text without what matches."""
    cuts = [(match.start(), match.end(), "", None) for match in pattern.finditer(text.text)]
    return Text(*_replaced(text.text, cuts, text.spans, text.unknown), text.persons)


def _redacted(text: Text, random: Random) -> Text:
    """The text with some of its entities redacted already: their placeholders are no entities."""
    taken = [span for span in text.spans if random.random() < 0.5]
    edits = [(start, end, f"<{kind}>", None) for start, end, kind in sorted(taken)]
    kept = [span for span in text.spans if span not in taken]
    return Text(*_replaced(text.text, edits, kept, text.unknown), text.persons)


def _replaced(
    text: str,
    edits: Sequence[tuple[int, int, str, str | None]] | Iterator[tuple[int, int, str, str | None]],
    spans: Sequence[Span],
    unknown: Sequence[tuple[int, int]],
) -> tuple[str, tuple[Span, ...], tuple[tuple[int, int], ...]]:
    """``edits``: in order; start, end, what stands there then, and of which type that is."""
    pieces: list[str] = []
    new: list[Span] = []
    moved: list[tuple[int, int]] = []  # from where on, by how much
    done = size = 0
    for start, end, become, kind in edits:
        if start < done:
            continue
        pieces += [text[done:start], become]
        size += start - done
        if kind is not None:
            new.append((size, size + len(become), kind))
        size += len(become)
        done = end
        moved.append((end, size - end))
    pieces.append(text[done:])

    def place(at: int) -> int:
        shift = 0
        for since, by in moved:
            if at < since:
                break
            shift = by
        return at + shift

    kept = [(place(start), place(end - 1) + 1, kind) for start, end, kind in spans]
    return "".join(pieces), tuple(sorted([*kept, *new])), tuple((place(start), place(end - 1) + 1) for start, end in unknown)
