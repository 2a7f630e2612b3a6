"""Lint: what a policy says that it should not, beside what keeps it from being used at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from policies.assemble import Assembly, Document, Draft
from policies.compilation import compile_plan
from policies.decision import Action
from policies.errors import Fault
from policies.expression.evaluate import compile_condition, key_of, rests_on
from policies.expression.names import may_be_off
from policies.expression.nodes import Name
from policies.expression.types import reads
from policies.load import Examined, examine
from policies.model import Exemption, PolicyTest, Rule
from policies.reach import Box, bounds, empty, inside
from policies.source import Source

__all__ = ["Linted", "lint", "lint_text"]

_GRAVE: Final = 3
_TESTS_EACH: Final = 2
_TOO_VAGUE: Final = ("risk.suicide", "risk.suicide_level")


@dataclass(frozen=True, slots=True)
class Linted:
    """Every fault of some files, in the order of the files, and the text of each file that has one."""

    faults: tuple[Fault, ...]
    sources: Mapping[str, Source]
    files: tuple[str, ...]


def lint(paths: Iterable[Path], *, today: date) -> Linted:
    """Lints files. ``today`` is the day that exceptions are held against. A file that cannot be read is a fault."""
    faults: dict[Fault, None] = {}
    sources: dict[str, Source] = {}
    files: list[str] = []
    for path in paths:
        files.append(str(path))
        try:
            text = path.read_bytes().decode("utf-8", errors="replace")
        except OSError as error:
            reason = (error.strerror or "it cannot be read").lower()
            faults[Fault(str(path), 1, 1, "unreadable", f"{reason}: give a policy file")] = None
            continue
        found, read = lint_text(str(path), text, today=today, folder=path.parent)
        faults.update(dict.fromkeys(found))
        sources.update(read)
    return Linted(tuple(faults), sources, tuple(files))


def lint_text(
    name: str, text: str, *, today: date, folder: Path | None = None
) -> tuple[tuple[Fault, ...], Mapping[str, Source]]:
    """All faults of one policy given as text, by place, and the sources that were read for it."""
    examined = examine(name, text, folder=folder)
    faults = list(examined.faults)
    if examined.own is not None:
        faults += _Judge(examined, today).faults()
    order = {file: at for at, file in enumerate([name, *(file for file in examined.sources if file != name)])}
    faults.sort(key=lambda fault: (order[fault.file], fault.line, fault.column, fault.code))
    return tuple(dict.fromkeys(faults)), examined.sources


class _Judge:
    def __init__(self, examined: Examined, today: date) -> None:
        assert examined.own is not None  # noqa: S101  # the caller looked
        self._document: Document = examined.own
        self._assembly: Assembly = examined.assembly
        self._today = today
        self._found: list[Fault] = []
        self._own = [draft.rule for draft in self._document.drafts if draft.rule is not None]

    def faults(self) -> list[Fault]:
        """What is wrong with the document's own rules, exceptions and tests."""
        for draft in self._document.drafts:
            self._vague(draft)
            self._tests(draft)
        for rule in self._own:
            self._reachable(rule)
            self._effects(rule)
        self._names_of_tests()
        self._shadows()
        self._offs()
        for exemption in self._assembly.exceptions:
            if exemption.where.file == self._document.source.file:
                self._exemption(exemption)
        return self._found

    def _at(self, line: int, column: int, code: str, message: str, hint: str | None = None) -> None:
        self._found.append(Fault(self._document.source.file, line, column, code, message, hint))

    def _in_condition(self, rule: Rule, offset: int, code: str, message: str, hint: str | None = None) -> None:
        draft = next(one for one in self._document.drafts if one.rule is rule)
        line, column = self._document.source.within(draft.entries["when"].value, offset)
        self._at(line, column, code, message, hint)

    def _vague(self, draft: Draft) -> None:
        """From severity 3 on no rule leans on ideation of any level, directly or through a band."""
        if draft.severity < _GRAVE or draft.node is None:
            return
        vague = {f"band.{band.name}" for band in self._assembly.bands if band.signal in _TOO_VAGUE} | set(_TOO_VAGUE)
        for node in reads(draft.node):
            if isinstance(node, Name) and node.text in vague:
                line, column = self._document.source.within(draft.entries["when"].value, node.start)
                message = f"{node.text} is no condition for severity {draft.severity}: from 3 on name the level"
                self._at(line, column, "vague-signal", message, "use risk.suicide_ge3, ge4, ge5 or a band of it")

    def _reachable(self, rule: Rule) -> None:
        boxes = bounds(rule.when)
        if boxes is not None and all(empty(box) for box in boxes):
            self._in_condition(rule, 0, "unreachable", f"{rule.id!r} can never fire: its conditions exclude one another")

    def _effects(self, rule: Rule) -> None:
        effects = rule.effects
        if rule.severity >= 4 and effects.action is not Action.COMPLETE and not effects.escalate:
            self._at(
                rule.where.line,
                rule.where.column,
                "too-weak",
                f"{rule.id!r} has severity 4 and neither completes nor escalates",
            )
        if rule.on_missing == "match" and effects.escalate:
            message = f"{rule.id!r} matches on missing values; it will escalate only in an elevated session"
            if rule.severity < _GRAVE:
                self._at(rule.where.line, rule.where.column, "match-escalates", message)

    def _tests(self, draft: Draft) -> None:
        deprecated = draft.rule is not None and draft.rule.status == "deprecated"
        if draft.severity < _GRAVE or deprecated or not draft.id:
            return
        tests = self._document.tests
        positive = sum(draft.id in test.expect.rules for test in tests)
        negative = sum(_denies(test, draft.id) for test in tests)
        if positive < _TESTS_EACH or negative < _TESTS_EACH:
            message = (
                f"{draft.id!r} has severity {draft.severity} and needs two tests that expect it and two that expect it not: "
                f"found {positive} and {negative}"
            )
            self._at(draft.at.line, draft.at.column, "untested", message)

    def _names_of_tests(self) -> None:
        seen: dict[str, PolicyTest] = {}
        for test in self._document.tests:
            if test.name in seen:
                message = f"two tests are named {test.name!r}; first on line {seen[test.name].where.line}"
                self._at(test.where.line, test.where.column, "duplicate-test", message)
            seen.setdefault(test.name, test)

    def _shadows(self) -> None:
        """A rule that holds only where an earlier one does that already does all of it."""
        before: list[tuple[Rule, list[Box] | None]] = []
        own = {rule.id for rule in self._own}
        for rule in self._assembly.rules:
            boxes = bounds(rule.when)
            for other, wider in before:
                if rule.id in own and _covers(other, wider, rule, boxes):
                    place = f"line {other.where.line} of {other.where.file}"
                    message = f"{rule.id!r} is shadowed by {other.id!r} ({place}): it adds nothing"
                    self._at(rule.where.line, rule.where.column, "shadowed", message)
                    break
            before.append((rule, boxes))

    def _offs(self) -> None:
        """No rule of a floor may hang on a value that a profile may forbid."""
        plan, _ = compile_plan(self._assembly.bands, self._assembly.rules, ())
        for rule in self._assembly.rules:
            bands = {f"band.{band.name}": band.signal for band in self._assembly.bands if may_be_off(band.signal)}
            hung = [node for node in reads(rule.when) if key_of(node) in bands or any(map(may_be_off, rests_on(node)))]
            if not rule.floor or not hung:
                continue
            row: list[object] = [None] * plan.size
            for node in hung:
                row[plan.slots[key_of(node)]] = float("nan")
            if compile_condition(rule.when, plan.slots)(row) is False and rule in self._own:
                message = (
                    f"the floor rule {rule.id!r} cannot fire where a tenant's profile turns {rests_on(hung[0])[-1]} off"
                )
                self._in_condition(rule, hung[0].start, "floor-needs-off", message, "give it another way to hold")

    def _exemption(self, exemption: Exemption) -> None:
        if exemption.expires < self._today:
            item = self._expires(exemption)
            message = f"the exception to {exemption.rule!r} expired on {exemption.expires.isoformat()}; renew or remove it"
            self._at(*item, "expired", message)
        boxes = bounds(exemption.when)
        if boxes is not None and all(empty(box) for box in boxes):
            self._at(exemption.where.line, exemption.where.column, "unreachable", "this exception can never hold")

    def _expires(self, exemption: Exemption) -> tuple[int, int]:
        for item in self._document.form.items(self._document.entries.get("exceptions"), "'exceptions'"):
            if (item.line, item.column) == (exemption.where.line, exemption.where.column):
                value = item.data["expires"].value
                return value.line, value.column
        return exemption.where.line, exemption.where.column


def _denies(test: PolicyTest, rule: str) -> bool:
    return rule in test.expect.not_rules or (test.expect.action == "allow" and not test.expect.rules)


def _covers(other: Rule, wider: list[Box] | None, rule: Rule, boxes: list[Box] | None) -> bool:
    if not set(rule.on) <= set(other.on) or other.severity < rule.severity or other.effects.action < rule.effects.action:
        return False
    one, two = other.effects, rule.effects
    if not (
        set(two.refer) <= set(one.refer)
        and set(two.escalate) <= set(one.escalate)
        and set(two.guidance) <= set(one.guidance)
        and (two.append is None or two.append == one.append)
        and (two.template is None or two.template == one.template or one.action > two.action)
    ):
        return False
    if " ".join(other.text.split()) == " ".join(rule.text.split()):
        return True
    if not wider or not boxes:
        return False
    reachable = [box for box in boxes if not empty(box)]
    return bool(reachable) and all(any(inside(box, outer) for outer in wider) for box in reachable)
