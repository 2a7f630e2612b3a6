"""Spellings that are ordinary words too, and stand for something else beside certain words: ``ill`` for ``i'll``."""

from __future__ import annotations

from typing import Final

__all__ = ["beside"]

_AFTER_ILL_LINES: Final = """
be do go never just kill die end try take get see have say miss always still probably hurt cut jump let make tell give find
start keep stop think talk come leave need call ask send hang overdose finally only also wait even fail lose wake sleep admit
live use put pay regret forget remember continue show bleed disappear drink eat starve feel unalive kms not maybe definitely
actually soon prob pretend check buy bring
"""
_BEFORE_ILL_LINES: Final = """
so very too be is am i'm im are was were been being feel feels feeling felt fell get getting got look looks looking mentally
terminally seriously really critically chronically physically severely the an of not he's she's they're you're we're became
become made makes making fall falling taken this that more less most pretty quite still hes shes theyre youre speak
"""
_AFTER_ID_LINES: Final = """
rather like love be do never have just kill die end hate go give say prefer feel need take jump still probably actually
really only even always miss hope gladly want unalive kms not
"""
_BEFORE_ID_LINES: Final = """
my an the a your user photo his her their this that no fake student valid with order our whose which new old gov caller apple
session client email and or same ego id
"""
_AFTER_ILL: Final = frozenset(_AFTER_ILL_LINES.split())
_BEFORE_ILL: Final = frozenset(_BEFORE_ILL_LINES.split())
_AFTER_ID: Final = frozenset(_AFTER_ID_LINES.split())
_BEFORE_ID: Final = frozenset(_BEFORE_ID_LINES.split())
_BEFORE_ARE: Final = frozenset(("why", "how", "what", "who", "where", "when", "you", "we", "they", "these", "those"))
_AFTER_ARE: Final = frozenset(("you", "your", "we", "they"))
_BEING: Final = frozenset(("be", "being", "become", "was", "been", "am", "i'm", "im", "is", "were"))


def beside(word: str, before: str, after: str) -> str | None:
    """What ``id``, ``ill``, ``r`` or ``unalive`` stands for between these two words (empty where there is none in the
    sentence); ``None`` where it is just that word."""
    match word:
        case "ill":
            return "i'll" if after in _AFTER_ILL and before not in _BEFORE_ILL else None
        case "id":
            return "i'd" if after in _AFTER_ID and before not in _BEFORE_ID else None
        case "r":
            return "are" if before in _BEFORE_ARE or after in _AFTER_ARE else None
        case _:
            return "dead" if before in _BEING else "kill"
