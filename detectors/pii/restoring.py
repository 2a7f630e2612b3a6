"""From pseudonyms back to what they stand for, in a whole text or in one that comes in pieces. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

import regex  # type: ignore[import-untyped]

from detectors.pii.pseudonyms import TOKEN, token_key

__all__ = ["Restorer", "Restoring"]

_LONGEST: Final = 32  # more than a pseudonym is long, with all that may be written in it
_PARTLY: Final = regex.compile(TOKEN.pattern, regex.IGNORECASE | regex.ASCII)


class Restorer:
    """Knows what each pseudonym stands for. One that it does not know stays as it is. Safe to share."""

    def __init__(self, originals: Mapping[str, str]) -> None:
        self._plain = dict(originals)
        self._json = {token: json.dumps(form, ensure_ascii=False)[1:-1] for token, form in originals.items()}

    def __bool__(self) -> bool:
        return bool(self._plain)

    def concerns(self, text: str) -> bool:
        """Whether a pseudonym may stand or begin in ``text``."""
        return bool(self._plain) and ("[" in text or "【" in text or text.endswith("\\"))

    def whole(self, text: str, *, inside_json: bool = False) -> str:
        """``text`` with what its pseudonyms stand for. ``inside_json``: it is JSON, and what is put in keeps it so."""
        if not self.concerns(text):
            return text
        forms = self._json if inside_json else self._plain

        def original(match: re.Match[str]) -> str:
            form = forms.get(token_key(match))
            return match.group() if form is None else form + (match["owns"] or "")

        return TOKEN.sub(original, text)

    def begins(self, text: str) -> int:
        """Where in ``text`` a pseudonym begins that its end cuts off; its length where none does."""
        if self.concerns(text):
            for match in _PARTLY.finditer(text, max(0, len(text) - _LONGEST), partial=True):
                if match.partial:
                    return int(match.start())
        return len(text)


class Restoring:
    """One text that comes in pieces: what was fed, joined, is what :meth:`Restorer.whole` makes of it, whatever the cuts.

    Holds back at most one pseudonym's beginning.
    """

    __slots__ = ("_held", "_inside_json", "_restorer")

    def __init__(self, restorer: Restorer, *, inside_json: bool = False) -> None:
        self._restorer = restorer
        self._inside_json = inside_json
        self._held = ""

    @property
    def holds(self) -> bool:
        """Whether the beginning of a pseudonym is held back."""
        return bool(self._held)

    def feed(self, text: str) -> str:
        """What of it may go on now."""
        text = self._held + text
        at = self._restorer.begins(text)
        self._held = text[at:]
        return self._restorer.whole(text[:at], inside_json=self._inside_json)

    def finish(self) -> str:
        """What is left at the end."""
        held, self._held = self._held, ""
        return held
