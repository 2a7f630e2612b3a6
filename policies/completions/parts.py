"""Parts of a message: choosing a variant, putting parts together, and leaving some out where there is too much."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from policies.completions.catalog import Variant
from policies.completions.contract import BeatUse, Need, ResourceUse
from policies.completions.reading import words

__all__ = ["KEEP", "Part", "choose", "fit", "joined", "shown", "uses"]

KEEP: Final = 0
_MATTERS: Final = 4  # parts up to this rank stay until every brief text was used


@dataclass(frozen=True, slots=True)
class Part:
    """One beat as it will be spoken. ``paragraph``: parts of one number stand together. ``spare``: 0 is never left out;
    of the others, the highest goes first where a message is too long. ``brief``: a shorter text for the same, used before
    anything that matters more is left out. ``resource``: the contact that it shows."""

    beat: str
    variant: str
    text: str
    paragraph: int = 0
    spare: int = KEEP
    brief: str | None = None
    resource: ResourceUse | None = None


def choose(pool: Sequence[Variant], need: Need, attempt: int) -> Variant:
    """A variant by the need's seed: the same need gives the same one, and what was spoken waits until all were."""

    def rank(variant: Variant) -> tuple[bool, bytes]:
        digest = hashlib.blake2b(variant.id.encode(), key=need.seed[:64], salt=attempt.to_bytes(16, "big"), digest_size=8)
        return variant.id in need.spoken, digest.digest()

    return min(pool, key=rank)


def fit(parts: Sequence[Part], limit: int) -> list[Part]:
    """The parts, with spare ones left out until at most ``limit`` words remain (or none is spare)."""
    kept = list(parts)
    while len(words(joined(kept))) > limit:
        spare = max(kept, key=lambda part: part.spare, default=None)
        if spare is None:
            break
        long = next((at for at, part in enumerate(kept) if part.brief is not None), None)
        if spare.spare <= _MATTERS and long is not None:
            kept[long] = replace(kept[long], text=kept[long].brief or "", brief=None)
        elif spare.spare == KEEP:
            break
        else:
            kept.remove(spare)
    return kept


def joined(parts: Sequence[Part]) -> str:
    """The message: sentences of a paragraph by a space, paragraphs by an empty line."""
    paragraphs: dict[int, list[str]] = {}
    for part in parts:
        if part.text:
            paragraphs.setdefault(part.paragraph, []).append(part.text)
    return "\n\n".join(" ".join(texts) for texts in paragraphs.values())


def shown(parts: Sequence[Part]) -> tuple[ResourceUse, ...]:
    """The contacts that the parts show, each once."""
    found = {part.resource.id: part.resource for part in parts if part.resource is not None}
    return tuple(found.values())


def uses(parts: Sequence[Part]) -> tuple[BeatUse, ...]:
    """What is recorded of the parts."""
    return tuple(BeatUse(part.beat, part.variant) for part in parts)
