"""A scorer process with a tier whose pace a test decides: ``python -m tests.integration.scorer_child SOCKET …``."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import uvloop

from detectors.scorer.batches import Bounds
from detectors.scorer.process import serve
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
    sys.setswitchinterval(0.0005)
    bounds = Bounds(queued=given.queued, memo_entries=given.memo)
    uvloop.run(serve([DigestTier(given.model)], given.socket, bounds=bounds, parent=given.parent_pid, drain_seconds=3))


if __name__ == "__main__":
    main()
