"""The head as a recogniser of Presidio's."""

from __future__ import annotations

from typing import Final

from presidio_analyzer import LocalRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts

from detectors.pii.head import Head
from detectors.pii.tags import TYPES

__all__ = ["NameRecogniser"]

_BEYOND_LATIN: Final = "\u0250"


class NameRecogniser(LocalRecognizer):
    """Persons, places and organisations."""

    def __init__(self, head: Head) -> None:
        self._head = head
        super().__init__(supported_entities=list(TYPES), name="HandrailNames", supported_language="en")

    def load(self) -> None:
        """Nothing: the head is loaded."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None) -> list[RecognizerResult]:
        """See :class:`presidio_analyzer.EntityRecognizer`. What the head finds counts: its own bias decides. A passage that
        is mostly in another script than Latin is left alone, for the head knows none."""
        if not _latin(text):
            return []
        return [
            RecognizerResult(name.type, name.start, name.end, 1.0) for name in self._head.find(text) if name.type in entities
        ]


def _latin(text: str) -> bool:
    """Whether at least half of the letters are Latin."""
    letters = [character for character in text if character.isalpha()]
    return 2 * sum(character < _BEYOND_LATIN for character in letters) >= len(letters)
