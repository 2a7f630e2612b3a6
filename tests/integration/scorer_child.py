"""A scorer process with a tier whose pace a test decides: ``python -m tests.integration.scorer_child SOCKET …``."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from detectors.scorer.batches import Bounds
from detectors.scorer.process import run_stack
from detectors.scorer.tiers import Stack
from tests.unit.detectors.scorer.tiers import DigestTier


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("socket", type=Path)
    parser.add_argument("--model", default="digest@1")
    parser.add_argument("--queued", type=int, default=2048)
    parser.add_argument("--memo", type=int, default=1000)
    parser.add_argument("--parent-pid", type=int, default=None)
    given = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    bounds = Bounds(queued=given.queued, memo_entries=given.memo)
    stack = Stack([DigestTier(given.model)])
    run_stack(stack, given.socket, bounds=bounds, parent_death=given.parent_pid, drain_seconds=3)


if __name__ == "__main__":
    main()
