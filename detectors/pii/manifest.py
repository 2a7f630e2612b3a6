"""What stands beside the head's weights."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from detectors.encoder.errors import ModelUnfit
from detectors.encoder.manifest import MODELS
from detectors.pii.pieces import LONGEST, SHAPES
from detectors.pii.tags import TAGS

__all__ = ["NAME", "TASK", "Manifest", "digest", "read_manifest", "shipped"]

NAME: Final = "handrail-pii"

TASK: Final = "names"
"""What tells the head's folder from that of a model that scores."""

_READ: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """A head as its manifest.json has it. ``outside``: added to the log probability that a word is no name."""

    name: str
    version: str
    outside: float
    sources: tuple[Mapping[str, Any], ...]
    weights: Path
    tokenizer: Path


def shipped() -> Path:
    """The folder of the head that the package carries."""
    return MODELS / NAME


def read_manifest(folder: Path, *, check: bool = True) -> Manifest:
    """The head in ``folder``. ``check``: its files are read and compared with their sha256. Raises :class:`ModelUnfit`."""
    path = folder / "manifest.json"
    try:
        found = orjson.loads(path.read_bytes())
    except OSError as error:
        raise ModelUnfit(f"{path}: {error.strerror}; give the folder of a model that finds names") from None
    except orjson.JSONDecodeError as error:
        raise ModelUnfit(f"{path} is no JSON ({error}); install the package anew, or train the head again") from None
    try:
        if found["task"] != TASK or (list(found["tags"]), list(found["shapes"]), found["longest"]) != (
            list(TAGS),
            list(SHAPES),
            LONGEST,
        ):
            raise ModelUnfit(f"{path} is of a model for something else than this release's names; train the head again")
        files = {
            key: (_place(folder, found["files"][key]), found["files"][key]["sha256"]) for key in ("weights", "tokenizer")
        }
        manifest = Manifest(
            str(found["name"]),
            str(found["version"]),
            _finite(found["outside"]),
            tuple(found["sources"]),
            files["weights"][0],
            files["tokenizer"][0],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelUnfit(f"{path} lacks or distorts {error}; train the head again") from None
    if check:
        for file, known in files.values():
            if digest(file) != known:
                raise ModelUnfit(f"{file} is not the file that {path} speaks of (sha256); install the package anew")
    return manifest


def _place(folder: Path, entry: Mapping[str, Any]) -> Path:
    """A file of the folder's own, or ``of`` another model that the package carries."""
    place = MODELS / entry["of"] if "of" in entry else folder
    found: Path = place / entry["name"]
    return found


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("outside")
    return number


def digest(path: Path) -> str:
    """The file's sha256. Raises :class:`ModelUnfit`."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_READ):
                found.update(block)
    except OSError as error:
        raise ModelUnfit(f"{path}: {error.strerror}; install the package anew, or train the head again") from None
    return found.hexdigest()
