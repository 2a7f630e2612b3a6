"""What is known by its form alone: our own expressions, and what they find where nothing else can be asked.

:data:`FORMS` are recognisers among others in :mod:`detectors.pii.patterns`. :class:`FormsFinder` is what is left of the
search while the scorer is away: no names, and no identifiers that only their country's checksum tells from other numbers. It
imports no Presidio.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import cache
from ipaddress import IPv6Address
from typing import Any, Final

import regex  # type: ignore[import-untyped]

from detectors.pii.entity import PLACEHOLDER, Entity, apart, united
from detectors.pii.folding import fold

__all__ = ["FORMS", "FormsFinder", "find_forms"]

_LONG: Final = 8192  # characters that are searched beside the loop
_TIMEOUT: Final = 2.0  # seconds for one expression on one text
_CARD: Final = 13  # digits of a card's number at least
_ACCOUNT: Final = 15  # signs of an IBAN at least

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
    ("IBAN_CODE", r"\biban\W{1,3}(?:is\W{1,2})?\K[a-z]{2}\d{2}(?: ?[a-z\d]{4}){2,7}(?: ?[a-z\d]{1,3})?\b"),
    ("CREDIT_CARD", r"(?<![\d.-])(?:\d{4}[ .-]){3}\d{4}(?![\d-])"),
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


def _is_card(said: str) -> bool:
    """ISO/IEC 7812-1, annex B: thirteen digits or more, of which the last is the sum's."""
    digits = [int(digit) for digit in said if digit.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return len(digits) >= _CARD and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_account(said: str) -> bool:
    """ISO 13616: fifteen signs or more, that leave 1 when divided by 97."""
    plain = said.replace(" ", "")
    if len(plain) < _ACCOUNT or not plain.isascii():
        return False
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def _is_address(said: str) -> bool:
    """An address of IPv6 with a digit in it."""
    try:
        return any(map(str.isdigit, said)) and bool(IPv6Address(said))
    except ValueError:
        return False


_DIGITS: Final = r"(?<!\d[:.,/-])(?<![\w+])"  # before a number that is no part of another
_BYTE: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"

# What Presidio's recognisers find beside them, each with what a match has to stand. Free numbers (0800) are nobody's.
_MORE: Final[tuple[tuple[str, str, Callable[[str], bool] | None], ...]] = (
    ("CREDIT_CARD", r"(?<![\d-])\d(?:[ .-]?\d){12,18}(?![\d-])", _is_card),
    ("IBAN_CODE", r"\b[a-z]{2}\d{2}(?: ?[a-z\d]{4}){2,7}(?: ?[a-z\d]{1,3})?\b", _is_account),
    ("PHONE_NUMBER", rf"{_DIGITS}(?!{_DATE}(?![.-]?\d))\(?0(?!800)[1-9](?:[ ().-]{{0,2}}\d){{7,9}}(?!\d)", None),
    ("PHONE_NUMBER", rf"{_DIGITS}00[1-9]\d{{0,2}}(?:[ ().-]{{0,2}}\d){{7,12}}(?!\d)", None),
    ("PHONE_NUMBER", rf"{_DIGITS}1?[2-9]\d{{9}}(?!\w|[.,:/-]\d)", None),
    ("IP_ADDRESS", rf"(?<![\w.])(?:{_BYTE}\.){{3}}{_BYTE}(?!\w|\.\d)", None),
    ("IP_ADDRESS", r"(?<![\w:.])[\da-f]{0,4}(?::[\da-f]{0,4}){2,7}(?![\w:])", _is_address),
    ("MAC_ADDRESS", r"(?<![\w:-])[\da-f]{2}([:-])(?:[\da-f]{2}\1){4}[\da-f]{2}(?![\w:-])", None),
    ("MAC_ADDRESS", r"(?<![\w.])[\da-f]{4}\.[\da-f]{4}\.[\da-f]{4}(?![\w.])", None),
)  # fmt: skip
_RANKS: Final = {kind: at for at, kind in enumerate(dict.fromkeys(kind for kind, *_ in (*FORMS, *_MORE)))}


@cache
def _compiled() -> tuple[tuple[str, Any, Callable[[str], bool] | None], ...]:
    flags = regex.IGNORECASE | regex.DOTALL | regex.MULTILINE
    every = (*((kind, expression, None) for kind, expression in FORMS), *_MORE)
    return tuple((kind, regex.compile(expression, flags), holds) for kind, expression, holds in every)


def find_forms(text: str) -> tuple[Entity, ...]:
    """What of ``text`` has a form, in order, apart from each other, placeholders left out. Never raises for what it
    contains; an expression that takes too long on it finds nothing."""
    folded = fold(text)
    found: list[tuple[int, Entity]] = []
    for kind, expression, holds in _compiled():
        try:
            for match in expression.finditer(folded.text, timeout=_TIMEOUT):
                start = match.start()
                end = start + len(match.group() if holds is None else _held(match.group(), holds))
                if start < end:
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


def _held(said: str, holds: Callable[[str], bool]) -> str:
    """The most of ``said``, from its beginning, that ``holds``, for the next word may look like its end; or nothing."""
    while said and not holds(said):
        said = said[: max(0, *(said.rfind(sign) for sign in " .-"))]
    return said
