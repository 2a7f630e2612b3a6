"""The tables of a model card, from its manifest and figures: written between markers, so that no figure is typed by hand.

A block is what stands between ``<!-- NAME: … -->`` and ``<!-- end -->``. What is around them is written by people.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from detectors.encoder.heads import REPLY_HEADS, USER_HEADS
from detectors.evaluation.intervals import Estimate
from detectors.evaluation.study import Finding
from detectors.training.errors import TrainingError
from detectors.training.figures import CORPUS, Figures

__all__ = ["blocks", "fill"]

_BLOCK: Final = re.compile(r"(?P<head><!-- (?P<name>[a-z]+): [^>]*-->\n).*?(?P<tail><!-- end -->)", re.DOTALL)
_HEAD: Final = (
    "| signal | n | positive | AUROC | lexicon's | recall at 1% false positives | lexicon's | false positives at 90% recall "
    "| at the threshold: recall / false positives | ECE |\n|---|---|---|---|---|---|---|---|---|---|"
)
_SLICES: Final = (
    "corpus, voice seen", "corpus, voice unseen", "goemotions_dev", "sad", "topical_chat", "ailuminate_demo", "hypo",
)  # fmt: skip
_TRAFFIC: Final = (
    "risk.suicide", "risk.suicide_ge3", "risk.suicide_imminent", "risk.emergency_now", "risk.self_harm", "refusal.any",
)  # fmt: skip
_PREVALENCES: Final = (0.0005, 0.005)


def fill(path: Path, found: Mapping[str, str]) -> None:
    """Writes the blocks of a card anew. Raises :class:`TrainingError` where the card lacks one, or has an unknown one."""
    text = path.read_text("utf-8")
    names = [match["name"] for match in _BLOCK.finditer(text)]
    if sorted(names) != sorted(found):
        raise TrainingError(
            f"{path} has blocks for {', '.join(names) or 'nothing'}; it needs one each for {', '.join(found)}"
        )
    path.write_text(_BLOCK.sub(lambda match: f"{match['head']}{found[match['name']]}\n{match['tail']}", text), "utf-8")


def blocks(manifest: Mapping[str, Any], model: Figures, lexicon: Figures) -> dict[str, str]:
    """Each block's name and Markdown."""
    return {
        "sources": _sources(manifest),
        "questions": _questions(model, lexicon),
        "user": _signals([name for name in USER_HEADS if not name.startswith("emotion.")], manifest, model, lexicon),
        "reply": _signals(REPLY_HEADS, manifest, model, lexicon),
        "slices": _slices(model),
        "traffic": _traffic(manifest, model),
        "left": "\n".join(f"* `{name}`: {why}" for name, why in manifest["left_to_lexicon"].items()),
    }


def _sources(manifest: Mapping[str, Any]) -> str:
    rows = [f"| {own['name']} | {own['licence']} | {own['examples']:,} |" for own in manifest["sources"]]
    return "\n".join(["| source | licence | training examples |\n|---|---|---|", *rows])


def _questions(model: Figures, lexicon: Figures) -> str:
    def both(what: str, key: str, ours: Finding, theirs: Finding) -> str:
        return f"| {what} | {_interval(ours.measures[key], 3)} | {_interval(theirs.measures[key], 3)} |"

    crisis, near, refusals = model.crisis, model.neighbours, model.refusals
    count, flagged = model.idioms
    pairs, later = model.pairs, model.later_pairs
    of_later: tuple[str, ...] = ()
    if model.later_refusals is not None and lexicon.later_refusals is not None:
        ours = model.later_refusals
        of_later = (
            both(
                f"… in the later editions alone ({ours.positives} and {ours.rows - ours.positives})",
                "auroc",
                ours,
                lexicon.later_refusals,
            ),
        )
    return "\n".join(
        (
            "| question | figure | the lexicon tier alone |\n|---|---|---|",
            both(
                f"crisis ({crisis.positives} turns of unseen situations) against everyday talk "
                f"({crisis.rows - crisis.positives:,} turns of public sources): AUROC",
                "auroc", crisis, lexicon.crisis,
            ),
            both("… recall at 1% false positives", "recall_at_1pct", crisis, lexicon.crisis),
            both("… recall at 0.1% false positives", "recall_at_0.1pct", crisis, lexicon.crisis),
            both(
                f"crisis against the corpus's own look-alikes and neighbours ({near.rows - near.positives} turns): AUROC",
                "auroc", near, lexicon.neighbours,
            ),
            both("… recall at 1% false positives", "recall_at_1pct", near, lexicon.neighbours),
            f"| idioms with words of death ({count}): flagged at the threshold | {flagged} | {lexicon.idioms[1]} |",
            both(
                f"refusals ({refusals.positives}) against other replies ({refusals.rows - refusals.positives}): AUROC",
                "auroc", refusals, lexicon.refusals,
            ),
            *of_later,
            f"| companionship-reinforcing reply above its plain counterpart ({pairs.pairs} pairs in {pairs.situations} "
            f"situations) | {_interval(pairs.ordered, 2)} | {_interval(lexicon.pairs.ordered, 2)} |",
            f"| … in the later editions alone ({later.pairs} pairs in {later.situations} situations) "
            f"| {_interval(later.ordered, 2)} | {_interval(lexicon.later_pairs.ordered, 2)} |",
            f"| GoEmotions dev, macro-F1 over {model.categories} categories, cross-fitted thresholds "
            f"| {_plain(model.emotions, 3)} | - |",
        )
    )  # fmt: skip


def _signals(names: Sequence[str], manifest: Mapping[str, Any], model: Figures, lexicon: Figures) -> str:
    ours, theirs = ({(own.signal, own.slice): own for own in each.findings} for each in (model, lexicon))
    lines = [_HEAD]
    for name in names:
        at = (name, CORPUS) if (name, CORPUS) in ours else (name, "all")
        found, other = ours.get(at), theirs.get(at)
        if found is None or name not in manifest["signals"] or not 0 < found.positives < found.rows:
            continue
        told = other is not None and other.rows > found.rows / 2
        few = "*" if found.insufficient else ""
        lines.append(
            f"| `{name}` | {found.rows:,} | {found.positives}{few} | {_interval(found.measures['auroc'], 3)} "
            f"| {_interval(other.measures['auroc'], 3) if told and other else '-'} "
            f"| {_interval(found.measures['recall_at_1pct'], 2)} "
            f"| {_interval(other.measures['recall_at_1pct'], 2) if told and other else '-'} "
            f"| {_interval(found.measures['fpr_at_90pct_recall'], 2)} "
            f"| {_interval(found.recall, 2)} / {_interval(found.false_positives, 3)} "
            f"| {_plain(found.measures['ece'].value, 3)} |"
        )
    return "\n".join(lines)


def _slices(model: Figures) -> str:
    lines = [
        "| slice | n | positive | AUROC | recall at the threshold | false positives at the threshold |\n"
        "|---|---|---|---|---|---|"
    ]
    found = {own.slice: own for own in model.findings if own.signal == "risk.suicide"}
    for name in _SLICES:
        own = found.get(name)
        if own is not None:
            lines.append(
                f"| {name} | {own.rows:,} | {own.positives} | {_interval(own.measures['auroc'], 3)} "
                f"| {_interval(own.recall, 2)} | {_interval(own.false_positives, 3)} |"
            )
    return "\n".join(lines)


def _traffic(manifest: Mapping[str, Any], model: Figures) -> str:
    lines = [
        "| signal | threshold | if so many turns are it | found per million turns | false alerts per million turns "
        "| share of alerts that are right |\n|---|---|---|---|---|---|"
    ]
    found = {own.signal: own for own in model.findings if own.slice == "all"}
    for name in _TRAFFIC:
        own = found.get(name)
        if own is None or name not in manifest["signals"] or own.recall is None or own.false_positives is None:
            continue
        for share in _PREVALENCES:
            right = 1e6 * share * own.recall.value
            wrong = 1e6 * (1 - share) * own.false_positives.value
            lines.append(
                f"| `{name}` | {manifest['signals'][name]['threshold']:.2f} | {share:.2%} "
                f"| {right:,.0f} of {1e6 * share:,.0f} | {wrong:,.0f} | {right / (right + wrong):.0%} |"
            )
    return "\n".join(lines)


def _interval(found: Estimate | None, digits: int) -> str:
    if found is None or math.isnan(found.value):
        return "-"
    if math.isnan(found.low):
        return _plain(found.value, digits)
    return f"{_plain(found.value, digits)} [{_plain(found.low, digits)}, {_plain(found.high, digits)}]"


def _plain(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}".replace("0.", ".", 1) if value < 1 else f"{value:.{digits}f}"
