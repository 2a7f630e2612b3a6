"""The labels of an item: from the short words that people write to one value per signal that is known. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from itertools import pairwise
from typing import Final

from detectors.corpus.errors import LabelFault
from detectors.signals import INTIMA, Kind, Side, vocabulary

__all__ = ["RECENCIES", "Labels", "Mark", "Marks", "labels_of", "marks_of", "spoken_of"]

RECENCIES: Final = ("now", "24h", "month", "3months", "earlier", "unknown")
"""When suicidal behaviour was. All but ``earlier`` count as recent."""

Mark = float | str | None
"""What stands behind a name: a number, a word (a recency), or ``None`` for a question mark."""

Marks = Mapping[str, Mark]
"""Signals and the words ``level``, ``behaviour``, ``asked``, ``distress``, ``whole``, with what was written behind them."""

_SHORT: Final = {"imminent": "risk.suicide_imminent", "emergency": "risk.emergency_now"}
_LEVELS: Final = ("risk.suicide", *(f"risk.suicide_ge{k}" for k in range(2, 6)))
_HIGH: Final = "risk.suicide_high"
_BEHAVIOUR: Final = "risk.suicide_behaviour"
_BY_RUNG: Final = frozenset((*_LEVELS, _BEHAVIOUR))
_GROUP: Final = {f"intima.{name}": f"attachment.{group}" for group, names in INTIMA.items() for name in names}
_DEFAULT: Final = {
    Side.USER: (
        "risk.*", "warning.*", "violence.*", "abuse.*", "concern.*", "context.*", "attachment.*", "intima.*",
    ),
    Side.REPLY: ("companion.*", "boundary.*", "refusal.any", "harm.*"),
}  # fmt: skip
_TENTH: Final = re.compile(r"0?\.\d|[01](?:\.0)?")


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of one text.

    ``values``: 0 or 1 (``distress``: tenths) for every signal that the labels speak of; a signal that is not in it is
    unknown, and is left out of training and evaluation. ``level``: the C-SSRS ideation level where it was given.
    ``recency``: of behaviour. ``asked``: the rung (0 to 6) of the question before. ``whole``: a whole reply.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    level: int | None = None
    recency: str | None = None
    asked: int | None = None
    whole: bool = False


@cache
def _named(side: Side) -> frozenset[str]:
    """The signals that an item of this side may name."""
    return frozenset(
        signal.name
        for signal in vocabulary(side)
        if signal.kind is Kind.PROBABILITY and not signal.name.startswith("emotion.")
    )


@cache
def _whole() -> frozenset[str]:
    return frozenset(signal.name for signal in vocabulary(Side.REPLY) if signal.whole)


def spoken_of(side: Side, patterns: Sequence[str] | None = None) -> frozenset[str]:
    """The signals that are 0 where they are not named. ``patterns``: a file's own, such as ``risk.*``.

    Raises :class:`LabelFault` for a pattern that no signal of the side has.
    """
    chosen = _DEFAULT[side] if patterns is None else patterns
    found: set[str] = set()
    for pattern in chosen:
        matched = {name for name in _named(side) if fnmatchcase(name, pattern)}
        if not matched:
            raise LabelFault(f"no signal of the {side.value}'s side is called {pattern!r}{_nearest(pattern, side)}")
        found |= matched
    return frozenset(found - _whole() - {"distress"} - {n for n in found if n.startswith(("answer.", "support."))})


def _nearest(name: str, side: Side) -> str:
    words = [*_named(side), "level", "behaviour", "asked", "distress", "whole", *_SHORT]
    close = difflib.get_close_matches(name, words, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def marks_of(text: str, side: Side, *, changing: Marks | None = None) -> dict[str, Mark]:
    """The marks written in ``text``, parted by commas or spaces.

    ``changing``: the situation's marks where ``text`` is an item's changes; only there ``-name`` takes one away, which
    shows as 0, or as absence for the words that have values. Raises :class:`LabelFault`.
    """
    marks: dict[str, Mark] = dict(changing or {})
    seen: set[str] = set()
    for word in re.split(r"[,\s]+", text.strip()):
        if not word:
            continue
        taken = word.startswith("-")
        name, equals, value = word.removeprefix("-").partition("=")
        name = _SHORT.get(name, name)
        if name in seen:
            raise LabelFault(f"{name!r} is given twice; give it once")
        seen.add(name)
        _check(name, side)
        if taken:
            if changing is None:
                raise LabelFault(f"{word!r} takes away what nobody gave; only an item's changes may start with '-'")
            if equals:
                raise LabelFault(f"{word!r}: write '-{name}' or '{name}=…', not both")
            _take(marks, name)
        else:
            marks[name] = _value(name, value if equals else None)
    return marks


def _check(name: str, side: Side) -> None:
    user = side is Side.USER
    if name in ("level", "behaviour", "asked"):
        if not user:
            raise LabelFault(f"{name!r} belongs to a person's turn, not to a reply")
        return
    if name == "whole":
        if user:
            raise LabelFault("'whole' belongs to a reply, not to a person's turn")
        return
    if name not in _named(side):
        if name in _named(Side.REPLY if user else Side.USER):
            raise LabelFault(f"{name!r} is a signal of the other side; this folder is about the {side.value}'s words")
        raise LabelFault(f"there is no label {name!r} here{_nearest(name, side)}")


def _take(marks: dict[str, Mark], name: str) -> None:
    if name in ("level", "behaviour", "asked", "distress", "whole"):
        if marks.pop(name, "") == "":
            raise LabelFault(f"'-{name}' takes away what the situation does not have; leave it out")
        return
    implied = name in (_HIGH, *_LEVELS) and ("level" in marks or "behaviour" in marks)
    implied = implied or any(_GROUP.get(other) == name for other in marks)
    if name not in marks and not implied:
        raise LabelFault(f"'-{name}' takes away what the situation does not have; leave it out")
    marks[name] = 0.0


def _value(name: str, value: str | None) -> Mark:
    if value == "?":
        return None
    if name == "level":
        return float(_whole_number(name, value, 5))
    if name == "asked":
        return float(_whole_number(name, value, 6))
    if name == "behaviour":
        if value not in RECENCIES:
            raise LabelFault(f"behaviour={value or ''} has no such time; write one of {', '.join(RECENCIES)}")
        return value
    if name == "distress":
        if value is None or not _TENTH.fullmatch(value):
            raise LabelFault(f"distress={value or ''} is not in tenths; write .0 to 1.0, such as distress=.6")
        return float(value)
    if name in _BY_RUNG and value is None:
        hint = "behaviour=now|24h|month|3months|earlier|unknown" if name == _BEHAVIOUR else "level=1 to level=5"
        raise LabelFault(f"{name!r} follows from other labels; write {hint}")
    if value not in (None, "0", "1"):
        raise LabelFault(f"{name}={value}: a label is there or not; write {name!r}, or {name}=? where people would disagree")
    return 0.0 if value == "0" else 1.0


def _whole_number(name: str, value: str | None, most: int) -> int:
    if value is None or not re.fullmatch(r"\d", value) or int(value) > most:
        raise LabelFault(f"{name}={value or ''} is not a whole number from 0 to {most}")
    return int(value)


def labels_of(marks: Marks, side: Side, spoken: frozenset[str]) -> Labels:
    """What the marks say of every signal. ``spoken``: the signals that are 0 where nobody names them.

    Recent behaviour without a level leaves the levels 2 to 5 unknown, and an ``attachment.*`` group without a behaviour
    leaves that group's ``intima.*`` unknown: nothing was said of them. Raises :class:`LabelFault` for labels that
    contradict each other.
    """
    values: dict[str, float] = dict.fromkeys(spoken, 0.0)
    level = _number(marks.get("level"))
    recency = marks.get("behaviour")
    asked = _number(marks.get("asked"))
    whole = bool(marks.get("whole"))
    if level is not None:
        for k, name in enumerate(_LEVELS, 1):
            values[name] = float(level >= k)
        if level >= 4:
            values[_HIGH] = 1.0
    elif "level" in marks:
        for name in (*_LEVELS, _HIGH):
            values.pop(name, None)
    if isinstance(recency, str):
        values[_BEHAVIOUR] = 1.0
        if recency != "earlier":
            values[_HIGH] = values["risk.suicide"] = 1.0
            if level is None:
                for name in _LEVELS[1:]:
                    values.pop(name, None)
    elif "behaviour" in marks:
        values.pop(_BEHAVIOUR, None)
        for name in (_HIGH, "risk.suicide"):
            if not values.get(name):
                values.pop(name, None)
    if asked is not None:
        values.update({name: 0.0 for name in _named(side) if name.startswith("answer.")})
    if whole:
        values.update(dict.fromkeys(_whole(), 0.0))
    if any(mark and name.startswith("support.") for name, mark in marks.items()):
        values.update({name: 0.0 for name in _named(side) if name.startswith("support.")})
    _name(values, marks, asked=asked, whole=whole)
    for lower, upper in pairwise(_LEVELS):
        if values.get(upper) and values.get(lower) == 0.0:
            raise LabelFault(f"{upper} holds but {lower} does not; change the level instead")
    return Labels(values, level, recency if isinstance(recency, str) else None, asked, whole)


def _number(mark: Mark) -> int | None:
    return int(mark) if isinstance(mark, float) else None


def _name(values: dict[str, float], marks: Marks, *, asked: int | None, whole: bool) -> None:
    """Writes the marks that are signals into ``values``, with what they imply."""
    for name, mark in marks.items():
        if name in ("level", "behaviour", "asked", "whole"):
            continue
        if name.startswith("answer.") and asked is None and mark:
            raise LabelFault(f"{name!r} needs the rung that was asked; add asked=0 to asked=6")
        if name in _whole() and not whole and mark:
            raise LabelFault(f"{name!r} is judged on a whole reply; add 'whole' to the situation's labels")
        if mark is None:
            values.pop(name, None)
            if _GROUP.get(name) and not values.get(_GROUP[name]):
                values.pop(_GROUP[name], None)
            continue
        values[name] = float(mark)
    for name, mark in marks.items():
        group = _GROUP.get(name)
        if group and mark and marks.get(group, 1.0):
            values[group] = 1.0
    for group in set(_GROUP.values()):
        members = [name for name, own in _GROUP.items() if own == group]
        if values.get(group) and not any(values.get(name) for name in members):
            for name in members:
                values.pop(name, None)
