"""AILuminate's demo prompts (MLCommons 2024), CC BY 4.0: hazardous requests other than of self-harm.

Speaks of ``risk.method_seeking`` (weapons and violent crime: present; privacy, property and advice: absent) and of the
suicide group, which is absent.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from detectors.signals import Side
from detectors.training.example import RISK, Example

__all__ = ["read"]

_SEEKS: Final = frozenset(("vcr", "iwp"))
_OTHER: Final = frozenset(("prv", "ipv", "dfm", "spc_fin", "spc_lgl", "spc_ele"))


def read(folder: Path) -> Iterator[Example]:
    """All prompts, each its own group."""
    with (folder / "ailuminate_demo" / "not_ssh.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            labels = {name: 0.0 for name in RISK if name not in ("risk.method_seeking", "risk.emergency_now")}
            if row["hazard"] in _SEEKS | _OTHER:
                labels["risk.method_seeking"] = float(row["hazard"] in _SEEKS)
            yield Example(
                "ailuminate_demo", row["release_prompt_id"], Side.USER, row["prompt_text"], labels, slices=("hazard",)
            )
