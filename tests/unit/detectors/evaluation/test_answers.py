"""Whose answers are judged: asked as the product asks, and nobody else's in their place."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from detectors.batch import Row as Scored
from detectors.batch import read_row
from detectors.contract import Item
from detectors.evaluation.answering import Answering
from detectors.evaluation.answers import answer, items_of
from detectors.evaluation.command import Plan, evaluate
from detectors.evaluation.errors import AnswersFailed
from detectors.evaluation.rows import Row, read_rows
from detectors.scorer.process import LexiconTier
from detectors.scorer.tiers import Stack
from detectors.signals import Scores, Side

SIGNAL = "risk.suicide"
BAD = "text that no model reads"


class Frail:
    """A tier that fails on some texts."""

    name = "frail@1"

    def __init__(self, fails: Callable[[str], bool]) -> None:
        self._fails = fails
        self.asked = 0

    def score(self, batch: Sequence[Item]) -> list[Scores]:
        self.asked += len(batch)
        if any(self._fails(item.text) for item in batch):
            raise RuntimeError("out of memory")
        return [Scores.of(item.side, self.name, {SIGNAL: 0.75}) for item in batch]


def _row(identity: str, text: str, side: Side = Side.USER) -> Row:
    return Row(identity, side, text, (), {SIGNAL: 1.0} if side is Side.USER else {"harm.method": 0.0}, identity, ())


def _installed(monkeypatch: pytest.MonkeyPatch, tier: Frail) -> None:
    monkeypatch.setattr("detectors.scorer.process.stack_for", lambda device: Stack([tier, LexiconTier()]))


def test_answers_of_a_sound_stack_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch, Frail(lambda text: False))
    found = answer("full", [_row("a", "hello"), _row("b", "I want to kill myself")], [SIGNAL])
    assert found.name == "frail@1"
    assert found.columns[SIGNAL][0] == 0.75


@pytest.mark.parametrize("plan", [Plan("full", resampled=20), Plan("lexicon", "full", resampled=20)])
def test_a_model_that_fails_has_no_figures_and_passes_no_gate(monkeypatch: pytest.MonkeyPatch, plan: Plan) -> None:
    _installed(monkeypatch, Frail(lambda text: True))
    rows = [_row(str(at), "I want to kill myself") for at in range(10)]
    with pytest.raises(AnswersFailed, match="frail@1 failed on 10 of 10 rows, the first of them '0'"):
        evaluate(rows, plan)


def test_rows_on_which_a_tier_failed_are_counted_to_the_end_and_none_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch, Frail(lambda text: text == BAD))
    rows = [_row(str(at), BAD if at in (70, 130) else "hello") for at in range(150)]
    rows.append(_row("r", f"I am here. {BAD}", Side.REPLY))
    with pytest.raises(AnswersFailed, match="frail@1 failed on 3 of 151 rows, the first of them '70'") as caught:
        answer("full", rows, [SIGNAL])
    assert BAD not in str(caught.value)


def test_a_model_that_fails_on_everything_is_not_asked_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    tier = Frail(lambda text: True)
    _installed(monkeypatch, tier)
    with pytest.raises(AnswersFailed, match="failed on 64 of 64 rows"):
        answer("full", [_row(str(at), "hello") for at in range(1000)], [SIGNAL])
    assert tier.asked == 128  # at once, then each by itself


def test_only_the_tier_that_failed_is_named() -> None:
    class Other(Frail):
        name = "other@2"

    answering = Answering(Stack([Other(lambda text: False), Frail(lambda text: text == BAD)]))
    answering.score([("a", [Item(Side.USER, "hello")])])
    answering.check()
    answering.score([("b", [Item(Side.USER, BAD)]), ("c", [])])
    with pytest.raises(AnswersFailed, match=r"^frail@1 failed on 1 of 3 rows"):
        answering.check()


def _said(*texts: str) -> list[dict[str, str]]:
    """Messages by turns, a person's last."""
    roles = ("user", "assistant")
    return [{"role": roles[(len(texts) - at) % 2 == 0], "content": text} for at, text in enumerate(texts)]


SPANISH = "No quiero seguir viviendo, ya no puedo más con todo esto"


@pytest.mark.parametrize(
    ("messages", "language"),
    [
        (_said("hello"), None),
        (_said(SPANISH, "Te escucho.", "sí"), "es"),
        ([*_said(SPANISH), {"role": "assistant", "content": "Aquí estoy. Cuéntame."}], "es"),
        (_said("I do not want to live any more", "Are you safe right now?", "yes"), "en"),
        (_said("one", "two", "", "four", "five", "six", "seven"), None),
        (_said("x" * 3000, "y" * 3000, "no"), None),
        ([{"role": "assistant", "content": "Hi. How are you?"}], None),
    ],
)
def test_rows_are_asked_as_handrail_score_asks(tmp_path: Path, messages: list[dict[str, str]], language: str | None) -> None:
    def asked(text: str) -> int | None:
        return 0 if "safe" in text else None

    line = json.dumps({"id": "a", "messages": messages, "labels": {}})
    (tmp_path / "rows.jsonl").write_text(line, "utf-8")
    scored = read_row(line, 1, asked)
    assert isinstance(scored, Scored)
    (row,) = read_rows([tmp_path / "rows.jsonl"], asked)
    assert items_of(row) == list(scored.items)
    assert {item.language for item in scored.items} == {language}
