"""The corpus that was written for this project: read, checked and counted."""

from __future__ import annotations

from detectors.corpus.errors import CorpusInvalid, Fault
from detectors.corpus.reading import FOLDER, Corpus, CorpusItem, read_corpus

__all__ = ["FOLDER", "Corpus", "CorpusInvalid", "CorpusItem", "Fault", "read_corpus"]
