"""The fallback: somebody always reads the text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from detectors.contract import Item
from detectors.errors import ScorerUnavailable
from detectors.scorer.fallback import FallbackScorer
from detectors.signals import Scores, Side


class Primary:
    def __init__(self) -> None:
        self.down: str | None = None

    async def score(self, items: Sequence[Item], *, deadline: float) -> list[Scores]:
        if self.down is not None:
            raise ScorerUnavailable(self.down)
        return [Scores.of(item.side, "model@1", {}) for item in items]


class Local:
    made = 0

    def __init__(self) -> None:
        Local.made += 1

    def score_one(self, item: Item) -> Scores:
        if item.text == "fail":
            raise ValueError("the text: fail")
        return Scores.of(item.side, "lexicon@1", {})


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Local.made = 0


async def test_it_falls_back_tells_why_and_recovers_by_itself() -> None:
    reasons: list[str] = []
    answers: list[bool] = []
    primary = Primary()
    scorer = FallbackScorer(primary, Local, on_failure=reasons.append, on_answer=lambda: answers.append(True))
    asked = [Item(Side.USER, "a"), Item(Side.REPLY, "b")]

    async def models() -> list[str]:
        scores = await scorer.score(asked, deadline=1)
        assert [one.side for one in scores] == [Side.USER, Side.REPLY]
        return [one.model for one in scores]

    assert await models() == ["model@1"] * 2
    assert Local.made == 0, "not made before it is needed"
    assert answers == [True]
    for reason in ("closed", "refused", "deadline", "overloaded"):
        primary.down = reason
        assert await models() == ["lexicon@1"] * 2
    assert bool(scorer.degraded) is True
    assert reasons == ["closed", "refused", "deadline", "overloaded"]
    assert Local.made == 1
    primary.down = None
    assert await models() == ["model@1"] * 2
    assert bool(scorer.degraded) is False
    assert answers == [True, True]


async def test_what_the_primary_remembers_stands_in_an_outage() -> None:
    class Remembering(Primary):
        def recall(self, items: Sequence[Item]) -> list[Scores | None]:
            return [Scores.of(item.side, "model@1", {}) if item.text == "known" else None for item in items]

    primary = Remembering()
    primary.down = "closed"
    asked = [Item(Side.USER, "new"), Item(Side.USER, "known"), Item(Side.USER, "newer")]
    scores = await FallbackScorer(primary, Local).score(asked, deadline=1)
    assert [one.model for one in scores] == ["lexicon@1", "model@1", "lexicon@1"]


async def test_an_item_that_even_the_lexicon_cannot_read_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    reasons: list[str] = []
    primary = Primary()
    primary.down = "refused"
    scorer = FallbackScorer(primary, Local, on_failure=reasons.append)
    good, bad = await scorer.score([Item(Side.USER, "fine"), Item(Side.USER, "fail")], deadline=1)
    assert good.model == "lexicon@1"
    assert bad == Scores.missing(Side.USER) or list(bad.answered()) == []
    assert not bad.covered
    assert reasons == ["refused", "lexicon"]
    assert "the text" not in caplog.text


async def test_a_lexicon_that_cannot_be_made_is_missing_too() -> None:
    def broken() -> Local:
        raise OSError("no such file")

    primary = Primary()
    primary.down = "refused"
    (scores,) = await FallbackScorer(primary, broken).score([Item(Side.USER, "x")], deadline=1)
    assert list(scores.answered()) == []


async def test_a_cancelled_call_stays_cancelled() -> None:
    class Slow(Primary):
        async def score(self, items: Sequence[Item], *, deadline: float) -> list[Scores]:
            await asyncio.sleep(60)
            raise AssertionError

    call = asyncio.create_task(FallbackScorer(Slow(), Local).score([Item(Side.USER, "x")], deadline=1))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert Local.made == 0


async def test_a_long_text_does_not_stop_the_loop() -> None:
    class Slow(Local):
        busy = 0
        most = 0

        def score_one(self, item: Item) -> Scores:
            Slow.busy += 1
            Slow.most = max(Slow.most, Slow.busy)
            time.sleep(0.4)
            Slow.busy -= 1
            return super().score_one(item)

    primary = Primary()
    primary.down = "closed"
    scorer = FallbackScorer(primary, Slow)
    long = [Item(Side.USER, "x" * 20_000)]
    calls = asyncio.gather(*(scorer.score(long, deadline=1) for _ in range(3)))
    longest = 0.0
    while not calls.done():
        start = time.monotonic()
        await asyncio.sleep(0.001)
        longest = max(longest, time.monotonic() - start)
    assert [scores.model for (scores,) in await calls] == ["lexicon@1"] * 3
    assert longest < 0.3
    assert Slow.most == 1


async def test_many_long_texts_let_others_run_between_them() -> None:
    primary = Primary()
    primary.down = "refused"
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await FallbackScorer(primary, Local).score([Item(Side.USER, "x" * 5000)] * 20, deadline=1)
    task.cancel()
    assert turns >= 20


async def test_what_the_session_was_written_in_is_only_a_hint() -> None:
    """An outage makes no English out of Spanish."""
    primary = Primary()
    primary.down = "closed"
    texts = {"es": "hoy fui al mercado con mi hermana y compramos pan, queso y tomates", "en": "ok"}
    items = [Item(Side.USER, text, language="en") for text in texts.values()]
    found = await FallbackScorer(primary).score(items, deadline=1)
    assert [scores.language for scores in found] == list(texts)
    assert found[0].value("risk.suicide_ge3") is None
