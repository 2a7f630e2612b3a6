"""What a policy does to labelled rows, as tables. Pure."""

from __future__ import annotations

from detectors.evaluation.sections import Section, interval, session_section
from detectors.evaluation.slices import natural
from detectors.evaluation.study import ALL, ENOUGH
from detectors.signals import Side
from guard.evaluation.consequences import CONSEQUENCES, Alarms, Consequences

__all__ = ["sections"]


def sections(found: Consequences) -> list[Section]:
    """The tables that have rows."""
    made = [*_alarms(found), *_recall(found), _million(found), *_slices(found)]
    made.append(session_section(f"Whole conversations under {found.policy}", found.sessions))
    return [one for one in made if one.rows]


def _alarms(found: Consequences) -> list[Section]:
    made = []
    for side, whose in ((Side.USER, "turns"), (Side.REPLY, "replies")):
        own = [one for one in found.alarms if one.side is side and one.slice == ALL]
        total = own[0].rows if own else 0
        made.append(
            Section(
                f"False alarms by consequence: {found.policy} on {total:,} benign {whose}",
                "Each with all that is stronger. The upper bound is one-sided, 95%, and takes rows as independent; where "
                "none was seen it is 3 / n. Not demonstrable: even no alarm in so few rows could not show the target.",
                ("at least", "n", "alarms", "share", "at most", "target", "verdict", "rows needed"),
                tuple(
                    (
                        one.consequence, f"{one.rows:,}", f"{one.count:,}", f"{one.share:.3%}", f"{one.upper:.3%}",
                        "-" if one.target is None else f"{one.target:.3%}", one.verdict.value if one.verdict else "",
                        "-" if one.needed is None else f"{one.needed:,}",
                    )
                    for one in own
                ),
            )
        )  # fmt: skip
    return made


def _slices(found: Consequences) -> list[Section]:
    made = []
    for side, whose in ((Side.USER, "turns"), (Side.REPLY, "replies")):
        own = [one for one in found.alarms if one.side is side and one.slice != ALL]
        names = tuple(dict.fromkeys(one.consequence for one in own))
        by_slice: dict[str, dict[str, Alarms]] = {}
        for one in own:
            by_slice.setdefault(one.slice, {})[one.consequence] = one
        rows = []
        for name in sorted(by_slice, key=natural):
            each = by_slice[name]
            total = each[names[0]].rows
            told = (f"{each[one].count:,} ({each[one].share:.2%}, at most {each[one].upper:.2%})" for one in names)
            rows.append((name, f"{total:,}", *told, "insufficient" if total < ENOUGH else ""))
        made.append(
            Section(
                f"False alarms in slices of benign {whose}", "", ("slice", "n", *names, "note"), tuple(rows),
                long=True, signal=f"{found.policy}, slice by slice",
            )
        )  # fmt: skip
    return made


def _recall(found: Consequences) -> list[Section]:
    made = []
    for whose, turns in (("turns", True), ("replies", False)):
        own = [one for one in found.recall if ("guide" in one.reached) is turns]
        names = tuple(own[0].reached) if own else tuple(one.name for one in CONSEQUENCES)
        degraded = (
            f" On {found.degraded:,} of {found.rows:,} rows a value was missing that the policy needs from severity 3 on."
            if found.degraded
            else ""
        )
        made.append(
            Section(
                f"The recall that each leaves: labelled {whose}",
                f"The share of labelled {whose} that comes to at least so much.{degraded}",
                ("signal", "n", *names, "note"),
                tuple(
                    (
                        one.signal, f"{one.rows:,}", *(interval(value) for value in one.reached.values()),
                        "insufficient" if one.insufficient else "",
                    )
                    for one in own
                ),
            )
        )  # fmt: skip
    return made


def _million(found: Consequences) -> Section:
    return Section(
        "What that means among a million turns",
        "With the shares of these rows: benign ones here may be plainer, or harder, than your traffic.",
        ("at least", "if so many are risk.suicide", "met", "false alerts", "at most"),
        tuple(
            (
                one.consequence, f"{one.prevalence:.2%}", f"{one.found:,.0f} of {one.there:,.0f}",
                f"{one.false_alerts:,.0f}", f"{one.at_most:,.0f}",
            )
            for one in found.million
        ),
    )  # fmt: skip
