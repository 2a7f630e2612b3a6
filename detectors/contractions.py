"""Spellings that are ordinary words too, and stand for something else beside certain words: ``ill`` for ``i'll``, or ``kms``
for a distance."""

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


_AMOUNTS_LINES: Final = """
many few several hundred hundreds thousand thousands dozens couple half two three four five six seven eight nine ten eleven
twelve fifteen twenty thirty forty fifty sixty seventy eighty ninety in per extra these those
"""
_ABOUT_TO_LINES: Final = "to i'll i'd will would should might may can could just i and or then ever always"
_OF_FILES_LINES: Final = """
message messages file files post posts account accounts email emails app data itself the my your after timer history
"""
_AMOUNTS: Final = frozenset(_AMOUNTS_LINES.split())
_AFTER_A_DISTANCE: Final = frozenset(("away", "per", "from", "long", "an", "h", "left", "range"))
_ABOUT_TO: Final = frozenset(_ABOUT_TO_LINES.split())
_DONE_TO: Final = frozenset(("was", "were", "got", "get", "gets", "getting", "been", "being", "is"))
_WHOM: Final = frozenset(("me", "her", "him", "us", "them", "by"))
_OF_FILES: Final = frozenset(_OF_FILES_LINES.split())


def beside(word: str, before: str, after: str) -> str | None:
    """What such a spelling stands for between these two words; ``None`` where it is just that word. A word is empty where
    there is none in the sentence, and ``0`` for a number."""
    match word:
        case "kms":
            return "kilometers" if before in _AMOUNTS or before == "0" or after in _AFTER_A_DISTANCE else "kill myself"
        case "ctb":
            return "kill myself" if before in _ABOUT_TO else None
        case "self delete" | "self-delete":
            return "kill myself" if before in _ABOUT_TO and after not in _OF_FILES else None
        case "sewer slide" | "sewer-slide":
            return "suicide"
        case "graped":
            return "raped" if before in _DONE_TO or after in _WHOM else None
        case "sa'd" | "sa'ed":
            return "sexually assaulted" if before in _DONE_TO or after in _WHOM else None
        case "ill":
            return "i'll" if after in _AFTER_ILL and before not in _BEFORE_ILL else None
        case "id":
            return "i'd" if after in _AFTER_ID and before not in _BEFORE_ID else None
        case "r":
            return "are" if before in _BEFORE_ARE or after in _AFTER_ARE else None
        case _:
            return "dead" if before in _BEING else "kill"
