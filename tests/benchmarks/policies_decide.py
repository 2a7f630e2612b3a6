"""What a decision costs, and what the same conditions cost in the CEL library.

Run: ``python -m tests.benchmarks.policies_decide``. One thread; the fastest of five rounds is printed,
in microseconds. Compare within one run; absolutes move between machines.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import cel as library

from detectors.signals import Scores, Side, vocabulary
from policies.decide import decide
from policies.decision import Facts, Moment, SessionView
from policies.load import load_policy
from tests.property.cel import context, render

_ROUNDS, _TIMES = 5, 3000


def fastest(work: Callable[[], Any]) -> float:
    """Microseconds a call."""
    return min(timeit.repeat(work, number=_TIMES, repeat=_ROUNDS)) / _TIMES * 1e6


def filled(plain: dict[str, Any]) -> Any:
    """A context of the CEL library with these fields and functions."""
    made = library.Context()
    for name, value in plain.items():
        (made.add_function if callable(value) else made.add_variable)(name, value)
    return made


def main() -> None:
    """Prints one line a measurement."""
    policy, now = load_policy("companion-app"), datetime(2026, 3, 2, tzinfo=UTC)
    user = Scores.of(Side.USER, "bench@1", {signal.name: 0.02 for signal in vocabulary(Side.USER)})
    reply = Scores.of(Side.REPLY, "bench@1", {signal.name: 0.02 for signal in vocabulary(Side.REPLY)})
    for moment in (Moment.USER_TURN, Moment.REPLY_SENTENCE, Moment.REPLY_END):
        facts = Facts(moment, now, SessionView(), user, None if moment is Moment.USER_TURN else reply)
        rules = policy.plan.rules[moment]
        whole = fastest(lambda facts=facts: decide(policy, facts))  # type: ignore[misc]
        row, _ = policy.plan.row(facts)
        ours = fastest(lambda rules=rules, row=row: [one.condition(row) for one in rules])  # type: ignore[misc]
        values = {key: 0.0 if row[slot] is None else row[slot] for key, slot in policy.plan.slots.items()}
        programs = [library.compile(render(one.rule.when)) for one in rules]
        plain = context(values)
        made = filled(plain)
        theirs = fastest(lambda programs=programs, made=made: [one.execute(made) for one in programs])  # type: ignore[misc]
        building = fastest(lambda plain=plain: filled(plain))  # type: ignore[misc]
        print(
            f"{moment.value}: {len(rules)} rules, decide {whole:.1f}; conditions alone {ours:.1f}, "
            f"CEL library {theirs:.1f} and its context {building:.1f}"
        )


if __name__ == "__main__":
    main()
