"""What a policy does to labelled rows, as tables. Pure."""

from __future__ import annotations

from detectors.evaluation.sections import Section, interval, session_section
from detectors.signals import Side
from guard.evaluation.consequences import CONSEQUENCES, Consequences

__all__ = ["sections"]


def sections(found: Consequences) -> list[Section]:
    """The tables that have rows."""
    made = [*_alarms(found), *_recall(found), _million(found)]
    made.append(session_section(f"Whole conversations under {found.policy}", found.sessions))
    return [one for one in made if one.rows]


def _alarms(found: Consequences) -> list[Section]:
    made = []
    for side, whose in ((Side.USER, "turns"), (Side.REPLY, "replies")):
        own = [one for one in found.alarms if one.side is side]
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
