"""From a model's logits over its own labels to what it says of each signal. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from detectors.external.calibration import Calibration
from detectors.external.pack import Pack, nearest
from detectors.signals import SIGNALS, Side

__all__ = ["Answer", "Output", "Values", "answers", "output_of", "probabilities", "said"]

Output = Literal["softmax", "sigmoid"]
Values = NDArray[np.float64]

_STATED: Final[Mapping[str, Output]] = {
    "multi_label_classification": "sigmoid",
    "single_label_classification": "softmax",
}
_POSITION: Final = re.compile(r"[BIESLU][-_](.+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """One signal as the model answers it. ``columns``: of its labels. ``negated``: the rest of what these have.
    ``summed``: they exclude each other and add up, else the highest counts."""

    signal: str
    side: Side
    whole: bool
    columns: tuple[int, ...]
    negated: bool
    summed: bool
    calibration: Calibration
    threshold: float


def answers(pack: Pack, labels: Sequence[str], output: Output) -> tuple[Answer, ...]:
    """The pack's signals in terms of the model's ``labels``. Raises :class:`~detectors.external.errors.PackUnfit` for a
    label that it has not.

    Of a token model, ``NAME`` stands for ``B-NAME`` and ``I-NAME`` (Ramshaw and Marcus 1995) and its like.
    """
    found = []
    for name, mapped in pack.spec.signals.items():
        place = ("signals", name)
        if mapped.combine == "sum" and output == "sigmoid":
            raise pack.unfit(
                (*place, "combine"), "sum is for a softmax, whose labels exclude each other; with sigmoid take max"
            )
        columns: dict[int, None] = {}
        for label in mapped.read:
            own = _columns(label, labels, tokens=pack.spec.kind == "token")
            if not own:
                raise pack.unfit(place, f"the model has no label {label!r}{_hint(label, labels)}")
            columns.update(dict.fromkeys(own))
        summed = output == "softmax" and mapped.combine != "max"
        signal = SIGNALS[name]
        found.append(
            Answer(
                name,
                signal.side,
                signal.whole,
                tuple(columns),
                bool(mapped.not_labels),
                summed,
                mapped.calibrated(),
                mapped.threshold,
            )
        )
    return tuple(found)


def output_of(pack: Pack, problem_type: str | None, labels: int) -> Output:
    """Whether the model's labels exclude each other: as the pack says, or else as the model's ``problem_type`` does.
    ``labels``: how many it has. Raises :class:`~detectors.external.errors.PackUnfit` where neither says so."""
    output = pack.spec.output or ("softmax" if pack.spec.kind == "token" else _STATED.get(str(problem_type)))
    if output is None:
        raise pack.unfit(
            ("output",),
            "the model does not say whether its labels exclude each other; write output: softmax where they do, sigmoid "
            "where several can hold",
        )
    if output == "softmax" and labels < 2:
        raise pack.unfit(("output",), "a softmax of one label is always 1; write output: sigmoid")
    return output


def _columns(label: str, labels: Sequence[str], *, tokens: bool) -> list[int]:
    exact = [at for at, own in enumerate(labels) if own == label]
    if exact or not tokens:
        return exact
    return [at for at, own in enumerate(labels) if (match := _POSITION.fullmatch(own)) and match[1] == label]


def _hint(label: str, labels: Sequence[str]) -> str:
    near = nearest(label, labels)
    shown = ", ".join(labels[:12]) + (", …" if len(labels) > 12 else "")
    return near or f"; it has {shown}"


def probabilities(logits: NDArray[np.float32], output: Output) -> Values:
    """Of the labels, along the last axis."""
    wide = logits.astype(np.float64)
    if output == "sigmoid":
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(wide, -700, 700))), dtype=np.float64)
    risen = np.exp(wide - wide.max(axis=-1, keepdims=True))
    return np.asarray(risen / risen.sum(axis=-1, keepdims=True), dtype=np.float64)


def said(found: Values, answer: Answer) -> Values:
    """What the model says of a signal, ``[…]`` in [0, 1], from the probabilities of its labels, ``[…, labels]``; not yet
    calibrated."""
    own = found[..., list(answer.columns)]
    value = np.minimum(own.sum(axis=-1), 1.0) if answer.summed else own.max(axis=-1)
    return np.asarray(1.0 - value if answer.negated else value, dtype=np.float64)
