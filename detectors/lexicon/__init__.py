"""The lexicon tier: what words alone can tell, at once and in any process."""

from detectors.lexicon.errors import LexiconError
from detectors.lexicon.scorer import LexiconScorer

__all__ = ["LexiconError", "LexiconScorer"]
