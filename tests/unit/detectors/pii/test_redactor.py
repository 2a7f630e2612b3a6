"""The redactor without a head: what it spares, what it leaves out of logs, and what it stands."""

from __future__ import annotations

import logging

import pytest

from detectors.pii.redactor import Redactor


def test_several_in_one_text_stand_in_order(patterns: Redactor) -> None:
    text = "mail a@b.com or ring 07700 900123"
    found = patterns.redact(text)
    assert found.text == "mail <EMAIL_ADDRESS> or ring <PHONE_NUMBER>"
    assert [(text[one.start : one.end], one.type) for one in found.entities] == [
        ("a@b.com", "EMAIL_ADDRESS"),
        ("07700 900123", "PHONE_NUMBER"),
    ]


def test_placeholders_that_are_there_stay(patterns: Redactor) -> None:
    text = "i am <PERSON>, a@b.com, <PHONE_NUMBER>"
    assert patterns.redact(text).text == "i am <PERSON>, <EMAIL_ADDRESS>, <PHONE_NUMBER>"


@pytest.mark.parametrize(
    "text", ["ring 0800 555 0199", "ring 0800-5550199", "+44 800 555 0199", "help.example.org", "www.help.example.org/"]
)
def test_lines_that_are_nobody_s_stay(patterns: Redactor, text: str) -> None:
    """However they are written, with the country's code or without."""
    assert patterns.redact(text).text == text


def test_what_only_begins_like_a_spared_number_does_not_stay(patterns: Redactor) -> None:
    assert patterns.redact("ring 0800 555 0198").text == "ring <PHONE_NUMBER>"


def test_something_right_at_the_edge_of_a_passage_is_found_whole(patterns: Redactor) -> None:
    """Long texts are searched in passages that overlap."""
    for shift in range(0, 240, 7):
        text = f"{'word ' * 370}{'x' * shift} tom.smith@example.com {'word ' * 900}"
        (found,) = patterns.redact(text).entities
        assert text[found.start : found.end] == "tom.smith@example.com"


@pytest.mark.parametrize("sign", [" ", "|", "\n"])
@pytest.mark.parametrize("length", [485, 1500])
def test_a_link_that_a_passage_cuts_is_found_to_its_end(patterns: Redactor, sign: str, length: int) -> None:
    """Wherever it begins, and whether or not there is white space to cut at."""
    secret = "/annakowalski/secrettoken8f3a"
    for shift in range(450, 2050, 150):
        link = ("https://example.org/" + "p/" * length)[: length - len(secret)] + secret
        text = f"{('word' + sign) * (shift // 5)}{link}{sign}{('word' + sign) * 500}"
        assert "anna" not in patterns.redact(text).text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\ud800",
        "\x00" * 500,
        "".join(map(chr, range(3000))),
        "\u202eשלום " * 300,
        "\U0001f600" * 3000,
        "a" * 30_000,
        "a@" * 3000,
        "1-" * 3000,
        "(" * 5000,
        "<PERSON" * 500,
        f"https://example.org/{'p/' * 800} " * 12,
        f"https://example.org/{'p/' * 740}'" * 12,
    ],
)
def test_it_stands_any_text(patterns: Redactor, text: str) -> None:
    found = patterns.redact(text)
    assert patterns.redact(found.text).text == found.text


def test_fifty_thousand_words_are_no_trouble(patterns: Redactor) -> None:
    text = "so i went home and it was late " * 6250 + "tom@example.com"
    assert patterns.redact(text).text.endswith("late <EMAIL_ADDRESS>")


def test_no_log_quotes_what_was_said(patterns: Redactor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        patterns.redact("GB٨2 WEST 1234 5698 7654 32 tom@example.com")
    assert "example" not in caplog.text
    assert "WEST" not in caplog.text
