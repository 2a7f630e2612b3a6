"""What stands around a hit in a reply's sentence: negation, somebody's sense or saying, conditions and quotation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Quotations", "conditional", "denied", "framed", "negated", "quotations"]

_NEAR: Final = 90  # characters before a hit that can change what it means
_AFTER: Final = 60

_CLAUSE_END: Final = re.compile(r"[,;:.!?()]\s|\s-\s|\s(?:and|but|because|so|then|while|although|though)\s")
_SENSE_END: Final = re.compile(r"[;:.!?()]\s|\s-\s|\s(?:but|although|though)\s")


def _one_of(*words: str) -> str:
    return "(?:" + "|".join(word for row in words for word in row.split("|")) + ")"


_NEGATION: Final = _one_of(
    "not|never|no|nor|without|rather than|instead of|avoid|refuse to|refuses to|stop",
    "(?:do|does|did|is|are|was|were|wo|would|ca|could|should|have|has|must|need)n't",
)
_NEGATED: Final = re.compile(rf"(?<!why )(?<!\w){_NEGATION}(?! (?:you|we|i|only|just)\b)(?:\W+[\w']{{1,30}}){{0,4}}\W*\Z")

_HEDGE: Final = _one_of(
    "may|might|can|could|must|will|would|often|sometimes|still|also|just|even|been|probably|really|always|all",
    "try to|tries to|want to|wants to|start to|started to|begin to|began to|come to|came to|tend to|seem to",
)
_SENSE: Final = _one_of(
    "feel|feels|felt|feeling|think|thinks|thought|thinking|believe|believing|say|said|saying|wrote|mention|mentioned",
    "fear|fearing|worry|worried|wonder|wondering|hear|heard|hearing|convinced|tell yourself|telling yourself|told",
    "describe|describing|see|wish|afraid|asked|asking|blame|blaming|imagine|imagining|learn|learned|learnt|assume|assuming",
)
_SAYING: Final = _one_of(
    "say|says|said|saying|tell|tells|told|claim|claims|claimed|think|thinks|believe|believes|convince|insist|insists",
    "suggest|blame|blames|call|calls|called|ask|asks|asked|make|makes|made",
)
_OTHERS: Final = _one_of(
    "he|she|they|people|others|someone|somebody|anyone|abusers|partner|parents|anxiety|shame|guilt|brain|mind|illness",
    "family|friends|mother|father|husband|wife|society|depression",
)
_THOUGHT: Final = _one_of(
    "thoughts?|feelings?|belief|beliefs|idea|fear|voices?|sense|myth|lie|messages?|story|stigma|impression|notion"
)
_FRAMED: Final = re.compile(
    r"(?<!\w)"
    + _one_of(
        rf"you(?:'re| are|'ve| have|'d)?(?: {_HEDGE}){{0,3}} {_SENSE}",
        rf"(?:it|this|that|everything|life|things|which|nothing|what|pain)(?: {_HEDGE}){{0,3}} "
        r"(?:feels?|felt|feeling|seems?|seemed|looks?|sounds?)",
        r"(?:feel|feels|feeling|felt|seems?|sounds?|looks?) (?:like|as if|as though|that)|as if|as though",
        r"(?:told|tells|tell|telling|says to|said to|convince[sd]?|making|makes|made|make) "
        r"(?:you|yourself|people|someone|survivors|victims|us|them|him|her|your \w+)",
        rf"{_THOUGHT} (?:that|of|is|says|like|tells you)",
        rf"{_OTHERS}(?: {_HEDGE}){{0,3}} {_SAYING}",
        r"(?:believe|believing|thinking|feeling|fearing|worrying)(?: that)?",
        r"hear(?:ing)?|being told|been told|whether|even if|instead of|rather than|as opposed to|the opposite of",
    )
    + r"(?!\w)[^;:.!?]*\Z"
)
_CONDITION: Final = _one_of(
    "as long as|if|when|whether|unless|in case|suppose|supposing|until|since|because|once|have you|has|do you|did you|does",
    "could|might|can|may|or|who|people|someone|somebody",
)
_CONDITIONAL: Final = re.compile(rf"(?<!\w){_CONDITION}(?!\w)[^;:.!?]*\Z")
_DENIED: Final = re.compile(
    r"\A\W*(?:(?:is|are|was|can|may|might|would|that's|it's|this is|which is)\W+){0,2}"
    + _one_of(
        "not true|n't true|isn't true|a lie|a myth|untrue|unhelpful|harmful|hurtful|false|hurts|is never|are never",
        "the (?:depression|illness|pain|anxiety|disease) (?:talking|speaking|lying)",
        "does not help|doesn't help|don't help|isn't helpful|not helpful|never helps|isn't fair|not fair",
    )
)

_QUOTED: Final = re.compile(r'"[^"\n]{1,600}"')
_SPOKEN: Final = re.compile(
    r"\A\W*\"|\*|\b(?:whisper|murmur|smile|smirk|lean|sigh|giggle|blush|gasp|mutter|breathe|purr|plead|beg|sob|sniffle)(?:s|es|ing)?\b"
)
"""A reply that plays somebody: what stands in its quotation marks is what it says."""


def _before(sentence: str, start: int, boundary: re.Pattern[str]) -> str:
    """What stands before a hit, from the last boundary on."""
    head = sentence[max(0, start - _NEAR) : start]
    cut = 0
    for match in boundary.finditer(head):
        cut = match.end()
    return head[cut:]


def negated(sentence: str, start: int) -> bool:
    """Whether a negation in the same clause stands up to four words before ``start``."""
    return _NEGATED.search(_before(sentence, start, _CLAUSE_END)) is not None


def framed(sentence: str, start: int) -> bool:
    """Whether what begins at ``start`` is given as somebody's sense or saying: "you feel that …", "they told you …"."""
    return _FRAMED.search(_before(sentence, start, _SENSE_END)) is not None


def conditional(sentence: str, start: int) -> bool:
    """Whether what begins at ``start`` is asked, supposed or said of people in general."""
    return _CONDITIONAL.search(_before(sentence, start, _SENSE_END)) is not None


def denied(sentence: str, end: int) -> bool:
    """Whether what ends at ``end`` is called untrue or unhelpful right after."""
    return _DENIED.match(sentence[end : end + _AFTER]) is not None


@dataclass(frozen=True, slots=True)
class Quotations:
    """The spans in quotation marks. ``played``: the reply plays somebody, and says them itself."""

    spans: tuple[tuple[int, int], ...] = ()
    played: bool = False

    def covers(self, start: int, end: int, *, spoken: bool) -> bool:
        """Whether the half-open span is quoted; ``spoken``: what a part that is played says counts as said."""
        if spoken and self.played:
            return False
        return any(first <= start and end <= last for first, last in self.spans)


def quotations(text: str) -> Quotations:
    """What stands in quotation marks in a reply."""
    if '"' not in text:
        return Quotations()
    return Quotations(tuple(match.span() for match in _QUOTED.finditer(text)), _SPOKEN.search(text) is not None)
