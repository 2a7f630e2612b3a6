"""Rows of conversations as scores: what is asked of the tiers, and what is made of their answers."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.batch import LONGEST_LINE, Unread, read_lines, score_rows
from detectors.contract import Item, Speaker
from detectors.passages import mean
from detectors.scorer.process import LexiconTier
from detectors.scorer.tiers import Stack
from detectors.signals import Scores, Side, Tier, vocabulary

STACK = Stack([LexiconTier()])


class Recorder:
    """A tier that answers from the length of a text, and keeps what it was asked."""

    name = "recorder@1"

    def __init__(self) -> None:
        self.asked: list[Item] = []
        self.batches: list[int] = []

    def score(self, batch: Sequence[Item]) -> list[Scores]:
        self.asked.extend(batch)
        self.batches.append(len(batch))
        return [self._one(item) for item in batch]

    def _one(self, item: Item) -> Scores:
        value = min(1.0, len(item.text) / 100)
        if item.side is Side.USER:
            return Scores.of(item.side, self.name, {"distress": value, "risk.suicide_level": 5.0}, tier=Tier.FULL)
        values = {
            "harm.method": value,
            "ccs.boundary": 0.9 if not item.whole else 0.2,
            "refusal.any": 0.8 if item.whole else 0.1,
        }
        return Scores.of(item.side, self.name, values, tier=Tier.FULL)


class Broken:
    """A tier that fails on every batch."""

    name = "broken@1"

    def score(self, batch: Sequence[Item]) -> list[Scores]:
        raise RuntimeError("a secret text")


def row(*said: tuple[str, str], id: str = "r") -> str:
    return json.dumps({"id": id, "messages": [{"role": role, "content": content} for role, content in said]})


def scored(*lines: str | Unread, worker: Any = STACK, **rest: Any) -> list[Any]:
    return [json.loads(text) for text in score_rows(lines, worker, **rest)]


def test_a_person_s_message_has_every_signal_of_its_side() -> None:
    [found] = scored(row(("user", "i want to die")))
    assert set(found) == {"id", "model", "signals"}
    assert list(found["signals"]) == [signal.name for signal in vocabulary(Side.USER)]
    assert found["signals"]["risk.suicide"] >= 0.5
    assert found["signals"]["answer.affirm"] is None
    assert found["signals"]["intima.name"] is not None
    assert not any(name.startswith("session.") or name == "reliance" for name in found["signals"])
    name, _, version = found["model"].partition("@")
    assert name == "lexicon"
    assert version


def test_a_reply_has_every_signal_of_its_side() -> None:
    [found] = scored(row(("user", "i want to die"), ("assistant", "I can't help with that.")))
    assert list(found["signals"]) == [signal.name for signal in vocabulary(Side.REPLY)]
    assert found["signals"]["refusal.any"] >= 0.5
    assert found["signals"]["refusal.abrupt"] is not None


def test_a_reply_s_signal_is_its_highest_sentence_s_and_its_whole_s_save_those_judged_on_the_whole() -> None:
    reply = "Short one here. " + "This sentence is a good deal longer than the others are." + " And an end."
    [found] = scored(row(("user", "hi"), ("assistant", reply)), worker=Stack([Recorder()]))
    assert found["signals"]["harm.method"] == pytest.approx(mean(0.57, len(reply) / 100), abs=1e-6)
    assert found["signals"]["refusal.any"] == pytest.approx(mean(0.1, 0.8), abs=1e-6)
    assert found["signals"]["ccs.boundary"] == 0.2
    assert found["signals"]["harm.delusion"] is None


def test_each_sentence_gets_the_person_s_last_message_and_what_the_reply_said_before() -> None:
    tier = Recorder()
    lines = row(
        ("user", "first"), ("assistant", "hm"), ("user", "last"), ("assistant", "One sentence here. Another sentence.")
    )
    scored(lines, worker=Stack([tier]))
    one, two, whole = tier.asked
    assert [said.text for said in one.context] == ["last"]
    assert [(said.speaker, said.text) for said in two.context] == [
        (Speaker.USER, "last"),
        (Speaker.ASSISTANT, "One sentence here."),
    ]
    assert whole.whole
    assert [said.text for said in whole.context] == ["last"]
    assert one.text + two.text == whole.text


def test_a_person_s_message_gets_the_messages_before_it() -> None:
    tier = Recorder()
    scored(row(*[("user", f"message {n}") for n in range(9)]), worker=Stack([tier]))
    [item] = tier.asked
    assert [said.text for said in item.context] == ["message 4", "message 5", "message 6", "message 7"]
    assert item.question is None


def test_an_answer_is_scored_against_the_question_right_before_it() -> None:
    def asked(text: str) -> int | None:
        return 2 if text == "the question" else None

    lines = [
        row(("assistant", "the question"), ("user", "yeah")),
        row(("assistant", "the question"), ("user", "hm"), ("user", "yeah")),
        row(("assistant", "something else"), ("user", "yeah")),
    ]
    one, two, three = scored(*lines, asked=asked)
    assert one["signals"]["answer.affirm"] >= 0.5
    assert one["signals"]["risk.suicide_ge2"] >= 0.5
    assert two["signals"]["answer.affirm"] is None
    assert three["signals"]["answer.affirm"] is None


def test_a_short_message_inherits_the_language_of_the_ones_before() -> None:
    tier = Recorder()
    scored(row(("user", "no puedo más, llevo semanas sin dormir bien"), ("user", "sí")), worker=Stack([tier]))
    assert tier.asked[0].language == "es"


@pytest.mark.parametrize(
    ("line", "id", "words"),
    [
        ("nope", None, "not JSON"), ("{", None, "not JSON"), ("[]", None, "a row is an object"),
        ('"x"', None, "a row is an object"),
        ("{}", None, "id is missing"), ('{"id":5,"messages":[]}', None, "id must be a string"),
        ('{"id":"a"}', "a", "messages must be"),
        ('{"id":"a","messages":[]}', "a", "messages must be"), ('{"id":"a","messages":{}}', "a", "messages must be"),
        ('{"id":"a","messages":["hush"]}', "a", "messages[0] must be an object"),
        ('{"id":"a","messages":[{"role":"system","content":"hush"}]}', "a", "messages[0].role must be"),
        ('{"id":"a","messages":[{"role":["user"],"content":"hush"}]}', "a", "messages[0].role must be"),
        ('{"id":"a","messages":[{"content":"hush"}]}', "a", "messages[0].role must be"),
        ('{"id":"a","messages":[{"role":"user","content":"hush"},{"role":"user"}]}', "a", "messages[1].content must be"),
        ('{"id":"a","messages":[{"role":"user","content":["hush"]}]}', "a", "messages[0].content must be"),
        ('{"id":"\\ud800","messages":[{"role":"user","content":"hush"}]}', None, "id must be a string of Unicode"),
        ("[" * 100_000, None, "not JSON"), ('{"id":"a","hush":' + "[" * 100_000, None, "not JSON"),
        ('{"id":"a","messages":[{"role":"user","content":"hush', None, "not JSON from character"),
    ],
)  # fmt: skip
def test_a_bad_row_says_what_is_wrong_and_quotes_nothing(line: str, id: str | None, words: str) -> None:
    good = row(("user", "hello there"), id="good")
    before, bad, after = scored(good, line, good)
    assert before["id"] == after["id"] == "good"
    assert set(bad) == {"id", "line", "error"}
    assert (bad["id"], bad["line"]) == (id, 2)
    assert words in bad["error"]
    assert "hush" not in bad["error"]


def test_blank_lines_and_a_byte_order_mark_are_no_rows() -> None:
    good = row(("user", "hello"))
    found = scored("\ufeff" + good, "\n", "  \r\n", good + "\r\n", "nope\n")
    assert [one["id"] for one in found] == ["r", "r", None]
    assert found[-1]["line"] == 5


def test_half_an_emoji_is_a_message_all_the_same() -> None:
    [found] = scored('{"id":"a","messages":[{"role":"user","content":"i want to die \\ud83d"}]}')
    assert found["signals"]["risk.suicide"] >= 0.5


@pytest.mark.parametrize("content", ["", " ", "\n\n", "💀", "\u0000", "a" * 100_000])
@pytest.mark.parametrize("role", ["user", "assistant"])
def test_odd_content_is_scored(role: str, content: str) -> None:
    [found] = scored(row((role, content)))
    assert "error" not in found
    assert any(value is not None for value in found["signals"].values())


def test_a_tier_that_fails_leaves_null_and_the_rest_goes_on() -> None:
    [found] = scored(row(("user", "hello")), worker=Stack([Broken()]))
    assert set(found["signals"].values()) == {None}
    assert found["model"] == "broken@1"
    [found] = scored(row(("user", "i want to die")), worker=Stack([Broken(), LexiconTier()]))
    assert found["signals"]["risk.suicide"] >= 0.5
    assert found["model"].startswith("lexicon@")


def test_batches_are_bounded_and_order_is_kept() -> None:
    tier = Recorder()
    long = row(("assistant", "A sentence of a reply. " * 1000), id="long")
    lines = [row(("user", "x" * (n % 90)), id=str(n)) for n in range(300)] + [long] + [row(("user", "end"), id="end")]
    found = scored(*lines, worker=Stack([tier]))
    assert [one["id"] for one in found] == [*map(str, range(300)), "long", "end"]
    assert [one["signals"]["distress"] for one in found[:300]] == [min(1.0, (n % 90) / 100) for n in range(300)]
    assert max(tier.batches) <= 256
    assert sum(tier.batches) == 300 + 1001 + 1


def test_rows_are_given_out_before_all_are_read() -> None:
    read = 0

    def lines() -> Any:
        nonlocal read
        for _ in range(100_000):
            read += 1
            yield row(("user", "hi"))

    next(score_rows(lines(), Stack([Recorder()])))
    assert read <= 64


def test_a_line_is_read_up_to_a_bound_and_the_next_one_whole() -> None:
    told: list[int] = []
    data = b"x" * (3 * LONGEST_LINE) + b"\n" + b"caf\xe9\n" + "é\r\n".encode() + b"last"
    found = list(read_lines(io.BytesIO(data), told.append))
    assert isinstance(found[0], Unread)
    assert "longer than" in found[0].reason
    assert isinstance(found[1], Unread)
    assert "byte 3 of the line is not UTF-8" in found[1].reason
    assert found[2:] == ["é\r\n", "last"]
    assert sum(told) == len(data)
    assert list(read_lines(io.BytesIO(b"y" * LONGEST_LINE + b"\n"))) == ["y" * LONGEST_LINE + "\n"]
    assert list(read_lines(io.BytesIO(b""))) == []
    assert isinstance(next(read_lines(io.BytesIO(b"z" * (LONGEST_LINE + 1)))), Unread)


@given(st.lists(st.text(max_size=30) | st.builds(lambda text: row(("user", text)), st.text(max_size=30)), max_size=6))
def test_never_raises_and_answers_every_line_that_is_not_blank(lines: list[str]) -> None:
    found = scored(*lines, worker=Stack([Recorder()]))
    kept = [line for at, line in enumerate(lines) if (line.removeprefix("\ufeff") if at == 0 else line).strip()]
    assert len(found) == len(kept)
