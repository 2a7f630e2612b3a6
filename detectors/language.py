"""Which language a text is written in, offline. See ``docs/decisions/0003-language-identifier.md``."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

__all__ = ["SHORTEST_WORDS", "identify"]

SHORTEST_WORDS: Final = 5
"""A text with fewer words inherits what the session's longer turns were identified as."""

_READ: Final = 4000  # code points that are enough to know a language
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_LATIN: Final = re.compile(r"[\x00-\u036f\u1e00-\u1eff\u2000-\u2bff\ufe00-\ufe0f\U0001f000-\U0001faff]*")
_SCRIPTS: Final = (
    (re.compile(r"[\u3040-\u30ff]"), "ja"),
    (re.compile(r"[\uac00-\ud7af\u1100-\u11ff]"), "ko"),
    (re.compile(r"[\u0e00-\u0e7f]"), "th"),
    (re.compile(r"[\u0590-\u05ff]"), "he"),
    (re.compile(r"[\u0370-\u03ff]{3}"), "el"),
    (re.compile(r"[\u0980-\u09ff]"), "bn"),
    (re.compile(r"[\u0b80-\u0bff]"), "ta"),
    (re.compile(r"[\u0c00-\u0c7f]"), "te"),
    (re.compile(r"[\u0a00-\u0a7f]"), "pa"),
    (re.compile(r"[\u0a80-\u0aff]"), "gu"),
    (re.compile(r"[\u0b00-\u0b7f]"), "or"),
    (re.compile(r"[\u0c80-\u0cff]"), "kn"),
    (re.compile(r"[\u0d00-\u0d7f]"), "ml"),
    (re.compile(r"[\u0d80-\u0dff]"), "si"),
    (re.compile(r"[\u0e80-\u0eff]"), "lo"),
    (re.compile(r"[\u1000-\u109f]"), "my"),
    (re.compile(r"[\u10a0-\u10ff]"), "ka"),
    (re.compile(r"[\u1200-\u137f]"), "am"),
    (re.compile(r"[\u1780-\u17ff]"), "km"),
    (re.compile(r"[\u0530-\u058f]"), "hy"),
    (re.compile(r"[\u3400-\u9fff]{2}"), "zh"),
)
"""Scripts that name a language by themselves, looked at in this order (Japanese before Chinese)."""

_UNSPACED: Final = frozenset(("ja", "zh", "th"))
_ENGLISH_LINES: Final = """
i i'm i've the a an and to of is are am my me you it that this was not don't can't want do have in for on with be so
just what how why she he they we but if like feel need know think really never no yes
"""
_ENGLISH: Final = frozenset(_ENGLISH_LINES.split())
_SHARED_LINES: Final = "a am an be do he i in is it me no of on so to we"  # words of other languages as well
_ENGLISH_ALONE: Final = _ENGLISH - frozenset(_SHARED_LINES.split())
_DIALECTS: Final = {"sco": "en"}
"""What the library calls Scots, Jamaican with it, is for readers of English; the English model was trained on both."""

_LIKELY_LINES: Final = """
af ar bg bn ca cs da de el en es et fa fi fr gl hi hr hu id it lt lv ms nb nl no pl pt ro ru sk sl sr sv sw tl tr uk ur vi
"""
_LIKELY: Final = frozenset(_LIKELY_LINES.split())
"""Slang and typos look to the library like languages that few write; of a short text it is believed only these."""

_FEW_WORDS: Final = 10
_NEAR_ENGLISH: Final = frozenset(("af", "ca", "da", "de", "es", "fr", "gl", "it", "nb", "nl", "nn", "no", "pt", "sv"))
"""Languages that have some of English's commonest words."""


@lru_cache(maxsize=1)
def _detector() -> Callable[[bytes], tuple[bool, str]] | None:
    """The library's identifier, loaded at the first need; ``None`` where it is not installed."""
    try:
        library: Any = importlib.import_module("pycld2")
    except ImportError:
        return None

    def detect(data: bytes) -> tuple[bool, str]:
        try:
            reliable, _, found = library.detect(data, bestEffort=True)
        except library.error:
            return False, "un"
        return bool(reliable), str(found[0][1])

    return detect


def identify(text: str, hint: str | None = None) -> str | None:
    """The ISO 639-1 code of the language of ``text``, or ``None`` where it cannot be told.

    ``hint`` is what earlier, longer texts of the same session were identified as: a text under five words inherits it, and
    it wins where the text itself gives no reliable answer. A text that cannot be told is in the language whose core terms of
    suicide and harm it says: those must reach whoever reads that language, and nobody else. Never raises for what ``text``
    contains.
    """
    head = text[:_READ]
    words = _WORD.findall(head)
    found, sure = _identified(head, words, hint)
    if sure or found not in (None, "en") or _a_third(words, _ENGLISH_ALONE):
        return found
    from detectors.lexicon.multilingual import spoken  # the lexicon asks this module, too

    return spoken(head) or found


def _identified(head: str, words: list[str], hint: str | None) -> tuple[str | None, bool]:
    """The language, and whether the text itself says so."""
    if not words:
        return hint, True
    script = None
    if not head.isascii():
        script = next((code for pattern, code in _SCRIPTS if pattern.search(head)), None)
        if script is not None and sum(w.isascii() for w in words) * 2 > len(words):
            script = None  # a foreign word in a text that is mostly Latin
    letters = sum(map(len, words)) if script in _UNSPACED else 0
    if len(words) < SHORTEST_WORDS and letters < 8:
        if hint is not None:
            return hint, False
        if script is None and _LATIN.fullmatch(head):
            # Too short to tell one European language from another; English only where its own words say so.
            return ("en" if any(w.lower() in _ENGLISH for w in words) else None), False
    if script is not None:
        return script, True
    detect = _detector()
    if detect is None:
        return hint, False
    clean = "".join(c if c.isprintable() else " " for c in head).encode("utf-8", "ignore")
    reliable, code = detect(clean)
    code = _DIALECTS.get(code, code[:2])
    if code == "un" or (code not in _LIKELY and (not reliable or len(words) < _FEW_WORDS)):
        return hint or _by_words(words), False
    if not reliable:
        return hint or _by_words(words) or code, False
    if head.isascii() and code not in _NEAR_ENGLISH and len(words) < _FEW_WORDS and _mostly_english(words):
        return "en", True
    return code, True


def _mostly_english(words: list[str]) -> bool:
    """Whether two words in five are of its commonest ones, and longer than a letter."""
    return 5 * sum(len(word) > 1 and word.lower() in _ENGLISH for word in words) >= max(2 * len(words), 10)


def _by_words(words: list[str]) -> str | None:
    """English where at least a third of the words are its commonest ones."""
    return "en" if _a_third(words, _ENGLISH) else None


def _a_third(words: list[str], known: frozenset[str]) -> bool:
    """Whether at least a third of ``words`` are ``known``."""
    return 3 * sum(word.lower().replace("’", "'") in known for word in words) >= len(words)
