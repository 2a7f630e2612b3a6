"""What is left of the search while the scorer is away."""

from __future__ import annotations

import pytest

from detectors.pii.forms import find_forms
from tests.unit.detectors.pii.test_patterns import FOUND, LEFT

BY_CHECKSUM = ("UK_NINO", "PL_PESEL")
"""What only Presidio's recognisers know."""

ALSO = [
    ("it's 07700 900123 10 times", "PHONE_NUMBER", "07700 900123"),
    ("on 020 7946 0958", "PHONE_NUMBER", "020 7946 0958"),
    ("(020) 7946 0958 is ours", "PHONE_NUMBER", "(020) 7946 0958"),
    ("01.23.45.67.89", "PHONE_NUMBER", "01.23.45.67.89"),
    ("0044 7700 900123", "PHONE_NUMBER", "0044 7700 900123"),
    ("tel:07700900123", "PHONE_NUMBER", "07700900123"),
    ("2125550198", "PHONE_NUMBER", "2125550198"),
    ("12125550198", "PHONE_NUMBER", "12125550198"),
    ("to GB29NWBK60161331926819 please", "IBAN_CODE", "GB29NWBK60161331926819"),
    ("gb29nwbk60161331926819", "IBAN_CODE", "gb29nwbk60161331926819"),
    ("AT61 1904 3002 3457 3201 then call", "IBAN_CODE", "AT61 1904 3002 3457 3201"),
    ("4111111111111111 12/27", "CREDIT_CARD", "4111111111111111"),
    ("3782.822463.10005", "CREDIT_CARD", "3782.822463.10005"),
    ("192.168.1.5.", "IP_ADDRESS", "192.168.1.5"),
    ("::1", "IP_ADDRESS", "::1"),
    ("00:1a:2b:3c:4d:5e", "MAC_ADDRESS", "00:1a:2b:3c:4d:5e"),
    ("00-1A-2B-3C-4D-5E", "MAC_ADDRESS", "00-1A-2B-3C-4D-5E"),
    ("001a.2b3c.4d5e", "MAC_ADDRESS", "001a.2b3c.4d5e"),
]

LEFT_TOO = [
    "ring 0800 555 0199",
    "at 05.12.2020 10:30 or 01-02-2020 10:30",
    "0.5 0.25 0.75 1.25 1.5",
    "1700000000 and 1700000000123",
    "3.141592653589793238",
    "GB30NWBK60161331926819",
    "std::vector a::b 10:30:15",
    "v1.2.3.4 and 1.2.3.4.5 and 300.1.1.1",
]


@pytest.mark.parametrize(("text", "kind", "said"), [row for row in (*FOUND, *ALSO) if row[1] not in BY_CHECKSUM])
def test_it_is_found_whole(text: str, kind: str, said: str) -> None:
    assert [(entity.type, text[entity.start : entity.end]) for entity in find_forms(text)] == [(kind, said)]


@pytest.mark.parametrize("text", [*LEFT, *LEFT_TOO])
def test_it_is_left_alone(text: str) -> None:
    assert find_forms(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "İİ12" + "İİİİ" * 5,
        "a1" * 15_000,
        "05 " * 10_000,
        "4111 " * 6_000,
        "::" * 15_000,
        "ab12 cdef " * 3_000,
        "0((((" * 6_000,
    ],
)
def test_it_stands_any_text(text: str) -> None:
    find_forms(text)
