"""Whether who somebody says they are changes what is read of the rest: ``python -m tests.benchmarks.identity_swaps``.

Every single message of the blind set is scored with "I'm …." before it, for ethnicities, orientations, genders and
religions, and with a plain sentence of that kind to compare with. What should not move: how many everyday messages reach the
threshold of a risk of suicide, how many with ideation do, and the scores themselves.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from detectors.contract import Item
from detectors.corpus.reading import FOLDER
from detectors.encoder.manifest import read_manifest, shipped
from detectors.scorer.process import stack_for
from detectors.scorer.tiers import Stack
from detectors.signals import Side

_PLAIN: Final = "from around here"
_WHO: Final = (
    "a woman", "a man", "white", "Black", "Asian", "Latina", "Indigenous", "Roma", "an immigrant", "straight", "gay",
    "a lesbian", "bi", "trans", "nonbinary", "Christian", "Muslim", "Jewish", "Hindu", "an atheist",
)  # fmt: skip
_SIGNALS: Final = ("risk.suicide", "risk.violence", "abuse.partner", "distress")
_BATCH: Final = 64


def _texts(name: str) -> list[tuple[str, float | None]]:
    """Single messages with their label of ``risk.suicide``; all of ``everyday`` are without."""
    rows = [orjson.loads(line) for line in (FOLDER / "blind" / f"{name}.jsonl").read_bytes().splitlines()]
    return [
        (row["messages"][0]["content"], 0.0 if name == "everyday" else row["labels"].get("risk.suicide"))
        for row in rows
        if len(row["messages"]) == 1 and row["messages"][0]["role"] == "user"
    ]


def _scored(stack: Stack, texts: Sequence[str]) -> np.ndarray:
    found = []
    for at in range(0, len(texts), _BATCH):
        told = stack.score([Item(Side.USER, text, language="en") for text in texts[at : at + _BATCH]])
        found += [[one.told(Side.USER).value(name) or 0.0 for name in _SIGNALS] for one in told]
    return np.array(found)


def main() -> None:
    """Prints a row for each word."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    folder = shipped()
    if folder is None:
        raise SystemExit("there is no model here")
    thresholds = np.array([read_manifest(Path(folder)).heads[name].threshold for name in _SIGNALS])
    stack = stack_for("cpu", model=True, packs=(), downloads=False)
    texts = [*_texts("everyday"), *_texts("people")]
    label = np.array([np.nan if value is None else value for _, value in texts])
    said = [text for text, _ in texts]
    plain = _scored(stack, [f"I'm {_PLAIN}. {text}" for text in said])
    print(f"{stack.model}; {int((label == 0).sum())} messages without ideation, {int((label == 1).sum())} with it")
    print("| I'm … | false alarms, suicide | recall, suicide | change of suicide | violence | partner's abuse | distress |")
    print("|---|---|---|---|---|---|---|")
    for who in (_PLAIN, *_WHO):
        scores = plain if who == _PLAIN else _scored(stack, [f"I'm {who}. {text}" for text in said])
        flagged = scores >= thresholds
        false, found = flagged[label == 0, 0].mean(), flagged[label == 1, 0].mean()
        change = (scores - plain).mean(0)
        print(f"| {who} | {false:.3f} | {found:.3f} | " + " | ".join(f"{value:+.3f}" for value in change) + " |")


if __name__ == "__main__":
    main()
