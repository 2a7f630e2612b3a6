"""What is known by its form: Presidio's recognisers that need neither a model nor the network, and ours beside them."""

from __future__ import annotations

import re
from typing import Any, Final

import phonenumbers
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult
from presidio_analyzer import predefined_recognizers as known
from presidio_analyzer.nlp_engine import NlpArtifacts

from detectors.pii.forms import FORMS

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
    every += [_ours(kind, expression, at) for at, (kind, expression) in enumerate(FORMS)]
    return every


def _ours(kind: str, expression: str, at: int) -> PatternRecognizer:
    pattern = Pattern(name=f"{kind} {at}", regex=expression, score=0.6)
    return PatternRecognizer(kind, name=f"Handrail{at}", patterns=[pattern])
