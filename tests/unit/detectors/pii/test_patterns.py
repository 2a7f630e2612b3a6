"""What is known by its form, and what only looks like it."""

from __future__ import annotations

import pytest

from detectors.pii.redactor import Redactor

FOUND = [
    ("write to tom.o'brien+x@mail.example.co.uk please", "EMAIL_ADDRESS", "tom.o'brien+x@mail.example.co.uk"),
    ("tom at gmail dot com", "EMAIL_ADDRESS", "tom at gmail dot com"),
    ("call 555-123-4567 now", "PHONE_NUMBER", "555-123-4567"),
    ("call (555) 123-4567", "PHONE_NUMBER", "(555) 123-4567"),
    ("+44 7700 900123 is mine", "PHONE_NUMBER", "+44 7700 900123"),
    ("it's 07700 900123", "PHONE_NUMBER", "07700 900123"),
    ("my number is 0161 496 0123", "PHONE_NUMBER", "0161 496 0123"),
    ("card 4111 1111 1111 1111", "CREDIT_CARD", "4111 1111 1111 1111"),
    ("card 4111.1111.1111.1111", "CREDIT_CARD", "4111.1111.1111.1111"),
    ("GB82 WEST 1234 5698 7654 32", "IBAN_CODE", "GB82 WEST 1234 5698 7654 32"),
    ("iban: de89 3704 0044 0532 0130 00", "IBAN_CODE", "de89 3704 0044 0532 0130 00"),
    ("my ip is 192.168.1.20", "IP_ADDRESS", "192.168.1.20"),
    ("from 2001:db8::1 again", "IP_ADDRESS", "2001:db8::1"),
    ("see https://www.example.com/me?x=1.", "URL", "https://www.example.com/me?x=1"),
    ("on example.co.uk/me", "URL", "example.co.uk/me"),
    ("ssn 123-45-6789", "US_SSN", "123-45-6789"),
    ("social security number is 123 45 6789", "US_SSN", "123 45 6789"),
    ("NINO AB123456C", "UK_NINO", "AB123456C"),
    ("pesel 44051401359", "PL_PESEL", "44051401359"),
    ("born on 12 March 1987 in spring", "DATE_OF_BIRTH", "12 March 1987"),
    ("dob: 12/03/1987", "DATE_OF_BIRTH", "12/03/1987"),
    ("my birthday is march 3rd", "DATE_OF_BIRTH", "march 3rd"),
    ("passport number X1234567", "ID_NUMBER", "X1234567"),
    ("sort code 12-34-56", "ID_NUMBER", "12-34-56"),
    ("i'm at 14 Elm Street now", "LOCATION", "14 Elm Street"),
    ("LS1 4AP", "LOCATION", "LS1 4AP"),
    ("my postcode is ls1 4ap", "LOCATION", "ls1 4ap"),
    ("follow @tom_k93", "USERNAME", "@tom_k93"),
    ("insta: tom.k93", "USERNAME", "tom.k93"),
    ("ｔｏｍ＠ｅｘａｍｐｌｅ.com", "EMAIL_ADDRESS", "ｔｏｍ＠ｅｘａｍｐｌｅ.com"),
    ("t\u200bom@exa\u200bmple.com", "EMAIL_ADDRESS", "t\u200bom@exa\u200bmple.com"),
    ("٠٧٧٠٠ ٩٠٠١٢٣", "PHONE_NUMBER", "٠٧٧٠٠ ٩٠٠١٢٣"),
    ("tom@example.com \U0001f600", "EMAIL_ADDRESS", "tom@example.com"),
]

LEFT = [
    "call 988 or 911 or 999 or 112",
    "text HOME to 741741",
    "the line is 116 123, or 13 11 14",
    "i scored 21/27 on the phq-9 and 15-19 before",
    "2019-2020 was bad, and 2019 - 2021 too",
    "i was born in 1990",
    "12/05/2020 was the day, 2023-10-12 14:30:00",
    "10 minutes from the street where 3 people died",
    "ok.so then im.done with life.and so help.me",
    "i took 20 pills of 500mg at 10:30 on 3/4",
    "1,000,000 people and 3.14159265",
    "my id is broken, my case is hopeless, account 5 times",
    "7 8 9 10 11 12 13",
    "bmi 17.5 weight 45.2kg cal 1200 1300 1500",
    "my 2 sisters (15 and 17) 5'7 120lbs",
    "24/7 1:1 50/50 9-5 <3 @ 5",
]


@pytest.mark.parametrize(("text", "kind", "said"), FOUND)
def test_it_is_found_whole(patterns: Redactor, text: str, kind: str, said: str) -> None:
    assert [(entity.type, text[entity.start : entity.end]) for entity in patterns.redact(text).entities] == [(kind, said)]


@pytest.mark.parametrize("text", LEFT)
def test_it_is_left_alone(patterns: Redactor, text: str) -> None:
    """Crisis numbers, years, scores, doses and dates that are nobody's birth."""
    found = patterns.redact(text)
    assert (found.text, found.entities) == (text, ())


def test_the_network_is_never_reached_for() -> None:
    """Presidio's recogniser of e-mail would fetch a list."""
    import socket
    from unittest import mock

    with mock.patch.object(socket.socket, "connect", side_effect=AssertionError("the network was used")):
        Redactor().redact("tom@example.com https://example.com 07700 900123 GB82 WEST 1234 5698 7654 32")
