"""The schema accepts what loads, and refuses what cannot."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from policies.load import pack_names
from policies.schema import schema
from policies.source import read

CHECK = jsonschema.Draft202012Validator(schema())


def document(text: str) -> Any:
    root = read("p.yaml", text).root
    assert root is not None
    return root.plain()


def test_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("name", pack_names())
def test_accepts_the_packs(name: str) -> None:
    CHECK.validate(document((files("policies.packs") / f"{name}.yaml").read_text("utf-8")))


@pytest.mark.parametrize(
    "rule",
    [
        "{id: one, on: user_tern, severity: 1, when: a, then: [observe]}",
        "{id: one, on: user_turn, severity: 5, when: a, then: [observe]}",
        "{id: one, on: user_turn, severity: 1, when: a, then: [complete]}",
        "{id: one, on: user_turn, severity: 1, when: a, then: [{complete: ccs/nothing}]}",
        "{id: one, on: user_turn, severity: 1, when: a, then: []}",
        "{id: one, on: user_turn, severity: 1, then: [observe]}",
        "{id: one, on: user_turn, severity: 1, when: a, then: [observe], els: 1}",
    ],
)
def test_refuses(rule: str) -> None:
    text = "{apiVersion: handrail/v1, name: p, vocabulary: 1, rules: [" + rule + "]}"
    assert not CHECK.is_valid(document(text))
