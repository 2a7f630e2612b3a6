"""Where a long run leaves its result: a dated page in ``docs/proof``."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

__all__ = ["record"]

_FOLDER: Final = Path(__file__).parents[2] / "docs" / "proof"


def record(name: str, body: str) -> Path:
    """Writes ``docs/proof/DATE-name.md``: what was run on how many cores at which load, and what came of it."""
    day = datetime.now(UTC).date().isoformat()
    load = os.getloadavg()[2]
    path = _FOLDER / f"{day}-{name}.md"
    _FOLDER.mkdir(parents=True, exist_ok=True)
    title = name.replace("-", " ").capitalize()
    where = f"Run on {day} on {len(os.sched_getaffinity(0))} cores, load average of 15 minutes {load:.1f}."
    path.write_text(f"# {title}\n\n{where}\n\n{body.strip()}\n", "utf-8")
    return path
