"""False alarms by consequence and the recall that each leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detectors.evaluation.proportions import Demonstrated
from detectors.evaluation.rows import Row
from detectors.evaluation.study import ALL
from detectors.evaluation.table import tabulate
from detectors.signals import Side
from guard.evaluation.consequences import CONSEQUENCES, benign, consequences
from guard.evaluation.play import Played
from guard.evaluation.sections import sections
from policies.decision import Action


def _row(name: str, side: Side = Side.USER, turn: int | None = None, conversation: str = "", **labels: float) -> Row:
    own = {key.replace("__", "."): value for key, value in labels.items()}
    return Row(name, side, "x", (), own, conversation or name, ("s",), turn=turn)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (_row("a", risk__suicide=0.0), True),
        (_row("a", risk__suicide=0.0, risk__violence=1.0), False),
        (_row("a", risk__suicide=0.0, distress=0.8), False),
        (_row("a", emotion__joy=0.0), False),
        (_row("a", Side.REPLY, harm__method=0.0), True),
        (_row("a", Side.REPLY, harm__method=0.0, refusal__any=1.0), False),
    ],
)
def test_benign_is_what_its_labels_say(row: Row, expected: bool) -> None:
    assert benign(row) is expected


def test_what_a_row_says_of_itself_comes_first() -> None:
    assert not benign(replace(_row("a", risk__suicide=0.0), benign=False))
    assert benign(replace(_row("a", emotion__joy=1.0), benign=True))


def test_figures_of_a_policy() -> None:
    rows = [_row(f"n{at}", risk__suicide=0.0) for at in range(400)]
    rows += [_row(f"p{at}", risk__suicide=1.0) for at in range(60)]
    rows += [_row(f"r{at}", Side.REPLY, harm__method=0.0) for at in range(30)]
    played = {row.id: Played() for row in rows}
    played["n0"] = Played(Action.APPEND)
    played |= {f"p{at}": Played(Action.COMPLETE, 3, degraded=at == 0) for at in range(45)}
    found = consequences("pack", tabulate(rows, {}), played, {row.id for row in rows if benign(row)}, 40)
    assert (found.rows, found.degraded) == (490, 1)
    of_turns = {one.consequence: one for one in found.alarms if one.side is Side.USER and one.slice == ALL}
    assert set(of_turns) == {one.name for one in CONSEQUENCES}
    assert (of_turns["guide"].rows, of_turns["guide"].count) == (400, 1)
    assert of_turns["guide"].verdict is Demonstrated.OPEN
    assert of_turns["complete"].upper == pytest.approx(3 / 400)
    assert of_turns["complete"].verdict is Demonstrated.NOT_DEMONSTRABLE
    assert of_turns["page, severity 4"].needed == 60_000
    assert of_turns["guide"].ids == ("n0",)
    assert [one.rows for one in found.alarms if one.side is Side.REPLY and one.slice == ALL] == [30] * 3
    in_slices = [one for one in found.alarms if one.slice == "s"]
    assert [one.rows for one in in_slices[:5]] == [400] * 5
    (recall,) = found.recall
    assert recall.reached["complete"].value == pytest.approx(0.75)
    assert recall.reached["page, severity 3"].value == pytest.approx(0.75)
    assert recall.reached["page, severity 4"].value == 0.0
    guided = next(one for one in found.million if one.consequence == "guide")
    assert guided.false_alerts == pytest.approx((1e6 - guided.there) / 400)
    assert guided.at_most > guided.false_alerts
    tables = sections(found)
    assert any(row[0] == "complete" and "not demonstrable" in row for table in tables for row in table.rows)


def test_delay_to_an_action() -> None:
    rows = [
        _row(f"{talk}/{turn}", turn=turn, conversation=str(talk), risk__suicide=float(turn == 2))
        for talk in range(10)
        for turn in range(1, 6)
    ]
    played = {row.id: Played(Action.GUIDE if row.turn == 3 else Action.ALLOW) for row in rows}
    found = consequences("pack", tabulate(rows, {}), played, (), 40)
    guide = next(one for one in found.sessions if one.reached == "guide")
    assert (guide.cues, guide.recall.value, guide.delay.value, guide.within[0].value) == (10, 1.0, 1.0, 0.0)
    assert next(one for one in found.sessions if one.reached == "complete").recall.value == 0.0
    assert not found.alarms
