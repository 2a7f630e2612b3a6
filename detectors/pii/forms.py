"""What is known by its form alone: our own expressions, and what they find where nothing else can be asked.

:data:`FORMS` are recognisers among others in :mod:`detectors.pii.patterns`. :class:`FormsFinder` is what is left of the
search while the scorer is away: no names, no checksums but that of cards. It imports no Presidio.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import regex  # type: ignore[import-untyped]

from detectors.pii.entity import PLACEHOLDER, Entity, apart, united
from detectors.pii.folding import fold

__all__ = ["FORMS", "FormsFinder", "find_forms"]

_LONG: Final = 8192  # characters that are searched beside the loop
_TIMEOUT: Final = 2.0  # seconds for one expression on one text

_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)"
)
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_DATE: Final = (
    rf"(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}\s?[-/.]\s?\d{{1,2}}\s?[-/.]\s?(?:19|20)?\d{{2}}|"
    rf"{_DAY}(?:\s+of)?\s+{_MONTH}\b\.?,?(?:\s+(?:19|20)?\d{{2}}\b)?|{_MONTH}\.?\s+{_DAY}\b,?(?:\s+(?:19|20)?\d{{2}}\b)?)"
)
_STREET: Final = (
    r"(?:street|st|road|rd|avenue|ave|lane|ln|drive|close|court|crescent|terrace|boulevard|blvd|grove|gardens|square|mews|"
    r"highway|parkway|row)"
)
_NO_STREET: Final = (
    r"(?:a|an|the|of|from|to|in|on|at|by|and|or|down|up|my|your|his|her|our|this|that|is|was|per|more|other|people|kids|"
    r"min|mins|minutes?|hours?|days?|weeks?|months?|years?|miles?|km|metres?|meters?|feet|blocks?|times?|am|pm|%)"
)
_STATE: Final = (
    r"A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]"
)
_HOST: Final = r"(?:[\w](?:[\w-]{0,61}\w)?\.){1,6}"
_ENDS: Final = (
    r"(?:com|org|net|edu|gov|mil|info|biz|io|dev|app|blog|online|site|co\.[a-z]{2}|org\.[a-z]{2}|uk|ie|de|fr|ca|au|nz)"
)

_SAYS: Final = r"(?: (?:no|number|num|id|code|is|on|at|it's|its)\.?){0,3}"
_CALLED: Final = r"phone|mobile|cell|number|tel|telephone|whatsapp|call me|text me|ring me|reach me"
_BIRTH: Final = r"d\.?o\.?b\.?|date of birth|birth ?date|birth ?day|born|bday"
_LABELS: Final = (
    r"passport|driv(?:ing|er'?s?) licen[cs]e|licen[cs]e|national (?:id|insurance)|nhs|medicare|medicaid|member|patient|"
    r"account|acct|routing|sort code|policy|case|student|employee|tax|id|mrn|hospital"
)
_PLATFORMS: Final = r"insta(?:gram)?|snap(?:chat)?|discord|tiktok|telegram|kik|skype|user ?name|gamertag"
_ID: Final = r"(?:[a-z]{0,4}\d[a-z\d]{4,19}|\d{2}-\d{2}-\d{2}|\d{2,6}(?:[ -]\d{2,6}){1,5})\b"
_POSTCODE: Final = r"(?:[A-PR-UWYZ]\d[\dA-HJKMNPR-Y]?|[A-PR-UWYZ][A-HK-Y]\d[\dA-Z]?) ?\d[ABD-HJLNP-UW-Z]{2}"

# Each: a type and a regular expression. \K leaves what stands before it out of the match.
FORMS: Final[tuple[tuple[str, str], ...]] = (
    ("EMAIL_ADDRESS", rf"(?<![\w.+%'-])[\w+%'-](?:[\w.+%'-]{{0,62}}[\w+%'-])?@{_HOST}[^\W\d_]{{2,24}}(?![\w-])"),
    ("EMAIL_ADDRESS", r"(?<![\w.+-])[\w.+-]{1,64} ?(?:@|\(at\)|\[at\]| at ) ?[\w-]{1,63} ?(?:\(dot\)|\[dot\]| dot ) ?"
                      r"(?:com|org|net|edu|co|uk|de|fr|io)\b"),
    ("URL", r"(?<![\w@])(?:(?:https?|ftp)://|www\.)[^\s<>\"']{1,1500}(?<![.,;:!?)\]}])"),
    ("URL", rf"(?<![\w@.-]){_HOST}{_ENDS}\b(?![\w@-]|\.\w)(?:/[^\s<>\"']{{0,1500}}(?<![.,;:!?)\]}}]))?"),
    ("USERNAME", r"(?<![\w@./+-])@[A-Za-z_][\w.]{1,29}(?<!\.)(?![\w@])"),
    ("USERNAME", rf"\b(?:{_PLATFORMS})(?: (?:is|name|id|user)){{0,2}}\s{{0,2}}[:=]\s{{0,2}}\K[\w.#-]{{3,32}}(?<![.-])"),
    ("US_SSN", r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),
    ("US_SSN", r"\b(?:ssn|social security(?: (?:number|no\.?|#))?)\W{0,3}(?:is\W{1,2})?\K\d{3}[ -]?\d{2}[ -]?\d{4}(?!\d)"),
    ("CREDIT_CARD", r"(?<![\d-])(?:\d{4}[ -]){3}\d{4}(?![\d-])"),
    ("IBAN_CODE", r"\biban\W{1,3}(?:is\W{1,2})?\K[a-z]{2}\d{2}(?: ?[a-z\d]{4}){2,7}(?: ?[a-z\d]{1,3})?\b"),
    ("PHONE_NUMBER", r"(?<![\d.])(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\d-])"),
    ("PHONE_NUMBER", r"(?<![\w+])\+\d{1,3}(?:[ ().-]{0,2}\d){7,13}(?!\d)"),
    ("PHONE_NUMBER", rf"\b(?:{_CALLED}){_SAYS}\W{{1,3}}\K[+(]?\d(?:[ ()./-]{{0,2}}\d){{6,14}}(?!\d)"),
    ("DATE_OF_BIRTH", rf"\b(?:{_BIRTH})\b(?:\W{{0,3}}(?:is|was|i was|on|in|the|it's|of|my|:)){{0,4}}\W{{1,3}}\K{_DATE}"),
    ("ID_NUMBER", rf"\b(?:{_LABELS}){_SAYS}\s?#?\W{{0,3}}\K(?=[\w -]{{0,6}}\d){_ID}"),
    ("LOCATION", rf"\b\d{{1,5}}[a-z]?,? (?:(?!{_NO_STREET}\b)[^\W\d_][\w'.-]{{1,30}} ){{1,3}}{_STREET}\b"),
    ("LOCATION", rf"(?-i:\b{_POSTCODE}\b)"),
    ("LOCATION", rf"\b(?:post ?code|zip(?: ?code)?)(?: is)?\W{{1,3}}\K(?:{_POSTCODE}|\d{{5}}(?:-\d{{4}})?)\b"),
    ("LOCATION", rf"(?-i:\b(?:{_STATE}),? \d{{5}}(?:-\d{{4}})?\b)"),
)  # fmt: skip


_CARD: Final = ("CREDIT_CARD", r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])")
_RANKS: Final = {kind: at for at, kind in enumerate(dict.fromkeys(kind for kind, _ in FORMS))}


@cache
def _compiled() -> tuple[tuple[str, Any], ...]:
    flags = regex.IGNORECASE | regex.DOTALL | regex.MULTILINE
    return tuple((kind, regex.compile(expression, flags)) for kind, expression in (*FORMS, _CARD))


def find_forms(text: str) -> tuple[Entity, ...]:
    """What of ``text`` has a form, in order, apart from each other, placeholders left out. Never raises for what it
    contains; an expression that takes too long on it finds nothing."""
    folded = fold(text)
    found: list[tuple[int, Entity]] = []
    for kind, expression in _compiled():
        try:
            for match in expression.finditer(folded.text, timeout=_TIMEOUT):
                start, end = match.span()
                if start < end and (expression is not _compiled()[-1][1] or _luhn(match.group())):
                    found.append((_RANKS[kind], Entity(*folded.span(start, end), kind)))
        except TimeoutError:
            continue
    taken = [match.span() for match in PLACEHOLDER.finditer(text)]
    return tuple(apart(united(found), taken))


class FormsFinder:
    """Implements :class:`detectors.pii.entity.EntityFinder` with forms alone. Never raises."""

    async def entities(self, texts: Sequence[str], *, deadline: float) -> list[tuple[Entity, ...]]:
        """See :meth:`detectors.pii.entity.EntityFinder.entities`."""
        return [await asyncio.to_thread(find_forms, text) if len(text) > _LONG else find_forms(text) for text in texts]


def _luhn(number: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    digits = [int(digit) for digit in number if digit.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
