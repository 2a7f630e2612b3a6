"""From rules and bands to the plan that decisions run on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any

from detectors.signals import SIGNALS, Side, position
from policies.decision import Moment
from policies.expression.evaluate import compile_condition, key_of, rests_on
from policies.expression.names import may_be_off, scored
from policies.expression.nodes import Call
from policies.expression.types import reads
from policies.model import BandSpec, Exemption, Rule
from policies.plan import CONTEXT, Plan, Prepared, PreparedBand, reader

__all__ = ["compile_plan"]


def compile_plan(
    bands: Sequence[BandSpec], rules: Sequence[Rule], exceptions: Iterable[Exemption]
) -> tuple[Plan, frozenset[str]]:
    """The plan, and the names of all signals that rules and bands read."""
    exceptions = tuple(exceptions)
    specs = {band.name: band for band in bands}
    conditions = [*(rule.when for rule in rules), *(one.when for one in exceptions)]
    nodes = {key_of(node): node for condition in conditions for node in reads(condition)}
    # A band stands for posture even where no rule asks for it.
    keys = list(dict.fromkeys([*nodes, *(f"band.{name}" for name in specs), *(b.signal for b in bands), *CONTEXT]))
    slots = {key: at for at, key in enumerate(keys)}
    sides: dict[Side, list[tuple[int, int]]] = {Side.USER: [], Side.REPLY: []}
    spoken: list[tuple[int, Any]] = []
    for key, slot in slots.items():
        side = scored(key)
        if side is not None:
            sides[side].append((slot, position(side)[key]))
            spoken.append((slot, 0.0))
        elif key.startswith("band."):
            spoken.append((slot, 0))
        elif key.startswith("recent("):
            spoken.append((slot, False))
    resting: dict[str, list[int]] = {}
    for key, slot in slots.items():
        node = nodes.get(key)
        for name in (key,) if node is None else rests_on(node):
            if may_be_off(name):
                resting.setdefault(name, []).append(slot)
    by_rule: dict[str, list[Exemption]] = {}
    for exemption in exceptions:
        by_rule.setdefault(exemption.rule, []).append(exemption)
    prepared = {
        rule.id: Prepared(
            rule,
            compile_condition(rule.when, slots),
            tuple((compile_condition(one.when, slots), one.expires) for one in by_rule.get(rule.id, ())),
        )
        for rule in rules
    }
    plan = Plan(
        size=len(slots),
        slots=MappingProxyType(slots),
        user=tuple(sides[Side.USER]),
        reply=tuple(sides[Side.REPLY]),
        readers=tuple((slots[key], read) for key, node in nodes.items() if (read := reader(node)) is not None),
        bands=tuple(
            PreparedBand(
                band.name, slots[f"band.{band.name}"], slots[band.signal], band.watch, band.elevated, band.high, band.release
            )
            for band in bands
        ),
        rules=MappingProxyType({m: tuple(prepared[rule.id] for rule in rules if m in rule.on) for m in Moment}),
        spoken=tuple(spoken),
        context=MappingProxyType({name: slots[name] for name in CONTEXT}),
        resting=MappingProxyType({name: tuple(own) for name, own in resting.items()}),
    )
    names = {key for key in nodes if key in SIGNALS} | {band.signal for band in bands}
    names |= {str(node.arguments[0].value) for node in nodes.values() if isinstance(node, Call) and node.function == "trend"}
    return plan, frozenset(names)
