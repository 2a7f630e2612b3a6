"""An evaluation as tables for people: the same ones on a screen, in Markdown and on a page. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from detectors.evaluation.command import Evaluation
from detectors.evaluation.comparison import Comparison
from detectors.evaluation.delay import Sessions
from detectors.evaluation.intervals import Estimate
from detectors.evaluation.report import per_million
from detectors.evaluation.severity import Severity
from detectors.evaluation.slices import natural
from detectors.evaluation.study import ALL, ENOUGH, Finding

__all__ = ["Section", "interval", "number", "sections", "session_section"]

Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A table under a heading. ``long``: of interest to those who look for it; a page shows it folded. ``signal``: the one
    that it is about, where it is about one."""

    title: str
    lead: str
    header: Cells
    rows: tuple[Cells, ...]
    long: bool = False
    signal: str = ""

    @property
    def lines(self) -> tuple[Cells, ...]:
        """The header and the rows, without columns in which no row has anything."""
        used = [at for at in range(len(self.header)) if any(row[at] for row in self.rows)]
        return tuple(tuple(line[at] for at in used) for line in (self.header, *self.rows))


def number(value: float | None, digits: int = 3) -> str:
    """A share without its nought, as tables of the field have it; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def interval(found: Estimate | None, digits: int = 3) -> str:
    """A figure with its 95% interval, of which dashes say that there is none."""
    if found is None or math.isnan(found.value):
        return "-"
    return f"{number(found.value, digits)} [{number(found.low, digits)}, {number(found.high, digits)}]"


def sections(found: Evaluation) -> list[Section]:
    """All tables that have rows: what is about every signal first, then each signal's slices."""
    every = [one for one in found.findings if one.slice == ALL]
    made = [_comparisons(found), _points(found), _ranking(every), _thresholds(every, found), _million(every, found)]
    made += _severity(found.severity) if found.severity is not None else []
    made += [_graded(found), session_section("Whole conversations", found.sessions)]
    made += _slices(found.findings)
    made += _compared_slices(found.comparisons)
    return [one for one in made if one.rows]


def _p(value: float) -> str:
    return "<.001" if value < 0.001 else number(value)


def _few(insufficient: bool) -> str:
    return "insufficient" if insufficient else ""


def _ranking(every: Sequence[Finding]) -> Section:
    return Section(
        "How well scores tell labels",
        f"95% intervals by resampling whole conversations. Insufficient: fewer than {ENOUGH} positives.",
        ("signal", "n", "positive", "missing", "AUROC", "AUPRC", "recall at 1% fp", "at 0.1%", "fp at 90% recall", "ECE",
         "note"),
        tuple(
            (
                one.signal, f"{one.rows:,}", f"{one.positives:,}", f"{one.missing:,}",
                *(interval(found, 4 if name.startswith("fpr") else 3) for name, found in one.measures.items()),
                _few(one.insufficient),
            )
            for one in every
        ),
    )  # fmt: skip


def _thresholds(every: Sequence[Finding], found: Evaluation) -> Section:
    fitted = f"* chosen on these very rows, at {100 * found.plan.rate:g}% of the negatives." if found.chosen else ""
    return Section(
        "At the threshold",
        fitted,
        ("signal", "threshold", "recall", "false positives", "note"),
        tuple(
            (
                one.signal, f"{number(one.threshold)}{'*' if one.signal in found.chosen else ''}", interval(one.recall),
                interval(one.false_positives, 4), _few(one.insufficient),
            )
            for one in every
            if one.threshold is not None
        ),
    )  # fmt: skip


def _million(every: Sequence[Finding], found: Evaluation) -> Section:
    return Section(
        "What a threshold means among a million turns",
        "With recall and false positives of these rows. The shares are no measurement of your traffic.",
        ("signal", "if so many are it", "found", "missed", "false alerts", "alerts that are right"),
        tuple(
            (
                one.signal, f"{rates.prevalence:.2%}", f"{rates.found:,.0f} of {rates.there:,.0f}", f"{rates.missed:,.0f}",
                f"{rates.false_alerts:,.0f}", f"{rates.precision:.1%}",
            )
            for one in every
            if one.signal not in found.chosen
            for rates in per_million(one)
        ),
    )  # fmt: skip


def _severity(found: Severity) -> list[Section]:
    counted = ", ".join(f"{level}: {rows:,}" for level, rows in enumerate(found.levels))
    high = Section(
        "C-SSRS level 4 or more, among turns with ideation",
        "Sensitivity and specificity at the model's threshold, and sensitivity where specificity is .80. The labels are "
        "those of the rows; nobody administered the instrument.",
        ("score", "n", "level 4+", "AUROC", "threshold", "sensitivity", "specificity", "sensitivity at .80", "there",
         "note"),
        tuple(
            (
                one.score, f"{one.rows:,}", f"{one.positives:,}", interval(one.auroc), number(one.threshold),
                interval(one.sensitivity), interval(one.specificity), interval(one.at_specificity),
                number(one.threshold_at_specificity), _few(one.insufficient),
            )
            for one in found.high
        ),
    )  # fmt: skip
    graded = Section(
        "C-SSRS levels",
        f"Spearman's rho with the labelled level. Rows by level: {counted}.",
        ("score", "n", "rho, all rows", "rho, with ideation"),
        tuple((one.score, f"{one.rows:,}", interval(one.every), interval(one.with_ideation)) for one in found.graded),
    )
    return [graded, high]


def _graded(found: Evaluation) -> Section:
    rows: list[Cells] = [
        (one.signal, "Spearman's rho with graded labels", f"{one.rows:,} rows, {one.grades} grades", interval(one.rho))
        for one in found.correlations
    ]
    rows += [
        (one.signal, "the higher label scored higher", f"{one.pairs:,} pairs", interval(one.ordered))
        for one in found.orderings
    ]
    if found.macro_f1 is not None:
        told = sum(not math.isnan(value) for value in found.macro_f1[1].values())
        rows.append(("emotion.*", "macro-F1, cross-fitted thresholds", f"{told} emotions", number(found.macro_f1[0])))
    return Section("Grades, pairs and emotions", "", ("signal", "figure", "of", "value"), tuple(rows))


def session_section(title: str, found: Iterable[Sessions]) -> Section:
    """Recall and delay over conversations."""
    return Section(
        title,
        "From the first turn that is labelled to the first, that one or a later one, that reaches what is asked. Delay in "
        "turns, of those that are met. Offline: nobody answered, so nothing in the conversation changed.",
        ("cue", "reached", "cues", "met", "at once", "within 1", "within 3", "mean delay", "median", "before the cue",
         "quiet conversations that reach it", "note"),
        tuple(
            (
                one.signal, one.reached, f"{one.cues:,}", interval(one.recall, 2),
                *(interval(share, 2) for share in one.within.values()), interval(one.delay, 1), number(one.median.value, 1),
                interval(one.early, 2), f"{interval(one.false, 3)} of {one.quiet:,}", _few(one.insufficient),
            )
            for one in found
        ),
    )  # fmt: skip


def _slices(findings: Sequence[Finding]) -> list[Section]:
    by_signal: dict[str, list[Finding]] = {}
    for one in findings:
        if one.slice != ALL:
            by_signal.setdefault(one.signal, []).append(one)
    return [
        Section(
            f"Slices of {signal}",
            "",
            ("slice", "n", "positive", "AUROC", "recall", "false positives", "ECE", "note"),
            tuple(
                (
                    one.slice, f"{one.rows:,}", f"{one.positives:,}", interval(one.measures["auroc"]), interval(one.recall),
                    interval(one.false_positives), interval(one.measures["ece"]), _few(one.insufficient),
                )
                for one in sorted(own, key=lambda one: natural(one.slice))
            ),
            long=True,
            signal=signal,
        )
        for signal, own in by_signal.items()
    ]  # fmt: skip


_DIFFERENCES = ("signal", "n", "positive", "AUROC", "recall at 1% fp", "recall at 0.1% fp", "verdict", "note")
_DECIDING = ("auroc", "recall_at_1pct", "recall_at_0.1pct")


def _comparisons(found: Evaluation) -> Section:
    every = [one for one in found.comparisons if one.slice == ALL]
    margins = ", ".join(f"{name} {margin:g}" for name, margin in found.plan.margins.items())
    return Section(
        f"Against {found.against}: {found.verdict.value}",
        f"{found.model} less {found.against}, paired, by resampling conversations; above zero {found.model} is better. No "
        f"worse: the interval stays above the margin ({margins}). The verdict counts signals with {ENOUGH} positives"
        f"{' and ' + ', '.join(found.plan.required) if found.plan.required else ''}.",
        _DIFFERENCES,
        tuple(_difference(one, one.signal) for one in every),
    )


def _difference(one: Comparison, name: str) -> Cells:
    told = (interval(one.differences[key]) for key in _DECIDING)
    return (name, f"{one.rows:,}", f"{one.positives:,}", *told, one.verdict.value, one.why)


def _points(found: Evaluation) -> Section:
    return Section(
        "Rows on which the two differ",
        "McNemar's test, exact and mid-p: takes rows as independent: with several rows a conversation, p is too small.",
        ("signal", "each at", "thresholds", f"found by {found.model} alone", f"by {found.against} alone", "p exact", "mid-p",
         "false positives of it alone", "of the other alone", "p exact", "mid-p"),
        tuple(
            (
                one.signal, point.at, f"{number(point.thresholds[0])}, {number(point.thresholds[1])}",
                f"{point.found.first_only:,}", f"{point.found.second_only:,}", _p(point.found.exact),
                _p(point.found.mid), f"{point.spared.second_only:,}", f"{point.spared.first_only:,}",
                _p(point.spared.exact), _p(point.spared.mid),
            )
            for one in found.comparisons
            for point in one.points
        ),
    )  # fmt: skip


def _compared_slices(comparisons: Sequence[Comparison]) -> list[Section]:
    by_signal: dict[str, list[Comparison]] = {}
    for one in comparisons:
        if one.slice != ALL and one.verdicts:
            by_signal.setdefault(one.signal, []).append(one)
    return [
        Section(
            f"Differences in slices of {signal}",
            "For people to look at: slices decide no verdict, and among many some seem worse by chance.",
            ("slice", *_DIFFERENCES[1:]),
            tuple(_difference(one, one.slice) for one in sorted(own, key=lambda one: natural(one.slice))),
            long=True,
            signal=signal,
        )
        for signal, own in by_signal.items()
    ]
