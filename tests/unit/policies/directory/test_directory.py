"""The resource directory: every row sound, and never a contact of another country."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest

from policies.directory.build import build
from policies.directory.contact import RESOURCE_CLASSES, Channel, ChannelKind, Contact, from_row
from policies.directory.directory import Directory, shipped
from policies.directory.wording import LOCAL_EMERGENCY, digits, emergency_number, spoken
from policies.errors import DirectoryInvalid

ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in (files("policies.directory") / "data" / "contacts.jsonl").read_text("utf-8").splitlines()
]
COUNTRIES = sorted({row["country"] for row in ROWS} - {"ZZ"})


def collected(**changed: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "country": "US", "name": "A line", "for": ["suicide"], "languages": None, "notes": None,
        "channels": [{"type": "call", "value": "988", "hours": "24/7"}], "source": "https://example.org/page",
        "source_kind": "official", "page_date": None, "agreement": 2, "seen_text": "words of the page",
    }  # fmt: skip
    return row | changed


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_every_row_is_sound(row: dict[str, Any]) -> None:
    contact = from_row(row)
    assert "seen_text" not in row
    assert contact.source and contact.read_at
    assert contact.shown == (contact.agreement >= 2 and "CONFLICT" not in (contact.caveat or ""))
    assert contact.classes <= RESOURCE_CLASSES
    for channel in contact.channels:
        if channel.kind in (ChannelKind.CHAT, ChannelKind.WEB):
            assert re.fullmatch(r"https?://[^\s?#]+", channel.value)
        elif contact.shown:
            assert 2 <= len("".join(digits(channel.value.split(" to ")[-1]))) <= 15
    assert "!" not in spoken(contact) and "?" not in spoken(contact)


def test_nothing_stands_twice() -> None:
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    assert len({(row["country"], row["name"]) for row in ROWS}) == len(ROWS)
    for row in ROWS:
        ways = [(channel["kind"], channel["value"]) for channel in row["channels"]]
        assert len(set(ways)) == len(ways), row["id"]


def test_press_three_does_not_ship() -> None:
    for row in ROWS:
        assert not re.search(r"press 3", json.dumps(row), re.IGNORECASE)


def test_the_united_states_entry_reads_as_published() -> None:
    [contact] = shipped().lookup("US", limit=1)
    assert spoken(contact) == "988 Suicide & Crisis Lifeline: call or text 988, or chat at 988lifeline.org, day and night"
    assert contact.crisis and contact.always


@pytest.mark.parametrize("country", [*COUNTRIES, "ZZ", "GR", "CL", None])
@pytest.mark.parametrize(
    "classes", [("crisis",), ("abuse",), ("eating", "general"), ("child", "poison"), ("emergency", "crisis")]
)
@pytest.mark.parametrize("age", ["minor", "adult"])
def test_a_lookup_stays_in_its_country(country: str | None, classes: tuple[str, ...], age: str) -> None:
    found = shipped().lookup(country, classes=classes, age=age, danger=True, limit=9)
    assert found
    assert {contact.country for contact in found} <= {country, "ZZ"}
    assert all(contact.shown and not contact.narrow for contact in found)
    assert sum(contact.emergency for contact in found) <= 1


@pytest.mark.parametrize("country", COUNTRIES)
def test_danger_puts_the_emergency_services_first(country: str) -> None:
    found = shipped().lookup(country, danger=True)
    assert found[0].emergency and found[0].country == country
    assert not any(contact.emergency for contact in shipped().lookup(country))


def test_an_unknown_place_gets_no_number() -> None:
    book = shipped()
    assert book.emergency(None) is None and book.emergency("ZZ") is None and book.emergency("CL") is None
    assert emergency_number(None) == LOCAL_EMERGENCY
    assert all(contact.channels[0].kind is ChannelKind.WEB for contact in book.lookup("CL"))
    greece = book.emergency("GR")  # a member state of the Union without rows of its own
    assert greece is not None and emergency_number(greece) == "112"
    assert book.emergency("gb") is None  # countries are written in capitals; only lookup is lenient


def test_the_police_are_named_where_the_main_number_is_the_ambulance() -> None:
    book = shipped()
    assert emergency_number(book.emergency("FR")) == "15"
    assert emergency_number(book.emergency("FR"), police=True) == "17"
    assert emergency_number(book.emergency("US"), police=True) == "911"
    assert emergency_number(book.emergency("CH")) == "144"
    assert emergency_number(book.emergency("NO"), police=True) == "113"  # no police number was read


def test_lines_for_some_wait_until_they_are_asked_for() -> None:
    book = shipped()
    names = {contact.id for contact in book.lookup("US", limit=99)}
    assert "us/veterans-crisis-line" not in names and "us/the-trevor-project-trevorlifeline" not in names
    assert book.lookup("US", stated={"veteran"}, limit=1)[0].id == "us/veterans-crisis-line"
    assert book.lookup("US", classes=("lgbtq",), limit=1)[0].id == "us/the-trevor-project-trevorlifeline"
    assert "us/childhelp-national-child-abuse-hotline" not in {c.id for c in book.lookup("US", classes=("child",), limit=99)}
    adults = {contact.id for contact in book.lookup("PL", age="minor", limit=99)}
    assert "pl/centrum-wsparcia-adults-in-mental-crisis" not in adults


def test_what_was_shown_and_what_sleeps_come_later() -> None:
    book = shipped()
    first, second = book.lookup("GB", limit=2)
    assert book.lookup("GB", shown={first.id}, limit=1)[0].id == second.id
    assert book.lookup("GB", channel="text", limit=1)[0].id in {"gb/shout", first.id}
    for country in COUNTRIES:
        always = [contact.always for contact in book.lookup(country, limit=9) if "crisis" in contact.classes]
        assert all(a >= b for a, b in pairwise(always)), country


def test_unknown_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="suicide"):
        shipped().lookup("US", classes=("suicide",))


def test_hours_that_are_doubtful_are_not_read_out() -> None:
    line = Channel(ChannelKind.CALL, "116 111", hours="24/7 per 2023-2024 lists; 14-21 in 2018")
    contact = replace(shipped().contacts[1], channels=(line,), audience=None, name="Line")
    assert spoken(contact) == "Line: call 116 111" and not contact.always
    daily = replace(contact, channels=(Channel(ChannelKind.CALL, "02 2327 2327", hours="10:00-24:00 daily"),))
    assert spoken(daily) == "Line: call 02 2327 2327 (10:00-24:00 daily)"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("country", "us"), ("id", "gb/wrong-country"), ("classes", ["suicide"]), ("classes", []),
        ("channels", []),
        ("channels", [{"kind": "call", "value": "nine eight eight"}]),
        ("channels", [{"kind": "web", "value": "example.org"}]),
        ("source", " "), ("read_at", "recently"), ("verified_at", "2023"), ("agreement", 0), ("name", ""), ("only", "grief"),
    ],
)  # fmt: skip
def test_a_broken_row_is_refused_by_name(field: str, value: object) -> None:
    row = ROWS[1] | {field: value}
    with pytest.raises(DirectoryInvalid, match=field if field != "id" else "id"):
        from_row(row)


def test_a_missing_field_and_a_double_id_are_refused() -> None:
    with pytest.raises(DirectoryInvalid, match="source"):
        from_row({key: value for key, value in ROWS[1].items() if key != "source"})
    with pytest.raises(DirectoryInvalid, match="stands twice"):
        Directory((from_row(ROWS[1]), from_row(ROWS[1])))


def test_building_shows_only_what_two_pages_agree_on() -> None:
    [shown] = build([collected()])
    assert shown["shown"] and shown["classes"] == ["crisis", "self-harm"] and shown["read_at"] and "seen_text" not in shown
    assert not build([collected(agreement=1)])[0]["shown"]
    assert not build([collected(notes="CONFLICT: another page prints another number")])[0]["shown"]
    letters = collected(agreement=1, channels=[{"type": "call", "value": "1-844-POISON-X", "hours": None}])
    assert not build([letters])[0]["shown"]
    with pytest.raises(DirectoryInvalid):
        build([collected(channels=letters["channels"])])


def test_building_reads_brackets_and_keypad_steps() -> None:
    channels = [
        {"type": "call", "value": "988 then press 1", "hours": "24/7"},
        {"type": "call", "value": "144 (ambulance)", "hours": None},
        {"type": "text", "value": "HOME to 741741", "hours": None},
    ]
    [row] = build([collected(channels=channels)])
    first, second, third = (Channel(ChannelKind(c["kind"]), c["value"], c["then"], c["label"]) for c in row["channels"])
    assert (first.value, first.then) == ("988", "then press 1")
    assert (second.value, second.label) == ("144", "ambulance")
    assert third.value == "HOME to 741741"


def test_an_id_outlives_a_new_name() -> None:
    before = build([collected()])
    [renamed] = build([collected(name="The same line, renamed")], before=before)
    assert renamed["id"] == before[0]["id"] == "us/a-line"
    [kept] = build([collected(channels=[{"type": "call", "value": "989", "hours": None}])], before=before)
    assert kept["id"] == "us/a-line"
    with pytest.raises(DirectoryInvalid, match="stands twice"):
        build([collected(), collected()])


def test_every_country_has_something_that_answers_at_any_hour() -> None:
    book = shipped()
    for country in COUNTRIES:
        contacts: list[Contact] = [*book.lookup(country, danger=True, limit=9)]
        assert any(contact.always for contact in contacts), country
