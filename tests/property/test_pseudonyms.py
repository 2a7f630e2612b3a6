"""Pseudonyms there and back, for any text and any cut of a stream."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.pii.entity import Entity
from detectors.pii.pseudonyms import MOST_ENTITIES, TOKEN, Pseudonyms
from detectors.pii.restoring import Restorer, Restoring
from guard.gateway.unveiling import Unveiling

NAMES = st.sampled_from(
    [
        "Alice",
        "alice",
        "ALICE",
        "José",
        "Jose",
        "Li Wei",
        "O'Neill",
        'Jo "Bear" Ray',
        "[PERSON_1]",
        "Ann\\a",
        "Мария",
        "Ünal",
    ]
)
PIECES = st.one_of(
    st.text(alphabet="ab [](){}_\\12\n.,\"'PERSON【】’s", max_size=12),
    st.sampled_from(
        ["[PERSON_1]", "[PERSON_2]", "[person_1]", "[PERSON\\_1]", "[PERSON_", "[PERSON_12]", "[PLACE_1]", "[["]
    ),
    st.sampled_from(
        ["\\[PERSON_1\\]", "\\[PERSON\\_1\\]", "\\[PERSON_1]", "[PERSON_1\\]", "\\[PERSON_1", "\\", "\\\\[PLACE_1"]
    ),
    st.sampled_from(["[ PERSON_1 ]", "[Person 1]", "[PERSON_2's]", "[PERSON_1’s ]", "【PERSON_1】", "【PERSON_1"]),
)
ORIGINALS = {"[PERSON_1]": "Alice", "[PERSON_2]": 'Jo "Bear" \\ Ray', "[PLACE_1]": "Leeds\n", "[PERSON_12]": "[PERSON_1]"}


@st.composite
def spoken(draw: st.DrawFn) -> tuple[str, list[Entity]]:
    """A text with names in it that were found."""
    text, entities = "", []
    for _ in range(draw(st.integers(0, 5))):
        text += draw(st.text(max_size=6).filter(lambda part: "[" not in part)) + " "
        name = draw(NAMES)
        if not TOKEN.fullmatch(name):
            entities.append(Entity(len(text), len(text) + len(name), draw(st.sampled_from(["PERSON", "LOCATION"]))))
        text += name + " "
    return text, entities


@st.composite
def cut(draw: st.DrawFn, text: str) -> list[str]:
    """``text`` in pieces."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


@given(st.lists(spoken(), min_size=1, max_size=4))
def test_no_name_that_was_found_is_left_and_all_come_back(said: list[tuple[str, list[Entity]]]) -> None:
    pseudonyms = Pseudonyms()
    out = pseudonyms.put([text for text, _ in said], [entities for _, entities in said])
    restorer = Restorer(pseudonyms.originals)
    for (text, entities), there in zip(said, out, strict=True):
        for entity in entities:
            name = text[entity.start : entity.end]
            assert name not in TOKEN.sub(" ", there).split()
        back = restorer.whole(there)
        assert _plain(back) == _plain(text)


def _plain(text: str) -> str:
    """What is the same in all spellings of the names above."""
    return text.casefold().replace("é", "e")


@given(st.lists(spoken(), min_size=1, max_size=4))
def test_a_session_that_was_kept_goes_on_with_its_pseudonyms(said: list[tuple[str, list[Entity]]]) -> None:
    texts, found = [text for text, _ in said], [entities for _, entities in said]
    first = Pseudonyms(digest=lambda key: f"d{hash(key)}")
    out = first.put(texts, found)
    for forms in (True, False):
        again = Pseudonyms(digest=lambda key: f"d{hash(key)}")
        again.learn(json.loads(json.dumps(first.to_json(forms=forms))))
        assert [again.put([text], [own])[0] for text, own in zip(texts[-1:], found[-1:], strict=True)] == out[-1:]
        assert len(again) == len(first)
    assert not any(name in json.dumps(first.to_json(forms=False)) for name in ("Alice", "Wei"))


@given(st.lists(PIECES, max_size=12), st.booleans(), st.data())
def test_a_stream_is_restored_as_the_whole_is_whatever_the_cuts(parts: list[str], inside: bool, data: st.DataObject) -> None:
    text, restorer = "".join(parts), Restorer(ORIGINALS)
    restoring = Restoring(restorer, inside_json=inside)
    out = [restoring.feed(piece) for piece in data.draw(cut(text))]
    assert "".join(out) + restoring.finish() == restorer.whole(text, inside_json=inside)


@given(st.lists(PIECES, max_size=8), st.data())
def test_json_stays_json(parts: list[str], data: st.DataObject) -> None:
    text, restorer = json.dumps({"said": "".join(parts)}, ensure_ascii=False), Restorer(ORIGINALS)
    restoring = Restoring(restorer, inside_json=True)
    out = "".join([restoring.feed(piece) for piece in data.draw(cut(text))]) + restoring.finish()
    said = json.loads(out)["said"]
    if "\\\\" not in "".join(parts):  # a backslash in JSON is two, and more than two are none of a pseudonym's
        assert said == restorer.whole("".join(parts))


@given(st.lists(PIECES, max_size=8), st.lists(PIECES, max_size=8), st.booleans(), st.data())
def test_frames_of_several_texts_are_restored_each_by_itself(
    content: list[str], arguments: list[str], finishes: bool, data: st.DataObject
) -> None:
    restorer = Restorer(ORIGINALS)
    unveiling = Unveiling(restorer, structured=False, asked=2)
    said, called = "".join(content), "".join(arguments)
    frames: list[tuple[int, dict[str, Any]]] = [
        *((0, {"content": piece}) for piece in data.draw(cut(said))),
        *((1, {"tool_calls": [{"index": 3, "function": {"arguments": piece}}]}) for piece in data.draw(cut(called))),
    ]
    order = data.draw(st.permutations(range(len(frames))))
    rows = {index: iter([delta for at, delta in frames if at == index]) for index in (0, 1)}
    got = {"content": "", "arguments": ""}

    def take(body: dict[str, Any]) -> None:
        for choice in body["choices"]:
            got["content"] += choice["delta"].get("content") or ""
            for call in choice["delta"].get("tool_calls", []):
                assert call["index"] == 3
                got["arguments"] += call["function"]["arguments"]

    for at in order:
        index = frames[at][0]
        body = {"id": "x", "choices": [{"index": index, "delta": next(rows[index]), "finish_reason": None}]}
        unveiling.frame(body)
        take(body)
    for index in (0, 1) if finishes else ():
        body = {"id": "x", "choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]}
        unveiling.frame(body)
        take(body)
    for body in unveiling.rest():
        assert not finishes
        take(body)
    assert got == {"content": restorer.whole(said), "arguments": restorer.whole(called, inside_json=True)}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Ask \\[PERSON_1\\].", "Ask Alice."),
        ("Ask \\[PERSON\\_1\\].", "Ask Alice."),
        ("[PERSON_1's] aunt", "Alice's aunt"),
        ("[PERSON_1’s] aunt", "Alice’s aunt"),
        ("[ PERSON_1 ]", "Alice"),
        ("[Person 1]", "Alice"),
        ("【PERSON_1】", "Alice"),
        ("C:\\Users\\[PERSON_1]\\x", "C:\\Users\\Alice\\x"),
        ("\\[ x \\] [PERSON_9's] PERSON_1 [1]", "\\[ x \\] [PERSON_9's] PERSON_1 [1]"),
    ],
)
def test_it_comes_back_however_a_chatbot_writes_it(written: str, read: str) -> None:
    restorer = Restorer(ORIGINALS)
    assert restorer.whole(written) == read
    for at in range(len(written) + 1):
        restoring = Restoring(restorer)
        assert restoring.feed(written[:at]) + restoring.feed(written[at:]) + restoring.finish() == read


def test_two_people_are_two_and_one_is_one() -> None:
    texts = ["alice met Alice's aunt Alicia", "ALICE left"]
    found = [[Entity(0, 5, "PERSON"), Entity(10, 17, "PERSON"), Entity(23, 29, "PERSON")], [Entity(0, 5, "ORGANIZATION")]]
    pseudonyms = Pseudonyms()
    assert pseudonyms.put(texts, found) == ["[PERSON_1] met [PERSON_1]'s aunt [PERSON_2]", "[PERSON_1] left"]
    assert pseudonyms.originals == {"[PERSON_1]": "Alice", "[PERSON_2]": "Alicia"}


def test_a_name_is_known_again_where_the_search_missed_it_unless_it_is_a_word() -> None:
    texts = ["Zara and Will", "Zara. Will you? bizarre ZARA"]
    out = Pseudonyms().put(texts, [[Entity(0, 4, "PERSON"), Entity(9, 13, "PERSON")], []])
    assert out == ["[PERSON_1] and [PERSON_2]", "[PERSON_1]. Will you? bizarre ZARA"]


def test_a_telephone_is_one_with_its_countrys_code_and_without() -> None:
    pseudonyms = Pseudonyms()
    texts = ["07700 900123", "+44 7700 900123", "07700 900124"]
    out = pseudonyms.put(texts, [[Entity(0, len(text), "PHONE_NUMBER")] for text in texts])
    assert out == ["[PHONE_1]", "[PHONE_1]", "[PHONE_2]"]


@pytest.mark.parametrize(
    ("kind", "said", "other", "again"),
    [
        ("IP_ADDRESS", "192.168.1.12", "192.168.11.2", "192.168.1.12"),
        ("IP_ADDRESS", "2001:db8::1", "2001:db:8::1", "2001:DB8::1"),
        ("MAC_ADDRESS", "00:1a:2b:3c:4d:5e", "00:1a:2b:3c:4d:5f", "00:1A:2B:3C:4D:5E"),
        ("USERNAME", "@anna_k", "@annak", "@Anna_K"),
        ("USERNAME", "anna.k", "anna-k", "@anna.k"),
        ("EMAIL_ADDRESS", "o'brien@mail.ie", "obrien@mail.ie", "O'Brien@mail.ie"),
        ("EMAIL_ADDRESS", "o'brien@mail.ie", "o-brien@mail.ie", "o'brien at mail dot ie"),
        ("ID_NUMBER", "12-345-678", "123-45-678", "12-345-678"),
        ("US_SSN", "123 45 6789", "123 45 6780", "123456789"),
    ],
)
def test_signs_make_two_of_addresses_user_names_and_numbers(kind: str, said: str, other: str, again: str) -> None:
    pseudonyms = Pseudonyms()
    texts = [said, other, again]
    first, second, third = pseudonyms.put(texts, [[Entity(0, len(text), kind)] for text in texts])
    assert first == third != second
    assert pseudonyms.originals[first] in (said, again)
    assert pseudonyms.originals[second] == other


def test_what_somebody_writes_in_brackets_does_not_become_a_name() -> None:
    pseudonyms = Pseudonyms(system=["Say [PERSON_2] to nobody. You are Luna."])
    out = pseudonyms.put(["[PERSON_1] Ann Luna"], [[Entity(11, 14, "PERSON"), Entity(15, 19, "PERSON")]])
    assert out == ["[PERSON_1] [PERSON_3] Luna"]
    assert Pseudonyms().put(["[Person 2's] and [PERSON_2]"], [[]]) == ["[PERSON_1] and [PERSON_2]"]
    assert Restorer(pseudonyms.originals).whole("[PERSON_1] [PERSON_2] [PERSON_3]") == "[PERSON_1] [PERSON_2] Ann"


def test_there_is_a_bound_and_beyond_it_nothing_leads_back() -> None:
    texts = [f"Name{number:04}" for number in range(MOST_ENTITIES + 2)]
    pseudonyms = Pseudonyms()
    out = pseudonyms.put(texts, [[Entity(0, 8, "PERSON")] for _ in texts])
    assert out[-3:] == [f"[PERSON_{MOST_ENTITIES}]", "[PERSON]", "[PERSON]"]
    assert len(pseudonyms) == MOST_ENTITIES
