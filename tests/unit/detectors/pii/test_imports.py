"""Who loads what: the gateway nothing of all this, the command only when it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
HEAVY = {
    "presidio_analyzer", "spacy", "phonenumbers", "tldextract", "torch", "transformers", "onnxruntime", "detectors.pii.head",
    "detectors.pii.patterns", "detectors.pii.redactor",
}  # fmt: skip


def _loaded(statement: str) -> set[str]:
    script = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True, timeout=60)
    found: set[str] = set(json.loads(done.stdout.splitlines()[-1]))
    return found


@pytest.mark.parametrize(
    "module",
    ["guard.gateway.service", "guard.gateway.app", "guard.turns.turn", "guard.supervise.children", "guard.cli.main"],
)
def test_it_loads_nothing_of_redaction(module: str) -> None:
    assert _loaded(f"import {module}") & HEAVY == set()
