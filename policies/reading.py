"""From a document's values to rules, bands, exceptions and tests, noting every fault on the way and going on after each."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

from detectors.signals import LADDER_RUNGS, SIGNALS, Kind, Side
from policies.completions.catalog import TEMPLATES
from policies.decision import Action, Moment
from policies.directory.contact import RESOURCE_CLASSES
from policies.expression.names import nearest, window
from policies.model import Effects, Expectation, PolicyTest, TestTurn, Where
from policies.source import Entry, Source, Value

__all__ = ["ACTIONS", "RULE_FIELDS", "TOP_FIELDS", "Form", "effects_of", "test_of"]

TOP_FIELDS: Final = (
    "apiVersion", "name", "description", "extends", "vocabulary", "floor", "off", "bands", "rules", "exceptions", "tests",
)  # fmt: skip
RULE_FIELDS: Final = (
    "id", "description", "status", "on", "severity", "when", "on_missing", "then", "cooldown", "context", "falsepositives",
)  # fmt: skip
BAND_FIELDS: Final = ("signal", "watch", "elevated", "high", "release")
EXCEPTION_FIELDS: Final = ("rule", "when", "owner", "expires")
TEST_FIELDS: Final = ("name", "turns", "expect", "person", "tenant", "off")
TURN_FIELDS: Final = ("user", "reply", "signals", "missing", "tags", "asked", "after")
EXPECT_FIELDS: Final = (
    "action", "rules", "not_rules", "missing", "severity", "template", "append", "refer", "escalate", "posture", "degraded",
)  # fmt: skip
STATUSES: Final = ("experimental", "test", "stable", "deprecated")
ON_MISSING: Final = ("degrade", "skip", "match")
CONTEXTS: Final = ("lowers", "ignored")
ACTIONS: Final = (
    "allow", "observe", "guide", "append", "revise", "trim", "complete", "refer", "notice", "escalate", "pause",
)  # fmt: skip
_REPLY_ACTIONS: Final = {action.word: action for action in Action}
_MOMENTS: Final = tuple(moment.value for moment in Moment)
_WHEN: Final[Mapping[Moment, frozenset[str]]] = MappingProxyType(
    {
        Moment.USER_TURN: frozenset({"allow", "observe", "guide", "append", "complete", "refer", "escalate", "pause"}),
        Moment.REPLY_SENTENCE: frozenset({"allow", "observe", "revise", "trim", "complete", "refer", "escalate"}),
        Moment.REPLY_END: frozenset({"allow", "observe", "append", "revise", "complete", "refer", "escalate"}),
        Moment.CLOCK: frozenset({"allow", "observe", "escalate"}),
    }
)
_OPTIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "guide": ("text",),
        "append": ("template", "verify"),
        "revise": ("template",),
        "trim": ("template",),
        "complete": ("template",),
        "refer": ("to",),
        "escalate": ("to",),
        "pause": ("minutes",),
    }
)
_VERIFY: Final = ("question", "resource")
ID: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
TEAM: Final = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")


class Form:
    """Takes values out of one document and notes what is wrong with them."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def fault(self, at: Value, code: str, message: str, hint: str | None = None) -> None:
        """Notes a fault."""
        self.source.fault(at, code, message, hint)

    def where(self, at: Value) -> Where:
        """A value's place."""
        return Where(self.source.file, at.line, at.column)

    def mapping(self, value: Value, what: str, fields: Collection[str], needed: Collection[str] = ()) -> dict[str, Entry]:
        """The known entries of a mapping; unknown keys and missing ones are faults."""
        if not isinstance(value.data, dict):
            self.fault(value, "shape", f"{what} is a mapping, not {value.what}")
            return {}
        found: dict[str, Entry] = {}
        for name, entry in value.data.items():
            if name in fields:
                found[name] = entry
            else:
                self.fault(entry.key, "unknown-field", f"{what} has no field {name!r}", nearest(name, fields))
        for name in needed:
            if name not in found:
                self.fault(value, "missing-field", f"{what} needs {name!r}")
        return found

    def items(self, entry: Entry | None, what: str) -> list[Value]:
        """The items of a list."""
        if entry is None or entry.value.data is None:
            return []
        if not isinstance(entry.value.data, list):
            self.fault(entry.value, "shape", f"{what} is a list, not {entry.value.what}")
            return []
        return entry.value.data

    def text(self, value: Value | None, what: str, *, pattern: re.Pattern[str] | None = None) -> str | None:
        """A text that is not empty."""
        if value is None:
            return None
        if not isinstance(value.data, str) or not value.data.strip():
            self.fault(value, "shape", f"{what} is a text, not {value.what}")
            return None
        if pattern is not None and not pattern.fullmatch(value.data):
            self.fault(value, "name", f"{what} is written in lower-case letters, digits and hyphens")
            return None
        return value.data

    def texts(self, value: Value | None, what: str) -> list[Value]:
        """One text or a list of them."""
        if value is None:
            return []
        values = value.data if isinstance(value.data, list) else [value]
        return [item for item in values if self.text(item, what) is not None]

    def choice(self, value: Value | None, what: str, choices: Collection[str], code: str | None = None) -> str | None:
        """One of some words."""
        if value is None:
            return None
        name = value.data if isinstance(value.data, str) else str(value.plain())
        if name in choices:
            return name
        known = f": {', '.join(choices)}" if len(choices) <= 14 else ""
        code = code or f"unknown-{what.replace(' ', '-')}"
        self.fault(value, code, f"there is no {what} {name!r}{known}", nearest(name, choices))
        return None

    def number(self, value: Value | None, what: str, low: float, high: float, *, whole: bool = False) -> float | None:
        """A number within bounds."""
        if value is None:
            return None
        if isinstance(value.data, bool) or not isinstance(value.data, int if whole else int | float):
            kind = "a whole number" if whole else "a number"
            self.fault(value, "shape", f"{what} is {kind} from {low:g} to {high:g}, not {value.what}")
            return None
        if not low <= value.data <= high:
            self.fault(value, "range", f"{what} lies in [{low:g}, {high:g}], so it cannot be {value.data:g}")
            return None
        return float(value.data)

    def flag(self, value: Value | None, what: str) -> bool | None:
        """True or false."""
        if value is None:
            return None
        if not isinstance(value.data, bool):
            self.fault(value, "shape", f"{what} is true or false, not {value.what}")
            return None
        return value.data

    def seconds(self, value: Value | None, what: str) -> int | None:
        """A time such as 30m, 1h or 7d; 0 for none."""
        if value is None:
            return None
        if value.data == 0 and not isinstance(value.data, bool):
            return 0
        found = window(value.data) if isinstance(value.data, str) else None
        if found is None:
            self.fault(value, "shape", f"{what} is a time such as 30m, 1h or 7d, or 0")
        return found

    def day(self, value: Value | None, what: str) -> date | None:
        """A date, 2027-01-31."""
        if value is None:
            return None
        try:
            return date.fromisoformat(str(value.data))
        except ValueError:
            self.fault(value, "shape", f"{what} is a date such as 2027-01-31")
            return None


def _value(entries: Mapping[str, Entry], name: str) -> Value | None:
    entry = entries.get(name)
    return entry.value if entry is not None else None


def _option(form: Form, action: str, value: Value) -> dict[str, Entry]:
    """The options of an action; a plain value stands for the first of them."""
    options = _OPTIONS.get(action, ())
    if value.data is None:
        return {}
    if isinstance(value.data, dict):
        return form.mapping(value, f"{action!r}", options)
    if not options:
        form.fault(value, "shape", f"{action!r} takes nothing")
        return {}
    return {options[0]: Entry(value, value)}


class _Then:
    def __init__(self, form: Form, moments: Collection[Moment]) -> None:
        self.form = form
        self.moments = moments
        self.action = Action.ALLOW
        self.template: str | None = None
        self.append: str | None = None
        self.refer: list[str] = []
        self.escalate: list[str] = []
        self.guidance: list[str] = []
        self.verify: list[str] = []

    def add(self, item: Value) -> None:
        form = self.form
        if isinstance(item.data, str):
            key, value = item, Value(None, item.line, item.column, item.index, item.end)
        elif isinstance(item.data, dict) and len(item.data) == 1:
            entry = next(iter(item.data.values()))
            key, value = entry.key, entry.value
        else:
            form.fault(item, "shape", f"an action is one word with its options, not {item.what}")
            return
        name = form.choice(key, "action", ACTIONS)
        if name is None:
            return
        if name == "notice":
            message = "'notice' belongs to jurisdiction packs, which this version does not carry; use 'append'"
            form.fault(key, "unsupported-action", message)
            return
        wrong = [moment.value for moment in self.moments if name not in _WHEN[moment]]
        if wrong:
            form.fault(key, "action-at-moment", f"{name!r} cannot happen at {', '.join(wrong)}")
        self._apply(name, key, value, _option(form, name, value))

    def _apply(self, name: str, key: Value, value: Value, options: Mapping[str, Entry]) -> None:
        form = self.form
        if name in ("append", "complete", "revise", "trim"):
            self._text_of(name, key, value, options)
        elif name == "guide":
            text = form.text(_value(options, "text"), "guidance")
            if text is None and "text" not in options:
                form.fault(key, "missing-field", "'guide' needs a text for the upstream")
            self.guidance += [" ".join(text.split())] if text else []
        elif name in ("refer", "escalate"):
            found = form.texts(_value(options, "to"), f"{name!r}")
            if not found and "to" not in options:
                form.fault(key, "missing-field", f"{name!r} needs 'to'")
            for one in found:
                if name == "refer":
                    to = form.choice(one, "resource class", sorted(RESOURCE_CLASSES))
                    self.refer += [to] if to else []
                else:
                    team = form.text(one, "a team", pattern=TEAM)
                    self.escalate += [team] if team else []
        elif name == "pause":
            minutes = _value(options, "minutes")
            if minutes is None:
                form.fault(key, "missing-field", "'pause' needs 'minutes': a pause has a stated length")
            form.number(minutes, "minutes", 1, 120, whole=True)
        action = _REPLY_ACTIONS.get(name)
        if action is not None:
            self.action = max(self.action, action)

    def _text_of(self, name: str, key: Value, value: Value, options: Mapping[str, Entry]) -> None:
        form = self.form
        named = _value(options, "template")
        template = form.choice(named, "template", sorted(TEMPLATES)) if named is not None else None
        if named is None and name != "trim":
            form.fault(key, "missing-field", f"{name!r} needs a template")
        if name == "append":
            self.append = template
            for one in form.texts(_value(options, "verify"), "'verify'"):
                word = form.choice(one, "thing to verify", _VERIFY)
                self.verify += [word] if word else []
        elif template is not None and _REPLY_ACTIONS[name] >= self.action:
            self.template = template


def effects_of(form: Form, entry: Entry | None, moments: Collection[Moment]) -> Effects:
    """What stands under ``then``."""
    then = _Then(form, moments)
    for item in form.items(entry, "'then'"):
        then.add(item)
    if entry is not None and entry.value.data == []:
        form.fault(entry.value, "shape", "'then' names at least one action")
    template = then.append if then.action is Action.APPEND else then.template
    return Effects(
        then.action,
        template,
        then.append,
        tuple(dict.fromkeys(then.refer)),
        tuple(dict.fromkeys(then.escalate)),
        tuple(dict.fromkeys(then.guidance)),
        tuple(dict.fromkeys(then.verify)),
    )


_SCORED: Final = tuple(s.name for s in SIGNALS.values() if s.side is not Side.SESSION)
_TAGS: Final = ("now", "24h", "month", "3months", "earlier", "unknown")


def _turn(form: Form, value: Value) -> TestTurn | None:
    entries = form.mapping(value, "a turn", TURN_FIELDS)
    signals: dict[str, float] | None = None
    if "signals" in entries:
        signals = {}
        at = entries["signals"].value
        if not isinstance(at.data, dict):
            form.fault(at, "shape", f"signals are a mapping, not {at.what}")
        else:
            for entry in at.data.values():
                name = form.choice(entry.key, "signal", _SCORED)
                level = name is not None and SIGNALS[name].kind is Kind.LEVEL
                number = form.number(entry.value, "a signal", 0, 6 if level else 1)
                if name is not None and number is not None:
                    signals[name] = number
    missing = [form.choice(one, "signal", _SCORED) for one in form.texts(_value(entries, "missing"), "a signal")]
    tags: dict[str, str] = {}
    if "tags" in entries and isinstance(entries["tags"].value.data, dict):
        for entry in entries["tags"].value.data.values():
            name = form.choice(entry.key, "signal", _SCORED)
            word = form.choice(entry.value, "time", _TAGS)
            if name is not None and word is not None:
                tags[name] = word
    asked = form.choice(_value(entries, "asked"), "rung", ("now", *LADDER_RUNGS))
    texts = {name: form.text(_value(entries, name), f"{name!r}") for name in ("user", "reply")}
    if not entries.keys() & {"user", "reply", "signals"}:
        form.fault(value, "missing-field", "a turn needs 'user', 'reply' or 'signals'")
        return None
    rung = None if asked is None else (0 if asked == "now" else LADDER_RUNGS.index(asked) + 1)
    after = form.seconds(_value(entries, "after"), "'after'")
    return TestTurn(
        texts["user"],
        texts["reply"],
        MappingProxyType(signals) if signals is not None else None,
        tuple(name for name in missing if name),
        MappingProxyType(tags),
        rung,
        60 if after is None else after,
    )


def _words(form: Form, entry: Entry | None, what: str, fields: Mapping[str, Collection[str]]) -> Mapping[str, str]:
    if entry is None:
        return MappingProxyType({})
    found: dict[str, str] = {}
    for name, part in form.mapping(entry.value, what, fields).items():
        text = form.choice(part.value, name, fields[name]) if fields[name] else form.text(part.value, name)
        if text is not None:
            found[name] = text
    return MappingProxyType(found)


_PERSON: Final[Mapping[str, Collection[str]]] = {
    "age": ("adult", "minor", "unknown"), "locale": (), "jurisdiction": (), "timezone": (),
}  # fmt: skip
_TENANT: Final[Mapping[str, Collection[str]]] = {"name": (), "tag": (), "people": ("none", "hours", "always")}


def _expectation(form: Form, value: Value, rules: Collection[str]) -> Expectation:
    entries = form.mapping(value, "'expect'", EXPECT_FIELDS)
    if isinstance(value.data, dict) and not entries:
        form.fault(value, "missing-field", "'expect' names at least one thing: a test without it cannot fail")

    def names(field: str, choices: Collection[str] | None, what: str) -> tuple[str, ...] | None:
        if field not in entries:
            return None
        found = entries[field].value
        values = [] if found.data == [] else form.texts(found, what)
        if choices is None:
            return tuple(str(one.data) for one in values)
        return tuple(name for one in values if (name := form.choice(one, what, choices)) is not None)

    def template(field: str) -> str | None:
        return form.choice(_value(entries, field), "template", sorted(TEMPLATES))

    severity = form.number(_value(entries, "severity"), "severity", 0, 4, whole=True)
    return Expectation(
        action=form.choice(_value(entries, "action"), "action", tuple(_REPLY_ACTIONS)),
        rules=names("rules", rules, "rule") or (),
        not_rules=names("not_rules", rules, "rule") or (),
        missing=names("missing", rules, "rule") or (),
        severity=None if severity is None else int(severity),
        template=template("template"),
        append=template("append"),
        refer=names("refer", sorted(RESOURCE_CLASSES), "resource class"),
        escalate=names("escalate", None, "team"),
        posture=form.choice(_value(entries, "posture"), "posture", ("sentence", "whole")),
        degraded=form.flag(_value(entries, "degraded"), "degraded"),
    )


def test_of(form: Form, value: Value, rules: Collection[str]) -> PolicyTest | None:
    """One test of a policy."""
    entries = form.mapping(value, "a test", TEST_FIELDS, ("name", "turns", "expect"))
    name = form.text(_value(entries, "name"), "a test's name")
    items = form.items(entries.get("turns"), "'turns'")
    turns = [turn for item in items if (turn := _turn(form, item)) is not None]
    if "turns" in entries and not items:
        form.fault(entries["turns"].value, "missing-field", "a test has at least one turn")
    expect = _expectation(form, entries["expect"].value, rules) if "expect" in entries else None
    off = [form.choice(one, "signal", tuple(SIGNALS)) for one in form.texts(_value(entries, "off"), "a signal")]
    if name is None or expect is None or not turns:
        return None
    return PolicyTest(
        name,
        tuple(turns),
        expect,
        form.where(value),
        _words(form, entries.get("person"), "'person'", _PERSON),
        _words(form, entries.get("tenant"), "'tenant'", _TENANT),
        tuple(one for one in off if one),
    )
