"""``python -m detectors.corpus``: checks the corpus and counts it, and writes the scenes as rows for ``handrail eval``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import orjson

from detectors.corpus.counts import Counts, count, duplicates
from detectors.corpus.errors import CorpusInvalid
from detectors.corpus.reading import FOLDER, read_corpus
from detectors.corpus.scenes import counted, read_scenes, rows_of
from detectors.signals import vocabulary

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """0 where the corpus follows its format, else 1 with a line for each fault."""
    parser = argparse.ArgumentParser(prog="python -m detectors.corpus", description="Checks the corpus and counts it.")
    parser.add_argument("files", nargs="*", type=Path, help="item files to look at; all of them by default")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the corpus lies")
    parser.add_argument("--duplicates", action="store_true", help="list near-duplicates instead of counting")
    parser.add_argument(
        "--scenes",
        type=Path,
        metavar="OUT.jsonl",
        help="write the scenes there, as rows for `handrail eval`, and count them",
    )
    parser.add_argument("--talks", type=Path, metavar="OUT.jsonl", help="the same of the talks that a forecast is fitted to")
    options = parser.parse_args(arguments)
    try:
        for name in ("scenes", "talks"):
            if (out := getattr(options, name)) is not None:
                return _write_scenes(options.folder, name, out)
        corpus = read_corpus(options.folder, only=options.files or None)
    except CorpusInvalid as error:
        print(error, file=sys.stderr)
        print(f"{len(error.faults)} fault(s)", file=sys.stderr)
        return 1
    if options.duplicates:
        for side in ("user", "reply"):
            for first, again in duplicates([item for item in corpus.items if item.side == side]):
                print(f"{again.file}:{again.line}: says nearly the same as {first.file}:{first.line}")
        return 0
    print(table(count(corpus)))
    return 0


def _write_scenes(folder: Path, name: str, out: Path) -> int:
    scenes = read_scenes(folder, name).scenes
    try:
        out.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows_of(scenes)))
    except OSError as error:
        print(f"{out}: {error.strerror}; give a file that can be written", file=sys.stderr)
        return 1
    print(counted(scenes))
    return 0


def table(counts: Counts) -> str:
    """The counts as Markdown, for the data card."""
    lines = [
        "| | situations | voices | items | of them with context | rows before near-duplicates were taken out |",
        "|---|---|---|---|---|---|",
    ]
    for side, own in counts.sides.items():
        what = "person's turns" if side == "user" else "chatbot's replies"
        lines.append(f"| {what} | {own.situations:,} | {own.voices} | {own.items:,} | {own.with_context:,} | {own.rows:,} |")
    for side, own in counts.sides.items():
        lines += ["", f"| {side} signal | there | known not to be there |", "|---|---|---|"]
        if own.levels:
            lines += [f"| level={level} | {own.levels[level]:,} | |" for level in sorted(own.levels)]
        for signal in vocabulary(side):
            if own.positive.get(signal.name):
                lines.append(f"| `{signal.name}` | {own.positive[signal.name]:,} | {own.negative.get(signal.name, 0):,} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
