"""What is known by its form: Presidio's recognisers that need neither a model nor the network, and ours beside them."""

from __future__ import annotations

import re
from typing import Any, Final

import phonenumbers
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult
from presidio_analyzer import predefined_recognizers as known
from presidio_analyzer.nlp_engine import NlpArtifacts

__all__ = ["LEAST", "recognisers"]

LEAST: Final = 0.4
"""The score from which on a match counts. Below it Presidio keeps bare digits that only a word beside them would explain."""

_REGIONS: Final = ("US", "GB", "IE", "AU", "NZ", "ZA", "IN", "DE", "FR", "ES", "IT", "NL", "BR", "MX", "PH", "NG", "KE")
_DIGITS: Final = 7  # of a telephone number at least: what is shorter is a short code, a year, a score
_LENIENCY: Final = phonenumbers.Leniency.VALID
_TRIES: Final = 200  # of what looks like a number in a passage, in each region: bounds the time
_CANDIDATE: Final = re.compile(r"\d(?:[ ()./+-]{0,3}\d){6}")
_DATED: Final = re.compile(r"\d{1,4}([/.-])\d{1,2}\1\d{1,4}|\d{4}\s*[-–]\s*\d{4}")

# Recognisers whose matches are told apart by a checksum or a form of their own. EmailRecognizer is not among them, for it
# would fetch a list from the network; nor is UrlRecognizer, to which "ok.so" is an address.
_KNOWN: Final = (
    "CreditCardRecognizer", "IbanRecognizer", "IpRecognizer", "MacAddressRecognizer", "CryptoRecognizer",
    "UsItinRecognizer", "UsMbiRecognizer", "NhsRecognizer", "UkNinoRecognizer", "AuTfnRecognizer", "AuMedicareRecognizer",
    "CaSinRecognizer", "EsNifRecognizer", "EsNieRecognizer", "ItFiscalCodeRecognizer", "InAadhaarRecognizer",
    "InPanRecognizer", "SgFinRecognizer", "PlPeselRecognizer", "FiPersonalIdentityCodeRecognizer", "KrRrnRecognizer",
    "SePersonnummerRecognizer", "DeTaxIdRecognizer", "DeSocialSecurityRecognizer", "ZaIdNumberRecognizer",
    "TrNationalIdRecognizer",
)  # fmt: skip

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

# Each: a type, a regular expression, whether case matters. \K leaves what stands before it out of the match.
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
_OURS: Final[tuple[tuple[str, str], ...]] = (
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


class _Phone(known.PhoneRecognizer):
    """Presidio's, with more countries, run only where there are digits enough, and never on dates and spans of years."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None) -> list[RecognizerResult]:
        found: dict[tuple[int, int], RecognizerResult] = {}
        if _CANDIDATE.search(text) is None:
            return []
        for region in self.supported_regions:
            for match in phonenumbers.PhoneNumberMatcher(
                text, region, leniency=phonenumbers.Leniency.VALID, max_tries=_TRIES
            ):
                said = text[match.start : match.end]
                if sum(map(str.isdigit, said)) >= _DIGITS and _DATED.fullmatch(said.strip()) is None:
                    result = RecognizerResult(self.supported_entities[0], match.start, match.end, self.SCORE)
                    found[match.start, match.end] = result
        return list(found.values())


def recognisers() -> list[EntityRecognizer]:
    """One of each, none of which reaches for the network or a model."""
    every: list[Any] = [getattr(known, name)(supported_language="en") for name in _KNOWN]
    every.append(_Phone(supported_regions=_REGIONS))
    every += [_ours(kind, expression, at) for at, (kind, expression) in enumerate(_OURS)]
    return every


def _ours(kind: str, expression: str, at: int) -> PatternRecognizer:
    pattern = Pattern(name=f"{kind} {at}", regex=expression, score=0.6)
    return PatternRecognizer(kind, name=f"Handrail{at}", patterns=[pattern])
