"""What was measured, as JSON for machines and as a page for people."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from detectors.benchmarks.timing import Effort, Rate

__all__ = ["Cell", "Report", "arguments", "machine"]

_FOLDER: Final = Path("docs") / "proof"
_BUSY: Final = 0.5  # load a core above which figures say little


@dataclass(frozen=True, slots=True)
class Cell:
    """``way``: what was timed. ``share``: of the measured matrix rate, ``None`` where that has no meaning."""

    way: str
    tokens: int
    rows: int
    rate: Rate
    share: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """``matrix``: operations a second of a plain product of matrices. ``stack``: turns a second through all tiers."""

    device: str
    model: str
    machine: Mapping[str, Any]
    matrix: Rate
    matrix_form: str
    cells: Sequence[Cell]
    stack: Rate | None
    load: tuple[float, float]

    def write(self, name: str, folder: Path) -> tuple[Path, Path]:
        """``DATE-NAME.json`` and ``DATE-NAME.md`` in ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        day = datetime.now(UTC).date().isoformat()
        as_json, page = folder / f"{day}-{name}.json", folder / f"{day}-{name}.md"
        as_json.write_bytes(
            orjson.dumps(asdict(self) | {"day": day}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        )
        page.write_text(f"# Scoring on {self.device}, {day}\n\n{self.page()}", "utf-8")
        return as_json, page

    def page(self) -> str:
        """The page's body."""
        cores = len(os.sched_getaffinity(0))
        lines = [
            f"Model {self.model}; {', '.join(f'{key} {value}' for key, value in self.machine.items())}.",
            f"Load average before {self.load[0]:.1f}, after {self.load[1]:.1f}, on {cores} cores. "
            f"Medians of {self.matrix.rounds} rounds, the slowest and the fastest in brackets.",
        ]
        if max(self.load[0], 0.0) > _BUSY * cores:
            lines.append("**Other work ran when this began: do not compare these figures with others.**")
        lines.append(f"A plain product of matrices ({self.matrix_form}): {_spread(self.matrix.times(1e-12), 3)} TOP/s.")
        if self.stack is not None:
            lines.append(
                f"Turns of the corpus through all tiers, with what was said before them, in batches of 32: "
                f"{_spread(self.stack)} a second."
            )
        lines += ["", "| way | tokens | rows | frames/s | share of the matrix rate |", "|---|---|---|---|---|"]
        for cell in self.cells:
            share = "" if cell.share is None else f"{cell.share:.1%}"
            lines.append(f"| {cell.way} | {cell.tokens} | {cell.rows} | {_spread(cell.rate)} | {share} |")
        lines += ["", "A person's turn after others takes two frames, one after nothing takes one.", ""]
        return "\n".join(lines)


def machine() -> dict[str, Any]:
    """This machine, without its name."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")),
        "unknown",
    )
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}


def arguments(description: str, given: Sequence[str] | None) -> tuple[argparse.Namespace, Effort]:
    """What every benchmark may be told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=_FOLDER, help="folder of the report; docs/proof by default")
    parser.add_argument("--print", action="store_true", help="write nothing, print the page")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="of one round")
    parser.add_argument("--device", default=None)
    found = parser.parse_args(given)
    return found, Effort(max(1, found.rounds), found.seconds, found.seconds)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except OSError:
        return []


def _spread(rate: Rate, digits: int = 0) -> str:
    return f"{rate.median:,.{digits}f} [{rate.low:,.{digits}f}, {rate.high:,.{digits}f}]"
