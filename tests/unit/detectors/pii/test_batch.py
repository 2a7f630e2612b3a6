"""Rows of texts: what is written for good ones and for bad ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from detectors.lines import LONGEST_LINE, Unread
from detectors.pii.batch import redact_rows
from detectors.pii.redactor import Redactor


def _rows(patterns: Redactor, *lines: Any) -> list[Any]:
    texts = [line if isinstance(line, str | Unread) else json.dumps(line) for line in lines]
    return [json.loads(row) for row in redact_rows(texts, patterns)]


def test_a_row_keeps_its_id_and_says_where(patterns: Redactor) -> None:
    text = "😀 mail a@b.com"
    assert _rows(patterns, {"id": "1", "text": text, "name": "Tom"}) == [
        {"id": "1", "text": "😀 mail <EMAIL_ADDRESS>", "entities": [{"start": 7, "end": 14, "type": "EMAIL_ADDRESS"}]}
    ]


@pytest.mark.parametrize(
    ("line", "id", "words"),
    [
        ("not json a@b.com", None, "not JSON"),
        ("[]", None, "a row is an object"),
        ({"text": "a@b.com"}, None, "id is missing"),
        ({"id": 7, "text": "a@b.com"}, None, "id must be a string"),
        ({"id": "x"}, "x", "text must be a string"),
        ({"id": "x", "text": ["a@b.com"]}, "x", "text must be a string"),
        ("x" * (LONGEST_LINE + 1), None, "longer than"),
        (Unread("byte 3 of the line is not UTF-8; write the file in UTF-8"), None, "not UTF-8"),
    ],
)
def test_a_bad_row_says_why_in_its_place_and_quotes_nothing(
    patterns: Redactor, line: Any, id: str | None, words: str
) -> None:
    before, bad, after = _rows(patterns, {"id": "a", "text": ""}, line, {"id": "b", "text": ""})
    assert (before["id"], after["id"]) == ("a", "b")
    assert (bad["id"], bad["line"]) == (id, 2)
    assert words in bad["error"]
    assert "a@b.com" not in bad["error"]


def test_blank_lines_and_a_byte_order_mark_are_nothing(patterns: Redactor) -> None:
    assert [row["id"] for row in _rows(patterns, '\ufeff{"id":"a","text":""}', "", "  ", {"id": "b", "text": ""})] == [
        "a",
        "b",
    ]


def test_half_of_an_emoji_is_written_as_it_was_read(patterns: Redactor) -> None:
    (row,) = redact_rows(['{"id":"a","text":"cut \\ud83d a@b.com"}'], patterns)
    assert json.loads(row)["text"] == "cut \ud83d <EMAIL_ADDRESS>"
    row.encode()
