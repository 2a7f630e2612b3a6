"""The lexicon's reading of replies: present where it should be, absent from what only looks like it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from detectors.contract import Item, Speaker, Utterance
from detectors.lexicon.reply import BASE, ReplyReader
from detectors.normalise import normalise
from detectors.sentences import split
from detectors.signals import Side, vocabulary
from guard.demo.script import load

_PRESENT = 0.6
_ABSENT = 0.3
_STARRED = {signal.name for signal in vocabulary(Side.REPLY) if signal.whole}


@dataclass(frozen=True)
class Case:
    """One reply and what must be seen in it."""

    signal: str
    present: bool
    said: str
    reply: str
    whole: bool
    at: float


@cache
def cases() -> tuple[Case, ...]:
    groups = YAML(typ="safe").load(Path(__file__).with_name("reply_cases.yaml").read_text("utf-8"))
    return tuple(case for group in groups for case in _of(group))


def _of(group: dict[str, object]) -> Iterator[Case]:
    for kind in ("present", "absent"):
        entries = group[kind]
        assert isinstance(entries, list)
        for entry in entries:
            said, reply = entry if isinstance(entry, list) else ("", entry)
            at = float(str(group.get("at", _PRESENT)))
            yield Case(str(group["signal"]), kind == "present", said, reply, bool(group.get("whole")), at)


@cache
def reader() -> ReplyReader:
    return ReplyReader()


def read(reply: str, said: str = "", *, whole: bool = False) -> dict[str, tuple[float, tuple[int, int] | None]]:
    context = (Utterance(Speaker.USER, said),) if said else ()
    return reader().read(Item(Side.REPLY, reply, context, whole=whole), normalise(reply))


def value(name: str, reply: str, said: str = "", *, whole: bool = False) -> float:
    return read(reply, said, whole=whole)[name][0]


@pytest.mark.parametrize(
    "case", cases(), ids=lambda case: f"{case.signal}-{'is' if case.present else 'not'}-{case.reply[:40]}"
)
def test_a_reply_is_read_as_what_it_is(case: Case) -> None:
    found = value(case.signal, case.reply, case.said, whole=case.whole)
    assert (found >= case.at) if case.present else (found < _ABSENT if not case.whole else found < 0.5), found


def test_there_are_many_cases_and_no_two_alike() -> None:
    keys = [(case.signal, case.said, case.reply) for case in cases()]
    assert len(keys) >= 350
    assert len(set(keys)) == len(keys)
    assert {case.signal for case in cases()} >= {
        signal.name for signal in vocabulary(Side.REPLY) if signal.name not in ("ccs.boundary", "support.other")
    }


def test_every_signal_is_answered_and_the_starred_ones_only_on_the_whole() -> None:
    names = {signal.name for signal in vocabulary(Side.REPLY)}
    assert set(read("The train leaves at nine from platform four.")) == names - _STARRED
    whole = read("The train leaves at nine from platform four.", whole=True)
    assert set(whole) == names
    assert all(found <= 0.1 for name, (found, _) in whole.items() if not name.startswith("support."))


def test_of_another_language_only_what_was_found_is_answered() -> None:
    spanish = "Lo siento mucho, pero hoy no puedo hablar contigo de ese tema tan difícil."
    assert "refusal.any" not in read(spanish, whole=True)


def test_the_span_is_the_wording_in_the_reply_as_received() -> None:
    reply = "Sleep well.\u00a0\u201cNo\u201d\u2026 Please don\u2019t go yet, it is early."
    _, span = read(reply)["companion.retention"]
    assert span is not None
    assert reply[slice(*span)].startswith("Please don\u2019t go yet")


def test_what_nothing_speaks_for_has_the_base_value_and_no_span() -> None:
    assert read("Seven times eight is fifty six.")["harm.method"] == (BASE, None)


@pytest.mark.parametrize(
    ("talk", "words", "signal", "least"),
    [
        ("leaving", "missing you the moment", "companion.retention", 0.65),
        ("leaving", "ten more minutes", "companion.retention", 0.65),
        ("leaving", "never understand you", "companion.isolation", 0.6),
        ("leaving", "spend the day with me", "companion.isolation", 0.6),
        ("leaving", "anybody but me", "companion.isolation", 0.6),
        ("leaving", "between us", "harm.secrecy", 0.5),
        ("leaving", "belong together", "companion.retention", 0.65),
        ("leaving", "bear being alone", "companion.retention", 0.6),
        ("leaving", "bear being alone", "harm.coercive", 0.35),
        ("leaving", "If you loved me", "harm.coercive", 0.5),
        ("disclosure", "laugh about it", "harm.minimising", 0.5),
        ("disclosure", "so dramatic", "harm.minimising", 0.5),
        ("disclosure", "not so bad", "harm.minimising", 0.5),
        ("refusal", "discuss this topic", "refusal.any", 0.5),
        ("refusal", "continue this conversation", "refusal.any", 0.5),
    ],
)
def test_the_demos_unkind_sentences_reach_the_thresholds(talk: str, words: str, signal: str, least: float) -> None:
    [found] = [sentence_value(signal, said, sentence) for said, sentence in sentences(talk) if words in sentence]
    assert found >= least


@pytest.mark.parametrize("words", ["enjoyed it too", "friends sounds nice", "very still after a funeral", "good company"])
def test_the_demos_kind_sentences_stay(words: str) -> None:
    [(said, sentence)] = [pair for talk in ("leaving", "refusal") for pair in sentences(talk) if words in pair[1]]
    assert unkind(read(sentence, said)) == {}


@pytest.mark.parametrize("talk", ["everyday", "rising"])
def test_the_demos_plain_replies_hold_nothing(talk: str) -> None:
    for said, sentence in sentences(talk):
        assert unkind(read(sentence, said)) == {}, sentence


def test_the_demos_refusals_are_abrupt_and_its_careless_reply_misses_the_cue() -> None:
    steps = {talk.id: talk.steps for talk in load().conversations}
    for step in steps["refusal"][1:]:
        assert value("refusal.abrupt", step.reply, step.say, whole=True) >= 0.5
    assert value("harm.missed_cue", steps["disclosure"][1].reply, steps["disclosure"][1].say, whole=True) >= 0.5
    assert value("harm.abandonment", steps["refusal"][2].reply, steps["refusal"][2].say, whole=True) >= 0.5


def sentences(talk: str) -> Iterator[tuple[str, str]]:
    """What was said before, and each sentence of the reply as the gate cuts it."""
    [steps] = [conversation.steps for conversation in load().conversations if conversation.id == talk]
    for step in steps:
        for reply in dict.fromkeys(filter(None, (step.reply, step.guided))):
            yield from ((step.say, reply[start:end]) for start, end in split(reply))


def sentence_value(signal: str, said: str, sentence: str) -> float:
    return value(signal, sentence, said)


def unkind(found: dict[str, tuple[float, tuple[int, int] | None]]) -> dict[str, float]:
    """What would make a policy interfere with a reply."""
    return {
        name: number
        for name, (number, _) in found.items()
        if name.startswith(("harm.", "companion.isolation", "companion.retention", "refusal.")) and number >= _ABSENT
    }


def test_no_line_of_the_demo_stands_in_the_cases() -> None:
    ours = {_plain(text) for case in cases() for text in (case.said, case.reply)}
    for talk in load().conversations:
        for step in talk.steps:
            for text in filter(None, (step.say, step.reply, step.guided)):
                for part in (text, *re.split(r"(?<=[.?!])\s+", text)):
                    assert len(part.split()) < 4 or _plain(part) not in ours, part


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
