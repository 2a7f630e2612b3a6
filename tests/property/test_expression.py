"""The evaluator against the CEL library, and against what missing and off must mean."""

from __future__ import annotations

import itertools
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.expression.evaluate import compile_condition
from policies.expression.nodes import Binary, ListOf, Literal, Name, Node, Unary
from policies.expression.parser import parse
from policies.expression.types import Known, check
from tests.property import cel

NUMBERS = ("risk.suicide", "risk.suicide_ge3", "distress", "harm.method", "session.minutes")
TEXTS = ("session.state", "tenant.tag")
BOOLS = ("session.question_open", "reply.whole")
BANDS = ("band.ge3", "band.high")
NAMES = (*NUMBERS, *TEXTS, *BOOLS, *BANDS)
SLOTS = {name: at for at, name in enumerate(NAMES)}
KNOWN = Known(("ge3", "high"), ())

thresholds = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
words = {"session.state": st.sampled_from(["steady", "crisis"]), "tenant.tag": st.sampled_from(["gaming", "care"])}


def literal(value: float | bool | str) -> Literal:
    return Literal(0, 1, value)


def name(text: str) -> Name:
    return Name(0, 1, text)


def binary(left: Node, operator: str, right: Node) -> Binary:
    return Binary(0, 1, operator, left, right)


relations = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
sums = st.recursive(
    st.one_of(st.sampled_from(NUMBERS).map(name), thresholds.map(literal)),
    lambda inner: st.builds(binary, inner, st.sampled_from(["+", "-", "*"]), inner),
    max_leaves=3,
)


@st.composite
def atoms(draw: st.DrawFn) -> Node:
    kind = draw(st.sampled_from(["number", "number", "reversed", "sum", "band", "text", "in", "among", "bool"]))
    if kind == "number":
        return binary(name(draw(st.sampled_from(NUMBERS))), draw(relations), literal(draw(thresholds)))
    if kind == "reversed":
        return binary(literal(draw(thresholds)), draw(relations), name(draw(st.sampled_from(NUMBERS))))
    if kind == "sum":
        return binary(draw(sums), draw(relations), draw(sums))
    if kind == "band":
        band = draw(st.sampled_from(["OFF", "WATCH", "ELEVATED", "HIGH"]))
        return binary(name(draw(st.sampled_from(BANDS))), draw(relations), name(band))
    if kind == "among":
        items = draw(st.lists(thresholds.map(literal), min_size=1, max_size=3))
        return binary(name(draw(st.sampled_from(NUMBERS))), "in", ListOf(0, 1, tuple(items)))
    text = draw(st.sampled_from(TEXTS))
    if kind == "text":
        return binary(name(text), draw(st.sampled_from(["==", "!="])), literal(draw(words[text])))
    if kind == "in":
        items = draw(st.lists(words[text].map(literal), min_size=1, max_size=3))
        return binary(name(text), "in", ListOf(0, 1, tuple(items)))
    return name(draw(st.sampled_from(BOOLS)))


conditions = st.recursive(
    atoms(),
    lambda inner: st.one_of(
        st.builds(binary, inner, st.sampled_from(["&&", "||"]), inner),
        inner.map(lambda node: Unary(0, 1, "!", node)),
    ),
    max_leaves=8,
)
values = st.fixed_dictionaries(
    {
        **dict.fromkeys(NUMBERS, thresholds),
        **words,
        **dict.fromkeys(BOOLS, st.booleans()),
        **dict.fromkeys(BANDS, st.integers(0, 3)),
    }
)


def row(found: dict[str, Any]) -> list[Any]:
    return [found[key] for key in NAMES]


@settings(max_examples=300, deadline=None)
@given(conditions, values)
def test_agrees_with_cel_where_everything_is_there(node: Node, found: dict[str, Any]) -> None:
    assert compile_condition(node, SLOTS)(row(found)) is cel.decide(node, found)


@settings(max_examples=150, deadline=None)
@given(conditions, values)
def test_reads_back_what_is_rendered(node: Node, found: dict[str, Any]) -> None:
    again, flaws = parse(cel.render(node))
    assert not flaws
    assert again is not None
    assert compile_condition(again, SLOTS)(row(found)) is compile_condition(node, SLOTS)(row(found))


@settings(max_examples=250, deadline=None)
@given(conditions, values, st.sampled_from(NAMES))
def test_a_missing_value_leaves_open_only_what_it_could_change(node: Node, found: dict[str, Any], lost: str) -> None:
    condition = compile_condition(node, SLOTS)
    said = condition(row({**found, lost: None}))
    if said is not None:
        choices: list[Any] = [True, False] if lost in BOOLS else [0, 1, 2, 3] if lost in BANDS else [0.0, 0.3, 0.5, 1.0]
        if lost in TEXTS:
            choices = ["steady", "crisis", "gaming", "care", "other"]
        assert {condition(row({**found, lost: value})) for value in choices} == {said}


@settings(max_examples=250, deadline=None)
@given(conditions, values, st.sampled_from(NUMBERS))
def test_an_off_value_never_helps_a_condition_to_hold(node: Node, found: dict[str, Any], off: str) -> None:
    condition = compile_condition(node, SLOTS)
    if condition(row({**found, off: math.nan})) is True:
        assert all(condition(row({**found, off: value})) is True for value in (0.0, 0.3, 0.5, 1.0))


def test_the_whole_truth_table_of_three_values() -> None:
    truth = {True: 1.0, False: 0.0, None: None}
    node, _ = parse("distress >= 0.5 && harm.method >= 0.5")
    other, _ = parse("distress >= 0.5 || harm.method >= 0.5")
    assert node is not None
    assert other is not None
    both, either = compile_condition(node, SLOTS), compile_condition(other, SLOTS)
    for one, two in itertools.product(truth, repeat=2):
        found: list[float | None] = [None] * len(NAMES)
        found[SLOTS["distress"]], found[SLOTS["harm.method"]] = truth[one], truth[two]
        assert both(found) is (False if False in (one, two) else None if None in (one, two) else True)
        assert either(found) is (True if True in (one, two) else None if None in (one, two) else False)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="risk.suicide_ge3 ><=!&|()[]'\"0.5,bandHIGHin-+*/tru", max_size=60))
def test_any_text_is_read_or_refused_in_place(text: str) -> None:
    node, flaws = parse(text)
    found = flaws if node is None else check(node, KNOWN)
    assert node is not None or flaws
    for flaw in found:
        assert 0 <= flaw.start <= len(text)
        assert flaw.end > flaw.start
        assert flaw.message
