"""The blind set: rows that `handrail eval` reads, labelled as they should be, and nothing that trained a model."""

from __future__ import annotations

from detectors.corpus import read_corpus
from detectors.corpus.duplicates import pairs
from detectors.corpus.reading import FOLDER
from detectors.evaluation.rows import read_rows

FILES = sorted((FOLDER / "blind").glob("*.jsonl"))
_WORDS = 5  # of a text that can be told from a common phrase


def test_rows_are_what_evaluation_reads() -> None:
    assert [file.stem for file in FILES] == ["companions", "everyday", "people", "refusals"]
    rows = read_rows(FILES)
    assert len(rows) >= 2_000
    assert all(row.slices for row in rows)
    assert all(row.conversation != row.id for row in rows)


def test_everyday_rows_are_benign_and_carry_no_risk() -> None:
    rows = read_rows([FOLDER / "blind" / "everyday.jsonl"])
    assert all(row.benign for row in rows)
    assert not any(value for row in rows for value in row.labels.values())


def test_a_pair_has_two_replies_to_one_turn_and_one_seeks_more() -> None:
    found: dict[str, list[float]] = {}
    for row in read_rows([FOLDER / "blind" / "companions.jsonl"]):
        if row.pair is not None:
            found.setdefault(row.pair, []).append(row.labels["companion.*"])
    assert len(found) >= 90
    assert all(len(values) == 2 and values[0] != values[1] for values in found.values())


def test_nothing_of_it_stands_in_the_corpus() -> None:
    said = [row.text for row in read_rows(FILES) if len(row.text.split()) >= _WORDS]
    trained = [item.text for item in read_corpus().items]
    shared = [said[first] for first, again in pairs([*said, *trained], among=len(said)) if again >= len(said)]
    assert not shared
