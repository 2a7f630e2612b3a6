"""The language that rules are written in, and the files."""

from __future__ import annotations

import re
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from detectors.lexicon.errors import LexiconError
from detectors.lexicon.patterns import PatternError, parse, row
from detectors.lexicon.rules import Rules, words_of
from detectors.lexicon.user import FILES


def matched(source: str, text: str) -> str | None:
    """What the pattern matches in the text."""
    macros = {"adv": row("really | so very", {}), "i": row("i", {})}
    for pattern in parse(source, macros):
        if (found := re.search(pattern.expression, text)) is not None:
            return found.group()
    return None


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("kill myself", "i kill myself", "kill myself"),
        ("kill myself", "i skill myself", None),
        ("kill myself", "kill, myself", "kill, myself"),
        ("kill myself", "kill then myself", None),
        ("a (b | c d) e", "a c d e", "a c d e"),
        ("a (b | c d) e", "a c e", None),
        ("a b? c", "a c", "a c"),
        ("a b? c", "a b c", "a b c"),
        ("b? a c", "a c", "a c"),
        ("a ~2 b", "a x y b", "a x y b"),
        ("a ~2 b", "a x y z b", None),
        ("a ~12 b", "a 1 2 3 4 5 6 7 8 9 10 11 12 b", "a 1 2 3 4 5 6 7 8 9 10 11 12 b"),
        ("{i} {adv}? go", "i so very go", "i so very go"),
        ("^ want to", "want to", "want to"),
        ("^ want to", "well, want to", ", want to"),
        ("^ want to", "tired and want to", "and want to"),
        ("^ want to", "they want to", None),
        ("do it $", "do it.", "do it."),
        ("do it $", "do it now", None),
        ("do it ($ | now)", "do it", "do it"),
        ("do it ($ | now)", "do it now", "do it now"),
        ("do it ($ | now)", "do it later", None),
        ("i'm here", "i am here", "i am here"),
        ("i can't go", "i can not go", "i can not go"),
        ("he's here", "he is here", "he is here"),
    ],
)
def test_a_pattern_matches_its_words_in_their_order(source: str, text: str, found: str | None) -> None:
    assert matched(source, text) == found


@pytest.mark.parametrize("source", ["(a | b", "a )", "a | ", "()", "{nothing}", "~3", "a?", "( ~2 | b )", "{adv"])
def test_what_is_no_pattern_is_refused(source: str) -> None:
    with pytest.raises(PatternError):
        parse(source, {})


def test_a_rule_is_looked_up_by_its_rarest_words_and_needs_all_the_others() -> None:
    (pattern,) = parse("i (want | need) to ~2 cliff", {})
    assert pattern.anchors == {"cliff"}
    assert [set(words) for words in pattern.needs] == [{"i"}, {"to"}, {"want", "need"}]


def test_a_fault_in_a_file_is_told_with_file_and_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.lexicon.rules.resources.files", lambda _: tmp_path)
    (tmp_path / "words").mkdir()
    faults = {
        "before the first": "a b\n",
        "there is no signal": "[risk.nothing]\na b\n",
        "no macro": "[risk.suicide]\na {b}\n",
        "not closed": "[risk.suicide]\na (b\n",
        "unexpected": "m = a )\n",
    }
    for what, text in faults.items():
        (tmp_path / "words" / "bad.txt").write_text(text)
        with pytest.raises(LexiconError, match=rf"^words/bad\.txt:[12]: .*{what}"):
            Rules(["bad"])


def test_the_files_hold_no_rule_twice() -> None:
    folder = resources.files("detectors.lexicon").joinpath("words")
    for name in FILES:
        heading, lines = "", Counter[tuple[str, str]]()
        for raw in folder.joinpath(f"{name}.txt").read_text("utf-8").splitlines():
            line = raw.split("#")[0].split("::")[0].strip()
            if line.startswith("["):
                heading = line
            elif line:
                lines[heading, line] += 1
        assert [line for line, count in lines.items() if count > 1] == []


def test_every_pattern_compiles_and_can_match_what_it_is_looked_up_by() -> None:
    for rule in Rules(FILES).rules:
        assert rule.expression.groups == 0
        assert all(word == word.lower() for word in rule.pattern.words)
        assert rule.pattern.anchors <= rule.pattern.words | {part for word in rule.pattern.words for part in word.split("'")}
        assert 0.0 < rule.grade <= 1.0


def test_words_with_an_apostrophe_are_found_by_either_part() -> None:
    assert words_of("he's here, don't go") == ["he's", "here", "don't", "go", "he", "don"]
