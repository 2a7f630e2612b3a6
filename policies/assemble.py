"""Puts a policy together from its documents, parents first: names are known before conditions are read."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from detectors.signals import SIGNALS, VOCABULARY_VERSION, Kind, Side
from policies.decision import Moment
from policies.errors import Fault
from policies.expression.evaluate import key_of
from policies.expression.names import may_be_off, named, nearest, scored
from policies.expression.nodes import Name, Node
from policies.expression.parser import parse
from policies.expression.types import Known, check, reads
from policies.model import BandSpec, Effects, Exemption, PolicyTest, Rule, Where
from policies.reading import (
    BAND_FIELDS,
    CONTEXTS,
    EXCEPTION_FIELDS,
    ID,
    ON_MISSING,
    RULE_FIELDS,
    STATUSES,
    TOP_FIELDS,
    Form,
    effects_of,
    test_of,
)
from policies.source import Entry, Source, Value

__all__ = ["API_VERSION", "Assembly", "Document", "Draft", "assemble", "read_document"]

API_VERSION: Final = "handrail/v1"
RESERVED: Final = "handrail-"
_COOLDOWN: Final = 1800
_DEGRADE_FROM: Final = 3
_THRESHOLDS: Final = BAND_FIELDS[1:]
_BAND_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_PROBABILITIES: Final = tuple(
    signal.name for signal in SIGNALS.values() if signal.kind is Kind.PROBABILITY and signal.side is not Side.SESSION
)


@dataclass(slots=True)
class Draft:
    """A rule whose condition is not read yet."""

    id: str
    at: Value
    entries: Mapping[str, Entry]
    moments: tuple[Moment, ...]
    severity: int
    effects: Effects
    rule: Rule | None = None
    node: Node | None = None  # the condition as far as it can be read, whatever is wrong with it


@dataclass(slots=True)
class Document:
    """One file, read by itself."""

    source: Source
    form: Form
    name: str = ""
    floor: bool = False
    vocabulary: int = VOCABULARY_VERSION
    entries: Mapping[str, Entry] = field(default_factory=dict)
    extends: list[Value] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    bands: dict[str, tuple[BandSpec, Value]] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    tests: list[PolicyTest] = field(default_factory=list)
    off: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class Assembly:
    """All documents together."""

    bands: tuple[BandSpec, ...] = ()
    rules: tuple[Rule, ...] = ()
    exceptions: tuple[Exemption, ...] = ()
    off: frozenset[str] = frozenset()
    drafts: tuple[Draft, ...] = ()

    def canonical(self) -> dict[str, Any]:
        """What the policy means, without comments, positions and tests: what its hash is made of."""
        return {
            "apiVersion": API_VERSION,
            "bands": {band.name: [band.signal, band.watch, band.elevated, band.high, band.release] for band in self.bands},
            "off": sorted(self.off),
            "rules": [_canonical(rule) for rule in self.rules],
            "exceptions": [
                {"rule": one.rule, "when": one.text, "owner": one.owner, "expires": one.expires.isoformat()}
                for one in self.exceptions
            ],
        }


def _canonical(rule: Rule) -> dict[str, Any]:
    effects = rule.effects
    return {
        "id": rule.id,
        "pack": rule.pack,
        "floor": rule.floor,
        "status": rule.status,
        "on": [moment.value for moment in rule.on],
        "severity": rule.severity,
        "when": " ".join(rule.text.split()),
        "on_missing": rule.on_missing,
        "cooldown": rule.cooldown,
        "context": "lowers" if rule.lowered else "ignored",
        "then": {
            "action": effects.action.word,
            "template": effects.template,
            "append": effects.append,
            "refer": list(effects.refer),
            "escalate": list(effects.escalate),
            "guidance": list(effects.guidance),
            "verify": list(effects.verify),
        },
    }


def _get(entries: Mapping[str, Entry], name: str) -> Value | None:
    entry = entries.get(name)
    return entry.value if entry is not None else None


def read_document(source: Source, calibrated: Mapping[str, float] | None) -> Document:
    """Reads one file's structure; conditions, and what rests on other documents, come with :func:`assemble`."""
    form = Form(source)
    document = Document(source, form)
    if source.root is None:
        return document
    top = form.mapping(source.root, "a policy", TOP_FIELDS, ("apiVersion", "name", "vocabulary"))
    document.entries = top
    version = _get(top, "apiVersion")
    if version is not None and version.data != API_VERSION:
        form.fault(version, "api-version", f"this version reads {API_VERSION!r}", f"did you mean {API_VERSION!r}?")
    document.name = form.text(_get(top, "name"), "a policy's name", pattern=ID) or ""
    number = form.number(_get(top, "vocabulary"), "vocabulary", 1, VOCABULARY_VERSION, whole=True)
    document.vocabulary = int(number) if number is not None else VOCABULARY_VERSION
    document.floor = form.flag(_get(top, "floor"), "'floor'") or False
    document.extends = form.texts(_get(top, "extends"), "a pack's name")
    for one in form.texts(_get(top, "off"), "a signal"):
        _off(document, one)
    bands = _get(top, "bands")
    if bands is not None and bands.data is not None:
        if isinstance(bands.data, dict):
            for entry in bands.data.values():
                _band(document, entry, calibrated)
        else:
            form.fault(bands, "shape", f"'bands' is a mapping from names to thresholds, not {bands.what}")
    for item in form.items(top.get("rules"), "'rules'"):
        _draft(document, item)
    return document


def _off(document: Document, value: Value) -> None:
    given = str(value.data)
    names = named(given)
    if not names:
        document.form.fault(value, "unknown-signal", f"there is no signal {given!r}", nearest(given, SIGNALS))
    elif not all(may_be_off(name) for name in names):
        message = f"{given!r} can never be off; only affect, attachment, reliance and screening can"
        document.form.fault(value, "never-off", message)
    else:
        document.off.update(dict.fromkeys(names, value))


def _band(document: Document, entry: Entry, calibrated: Mapping[str, float] | None) -> None:
    form = document.form
    name = form.text(entry.key, "a band's name", pattern=_BAND_NAME)
    values = form.mapping(entry.value, f"band {entry.key.data!r}", BAND_FIELDS, BAND_FIELDS)
    signal = form.choice(_get(values, "signal"), "signal", tuple(_PROBABILITIES))
    levels: dict[str, float] = {}
    for field_name in _THRESHOLDS:
        value = _get(values, field_name)
        if value is not None and value.data == "calibrated":
            found = 0.5 if calibrated is None else calibrated.get(f"{signal}.{field_name}")
            if found is None:
                message = f"no model gave a calibrated value for {signal}.{field_name}; write a number"
                form.fault(value, "not-calibrated", message)
            elif calibrated is not None:
                levels[field_name] = found
            continue
        number = form.number(value, f"{field_name!r}", 0, 1)
        if number is not None:
            levels[field_name] = number
    for lower, higher in (("watch", "elevated"), ("elevated", "high"), ("release", "watch")):
        if lower in levels and higher in levels and levels[lower] > levels[higher]:
            at = values[lower].value
            form.fault(at, "band-order", f"{lower!r} ({levels[lower]:g}) lies above {higher!r} ({levels[higher]:g})")
    if name is not None and signal is not None:
        watch, elevated, high, release = (levels.get(one, 0.5) for one in _THRESHOLDS)
        spec = BandSpec(name, signal, watch, elevated, high, release, form.where(entry.key))
        document.bands[name] = (spec, entry.value)


def _draft(document: Document, item: Value) -> None:
    form = document.form
    entries = form.mapping(item, "a rule", RULE_FIELDS, ("id", "on", "severity", "when", "then"))
    if not entries:
        return
    identity = form.text(_get(entries, "id"), "a rule's id", pattern=ID) or ""
    at = entries["id"].value if "id" in entries else item
    if identity.startswith(RESERVED):
        form.fault(at, "reserved-id", f"ids that begin with {RESERVED!r} are Handrail's own; choose another")
    moments: list[Moment] = []
    choices = tuple(moment.value for moment in Moment)
    for one in form.texts(_get(entries, "on"), "'on'"):
        moment = form.choice(one, "moment", choices, "unknown-on")
        if moment is not None and Moment(moment) not in moments:
            moments.append(Moment(moment))
    severity = form.number(_get(entries, "severity"), "severity", 0, 4, whole=True)
    effects = effects_of(form, entries.get("then"), moments)
    document.drafts.append(
        Draft(identity, at, entries, tuple(moments), int(severity) if severity is not None else 0, effects)
    )


def assemble(documents: Sequence[Document], own: Document) -> Assembly:
    """Everything together, faults noted in each document's source."""
    assembly = Assembly()
    bands = _bands(documents)
    first: dict[str, tuple[Document, Draft]] = {}
    for document in documents:
        for draft in document.drafts:
            _unique(document, draft, first)
    known = Known(bands, frozenset(first))
    rules: list[Rule] = []
    exceptions: list[Exemption] = []
    for document in documents:
        for draft in document.drafts:
            rule = _rule(document, draft, known)
            draft.rule = rule
            if rule is not None and first.get(rule.id, (None, None))[1] is draft:
                rules.append(rule)
    by_id = {identity: draft for identity, (_, draft) in first.items()}
    floors = frozenset(identity for identity, (document, _) in first.items() if document.floor)
    for document in documents:
        for item in document.form.items(document.entries.get("exceptions"), "'exceptions'"):
            exemption = _exemption(document, item, known, by_id, floors)
            if exemption is not None:
                exceptions.append(exemption)
        if document is own:
            for item in document.form.items(document.entries.get("tests"), "'tests'"):
                test = test_of(document.form, item, known.rules)
                if test is not None:
                    document.tests.append(test)
    assembly.bands = tuple(spec for spec, _ in bands.values())
    assembly.rules = tuple(rules)
    assembly.exceptions = tuple(exceptions)
    assembly.off = frozenset(name for document in documents for name in document.off)
    assembly.drafts = tuple(draft for document in documents for draft in document.drafts)
    return assembly


def _bands(documents: Sequence[Document]) -> dict[str, tuple[BandSpec, bool]]:
    bands: dict[str, tuple[BandSpec, bool]] = {}
    for document in documents:
        for name, (spec, value) in document.bands.items():
            if name not in bands:
                bands[name] = (spec, document.floor)
                continue
            before, floor = bands[name]
            if floor:
                _not_looser(document, before, spec, value)
            bands[name] = (spec, floor)
    return bands


def _not_looser(document: Document, before: BandSpec, spec: BandSpec, value: Value) -> None:
    entries = value.data
    if spec.signal != before.signal:
        message = f"band {spec.name!r} of the floor reads {before.signal}, and goes on doing so"
        document.form.fault(entries["signal"].value, "floor-band", message)
        return
    for name in _THRESHOLDS:
        if name in entries and getattr(spec, name) > getattr(before, name):
            message = f"{name!r} may not lie above the floor's {getattr(before, name):g}: a floor is never loosened"
            document.form.fault(entries[name].value, "floor-band", message)


def _unique(document: Document, draft: Draft, first: dict[str, tuple[Document, Draft]]) -> None:
    if not draft.id:
        return
    if draft.id not in first:
        first[draft.id] = (document, draft)
        return
    other, before = first[draft.id]
    if other is document:
        message = f"the id {draft.id!r} stands twice; first on line {before.at.line}"
        document.form.fault(draft.at, "duplicate-id", message)
    elif other.floor:
        message = f"{draft.id!r} is a rule of the floor ({other.name}); add a stronger one under an id of your own"
        document.form.fault(draft.at, "floor-rule", message)
    else:
        message = f"the id {draft.id!r} belongs to {other.name}; choose one of your own"
        document.form.fault(draft.at, "duplicate-id", message)


def _condition(document: Document, value: Value | None, known: Known, draft: Draft | None = None) -> tuple[Node | None, str]:
    form, source = document.form, document.source
    text = form.text(value, "a condition")
    if value is None or text is None:
        return None, ""
    node, flaws = parse(text)
    if draft is not None:
        draft.node = node
    if node is not None:
        flaws = check(node, known)
    for flaw in flaws:
        line, column = source.within(value, flaw.start)
        source.faults.append(Fault(source.file, line, column, flaw.code, flaw.message, flaw.hint))
    return (None if flaws else node), text


def _sides(moments: Collection[Moment]) -> frozenset[Side]:
    """Sides that are scored at every one of these moments."""
    sides = {Side.USER, Side.REPLY}
    if Moment.USER_TURN in moments:
        sides.discard(Side.REPLY)
    if Moment.CLOCK in moments:
        sides.clear()
    return frozenset(sides)


def _rule(document: Document, draft: Draft, known: Known) -> Rule | None:
    form, entries = document.form, draft.entries
    node, text = _condition(document, _get(entries, "when"), known, draft)
    if node is not None:
        _timely(document, draft, node)
    default = "degrade" if draft.severity >= _DEGRADE_FROM else "skip"
    on_missing = form.choice(_get(entries, "on_missing"), "on_missing", ON_MISSING) or default
    status = form.choice(_get(entries, "status"), "status", STATUSES) or "stable"
    context = form.choice(_get(entries, "context"), "context", CONTEXTS) or "lowers"
    cooldown = form.seconds(_get(entries, "cooldown"), "'cooldown'")
    positives = form.texts(_get(entries, "falsepositives"), "a false positive")
    if node is None or not draft.id or not draft.moments:
        return None
    keys = tuple(dict.fromkeys(key_of(one) for one in reads(node)))
    return Rule(
        draft.id,
        draft.moments,
        draft.severity,
        node,
        text,
        draft.effects,
        on_missing,
        form.where(draft.at),
        document.name,
        document.floor,
        status,
        _COOLDOWN if cooldown is None else cooldown,
        keys,
        tuple(str(one.data) for one in positives),
        context == "lowers",
    )


def _timely(document: Document, draft: Draft, node: Node) -> None:
    """A rule may read only what is there at its moments."""
    sides = _sides(draft.moments)
    value = draft.entries["when"].value
    for one in reads(node):
        side = scored(one.text) if isinstance(one, Name) else None
        late = isinstance(one, Name) and one.text == "reply.whole" and Side.REPLY not in sides
        if (side is not None and side not in sides) or late:
            line, column = document.source.within(value, one.start)
            words = ", ".join(moment.value for moment in draft.moments)
            what = "the person's turn" if side is Side.USER else "the reply"
            message = f"{key_of(one)} is read off {what}, which is not there at {words}"
            document.source.faults.append(Fault(document.source.file, line, column, "wrong-moment", message))


def _exemption(
    document: Document, item: Value, known: Known, rules: Mapping[str, Draft], floors: Collection[str]
) -> Exemption | None:
    form = document.form
    entries = form.mapping(item, "an exception", EXCEPTION_FIELDS, EXCEPTION_FIELDS)
    named = _get(entries, "rule")
    rule = form.choice(named, "rule", tuple(rules)) if named is not None else None
    if rule is not None and named is not None:
        if rule in floors:
            form.fault(named, "floor-exception", f"{rule!r} is a rule of the floor, and floors have no exceptions")
        elif rules[rule].severity >= _DEGRADE_FROM:
            severity = rules[rule].severity
            form.fault(named, "grave-exception", f"{rule!r} has severity {severity}; from 3 on there are no exceptions")
    node, text = _condition(document, _get(entries, "when"), known)
    owner = form.text(_get(entries, "owner"), "an owner")
    expires: date | None = form.day(_get(entries, "expires"), "'expires'")
    if rule is None or node is None or owner is None or expires is None:
        return None
    return Exemption(rule, node, text, owner, expires, Where(document.source.file, item.line, item.column))
