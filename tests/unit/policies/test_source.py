"""Files that would grow, or are no policy at all."""

from __future__ import annotations

import pytest

from policies.source import DEEPEST, LARGEST, MOST, read


@pytest.mark.parametrize(
    ("text", "code", "at"),
    [
        ("a: &x [1]\nb: *x\n", "alias", (1, 4)),
        ("a: !!python/object:os.system [x]\n", "tag", (1, 4)),
        ("a: 1\n---\nb: 2\n", "documents", (2, 1)),
        ("a: [1, 2\nb: 3\n", "yaml", (2, 2)),
        ("a: 1\nb: 2\na: 3\n", "duplicate-key", (3, 1)),
        ("[" * (DEEPEST + 2) + "]" * (DEEPEST + 2), "too-deep", (1, DEEPEST + 1)),
        ("", "empty", (1, 1)),
        ("x" * (LARGEST + 1), "too-large", (1, 1)),
        ("\x00", "yaml", (1, 1)),
    ],
)
def test_refused_in_place(text: str, code: str, at: tuple[int, int]) -> None:
    [fault] = read("p.yaml", text).faults
    assert (fault.code, (fault.line, fault.column)) == (code, at)


def test_too_many_values_are_refused() -> None:
    [fault] = read("p.yaml", "a: [" + "1," * (MOST + 1) + "]").faults
    assert fault.code == "too-large"


def test_scalars_are_those_of_yaml_1_2() -> None:
    root = read("p.yaml", "{on: yes, no: off, n: 0o7, i: 12, f: 1.5, e: , t: true, q: '1', d: 2027-01-31}").root
    assert root is not None
    assert root.plain() == {
        "on": "yes", "no": "off", "n": "0o7", "i": 12, "f": 1.5, "e": None, "t": True, "q": "1", "d": "2027-01-31",
    }  # fmt: skip


def test_places_within_quoted_text() -> None:
    source = read("p.yaml", "when: 'it''s here'\n")
    assert source.root is not None
    value = source.root.data["when"].value
    assert source.within(value, value.data.index("here")) == (1, 14)
