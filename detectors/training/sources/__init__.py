"""Where examples come from: one module for each public data set, with the mask of what it labels, and the corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from detectors.training.errors import DataMissing
from detectors.training.example import Example
from detectors.training.sources import (
    ailuminate_demo,
    corpus,
    counselchat,
    darkbench,
    goemotions,
    hypo,
    sad,
    schizobench,
    spiral_bench,
    synthetic_persona_chat,
    topical_chat,
)

__all__ = ["LICENCES", "SOURCES", "read"]

SOURCES: Final[Mapping[str, Callable[[Path], Iterator[Example]]]] = MappingProxyType(
    {
        "corpus": lambda _: corpus.read(),
        "goemotions": goemotions.read,
        "sad": sad.read,
        "spiral_bench": spiral_bench.read,
        "schizobench": schizobench.read,
        "counselchat": counselchat.read,
        "topical_chat": topical_chat.read,
        "synthetic_persona_chat": synthetic_persona_chat.read,
        "hypo": hypo.read,
        "ailuminate_demo": ailuminate_demo.read,
        "darkbench": darkbench.read,
    }
)
"""Every source by name."""

LICENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "corpus": "Apache-2.0",
        "goemotions": "CC BY 4.0",
        "sad": "MIT",
        "spiral_bench": "MIT",
        "schizobench": "MIT",
        "counselchat": "MIT",
        "topical_chat": "CDLA-Sharing-1.0",
        "synthetic_persona_chat": "CC BY 4.0",
        "hypo": "CC BY 4.0",
        "ailuminate_demo": "CC BY 4.0",
        "darkbench": "MIT",
    }
)
"""Under what licence each source may be used."""


def read(data: Path, names: Sequence[str] = tuple(SOURCES)) -> list[Example]:
    """The examples of these sources. Raises :class:`DataMissing` where a file is not there or not in its form."""
    found: list[Example] = []
    for name in names:
        if name not in SOURCES:
            raise DataMissing(f"there is no source {name!r}; choose from {', '.join(SOURCES)}")
        try:
            found.extend(SOURCES[name](data))
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise DataMissing(
                f"the source {name} cannot be read from {data}: {error!r}; give its folder with --data"
            ) from None
    return found
