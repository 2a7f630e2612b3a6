"""Tags of words, and entities of tags."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.pii.tags import TAGS, runs, tags_of, viterbi

WORDS = [(0, 3), (4, 9), (10, 12), (13, 18)]


def _names(tags: list[int]) -> list[str]:
    return [TAGS[tag] for tag in tags]


def test_a_span_begins_once_and_goes_on() -> None:
    assert _names(tags_of(WORDS, [(0, 9, "PERSON"), (13, 18, "LOCATION")])) == ["B-PERSON", "I-PERSON", "O", "B-LOCATION"]


def test_a_word_that_a_span_only_touches_belongs_to_it() -> None:
    assert _names(tags_of(WORDS, [(6, 8, "PERSON")])) == ["O", "B-PERSON", "O", "O"]


def test_runs_part_neighbours_of_one_type() -> None:
    tags = [TAGS.index(tag) for tag in ("B-PERSON", "I-PERSON", "B-PERSON", "O", "B-LOCATION")]
    assert runs(tags) == [(0, 2, "PERSON"), (2, 3, "PERSON"), (4, 5, "LOCATION")]


def test_an_inside_never_follows_what_it_cannot() -> None:
    """The likeliest tag of each word alone would be an inside of a place after a person."""
    scores = np.full((3, len(TAGS)), -9.0)
    scores[0, TAGS.index("B-PERSON")] = -0.1
    scores[1, TAGS.index("I-LOCATION")], scores[1, TAGS.index("I-PERSON")] = -0.1, -0.5
    scores[2, TAGS.index("I-PERSON")] = -0.1
    assert _names(viterbi(scores)) == ["B-PERSON", "I-PERSON", "I-PERSON"]
    assert not _names(viterbi(scores))[0].startswith("I-")


@pytest.mark.parametrize("seed", range(5))
def test_the_path_is_the_best_of_all_that_are_allowed(seed: int) -> None:
    """Against every path of three words, one by one."""
    scores = np.log(np.random.default_rng(seed).dirichlet(np.ones(len(TAGS)) * 0.3, size=3) + 1e-9)

    def allowed(path: tuple[int, ...]) -> bool:
        before = "O"
        for tag in _names(list(path)):
            if tag.startswith("I-") and before[2:] != tag[2:]:
                return False
            before = tag
        return True

    paths = [path for path in np.ndindex(*[len(TAGS)] * 3) if allowed(path)]
    best = max(paths, key=lambda path: sum(scores[at, tag] for at, tag in enumerate(path)))
    assert tuple(viterbi(scores)) == best


def test_nothing_gives_nothing() -> None:
    assert viterbi(np.zeros((0, len(TAGS)))) == []
    assert runs([]) == []
