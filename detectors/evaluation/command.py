"""``handrail eval``: every figure that labelled rows and scores allow."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from detectors.evaluation.answers import Answered, Listener, answer
from detectors.evaluation.comparison import MARGINS, Comparison, Verdict, compare, overall
from detectors.evaluation.delay import Sessions, sessions
from detectors.evaluation.errors import RowsUnfit
from detectors.evaluation.grades import Correlation, Ordering, correlations, orderings
from detectors.evaluation.intervals import RESAMPLES
from detectors.evaluation.macro import macro_f1
from detectors.evaluation.measures import Ranking, threshold_at_false_positives
from detectors.evaluation.rows import Row, family
from detectors.evaluation.severity import GRADED, NEEDED, Severity, severity
from detectors.evaluation.slices import with_derived
from detectors.evaluation.study import Finding, findings
from detectors.evaluation.table import Table, tabulate, wanted
from detectors.signals import SIGNALS, Kind, Side

__all__ = ["Evaluation", "Plan", "evaluate", "narrowed"]

_EMOTION = "emotion."


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of an evaluation.

    ``model``, ``against``: whose answers, see :func:`~detectors.evaluation.answers.answer`. ``thresholds``: in place of the
    model's own, of signals that the rows label. ``rate``: the share of false positives at which a signal without a threshold
    gets one, from these very rows, and at which two models are compared. ``resampled``: resamples of an interval, half as
    many in a slice. ``required``: signals without which no verdict is given.
    """

    model: str = "full"
    against: str | None = None
    device: str = "auto"
    thresholds: Mapping[str, float] = field(default_factory=dict)
    rate: float = 0.01
    margins: Mapping[str, float] = field(default_factory=lambda: MARGINS)
    resampled: int = RESAMPLES
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that was found. ``table``, ``other``: the rows with the model's scores, and with those of the one it is compared
    with. ``thresholds``: by signal; ``chosen``: those of them that were fitted to these rows. ``macro_f1``: of emotions."""

    plan: Plan
    model: str
    against: str | None
    table: Table
    other: Table | None
    thresholds: Mapping[str, float]
    chosen: frozenset[str]
    findings: tuple[Finding, ...]
    severity: Severity | None
    correlations: tuple[Correlation, ...]
    orderings: tuple[Ordering, ...]
    sessions: tuple[Sessions, ...]
    macro_f1: tuple[float, Mapping[str, float]] | None
    comparisons: tuple[Comparison, ...]

    @property
    def verdict(self) -> Verdict:
        """Whether the model is worse than the other."""
        return overall(self.comparisons, self.plan.required)


def narrowed(rows: Sequence[Row], signals: Sequence[str]) -> list[Row]:
    """The rows that have a label of one of ``signals``, with those labels alone; all rows where none are named.

    Raises :class:`RowsUnfit` where no row has a label of one of them.
    """
    if not signals:
        return list(rows)
    for name in signals:
        if not any(name in row.labels for row in rows):
            raise RowsUnfit(f"no row has a label of {name!r}; give signals that these files label")
    kept = [replace(row, labels={name: row.labels[name] for name in signals if name in row.labels}) for row in rows]
    return [row for row in kept if row.labels]


def evaluate(rows: Sequence[Row], plan: Plan, listener: Listener | None = None) -> Evaluation:
    """The figures of ``plan.model``, and its difference from ``plan.against`` where that is given.

    ``listener``: hears the model's scores, row by row. Raises :class:`~detectors.errors.DetectorError`; before anything is
    scored :class:`RowsUnfit` for a threshold that would count nowhere.
    """
    _check_thresholds(plan.thresholds, rows)
    rows = with_derived(rows)
    names = _names(rows)
    ours = answer(plan.model, rows, names, plan.device, listener)
    table = tabulate(rows, ours.columns)
    thresholds, chosen = _thresholds(table, {**ours.thresholds, **plan.thresholds}, plan.rate)
    theirs, other, comparisons = None, None, list[Comparison]()
    half = max(1, plan.resampled // 2)
    if plan.against is not None:
        theirs = answer(plan.against, rows, names, plan.device)
        other = tabulate(rows, theirs.columns)
        comparisons = compare(
            table, other, _both(ours, theirs, plan), margins=plan.margins, rate=plan.rate,
            resampled=plan.resampled, sliced=half,
        )  # fmt: skip
    emotions = [name for name in table.labels if name.startswith(_EMOTION) and not name.endswith("*")]
    return Evaluation(
        plan=plan,
        model=ours.name,
        against=None if theirs is None else theirs.name,
        table=table,
        other=other,
        thresholds=thresholds,
        chosen=chosen,
        findings=tuple(findings(table, thresholds, resampled=plan.resampled, sliced=half)),
        severity=severity(table, thresholds, plan.resampled),
        correlations=tuple(correlations(table, plan.resampled)),
        orderings=tuple(orderings(table, plan.resampled)),
        sessions=tuple(sessions(table, thresholds, plan.resampled)),
        macro_f1=macro_f1(table, emotions) if len(emotions) > 1 else None,
        comparisons=tuple(comparisons),
    )


def _check_thresholds(given: Mapping[str, float], rows: Sequence[Row]) -> None:
    labelled = {name for row in rows for name in row.labels if _has_threshold(name)}
    graded = GRADED if any(name in NEEDED for row in rows for name in row.labels) else ()
    own = sorted(labelled.union(graded))
    for name in given:
        if name in own:
            continue
        if _has_threshold(name):
            raise RowsUnfit(f"a threshold of {name!r}, of which no row has a label; give signals that these files label")
        every = (signal.name for signal in SIGNALS.values() if signal.kind is Kind.PROBABILITY)
        close = difflib.get_close_matches(name, own, n=1) or difflib.get_close_matches(name, every, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "; give signals that these files label"
        raise RowsUnfit(f"a threshold of {name!r}, which is no signal that has a probability{hint}")


def _has_threshold(name: str) -> bool:
    signal = SIGNALS.get(name)
    return any(family(name, side) for side in Side) if signal is None else signal.kind is Kind.PROBABILITY


def _names(rows: Sequence[Row]) -> list[str]:
    labelled = wanted(rows)
    graded = NEEDED if any(name in NEEDED for name in labelled[Side.USER]) else ()
    return list(dict.fromkeys((*labelled[Side.USER], *graded, *labelled[Side.REPLY])))


def _thresholds(table: Table, known: Mapping[str, float], rate: float) -> tuple[dict[str, float], frozenset[str]]:
    found, chosen = dict(known), set()
    for signal in table.labels:
        if signal in found or (signal in SIGNALS and SIGNALS[signal].kind is not Kind.PROBABILITY):
            continue
        cut = table.cut(signal)
        threshold = threshold_at_false_positives(Ranking(cut.positive, cut.scores).curve(), rate)
        if not math.isnan(threshold):
            found[signal] = threshold
            chosen.add(signal)
    return found, frozenset(chosen)


def _both(ours: Answered, theirs: Answered, plan: Plan) -> tuple[Mapping[str, float], Mapping[str, float]]:
    return {**ours.thresholds, **plan.thresholds}, {**theirs.thresholds, **plan.thresholds}
