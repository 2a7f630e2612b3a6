"""What stands beside the weights: who the model is, what it answers, and how its logits become probabilities."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from detectors.encoder.errors import ModelUnfit
from detectors.encoder.heads import HEADS, OUTPUTS
from detectors.signals import VOCABULARY_VERSION

__all__ = ["MODELS", "Calibration", "Head", "Manifest", "read_manifest", "shipped"]

MODELS: Final = Path(__file__).parent.parent / "models"
"""Where the package keeps its models, one folder each."""

_SHIPPED: Final = "handrail-minilm"
_READ: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Calibration:
    """``probability = sigmoid(slope * logit + words * word + offset)`` (Platt 1999, with a second feature).

    ``word`` is the lexicon tier's probability of the same signal, 0 where it has none: plain words that it knows count
    beside what the encoder makes of them. ``slope`` is above 0, ``words`` at least 0.
    """

    slope: float
    offset: float
    words: float = 0.0

    def probability(self, logit: float, word: float = 0.0) -> float:
        """The calibrated probability of one logit; never raises."""
        x = self.slope * logit + self.words * word + self.offset
        if x >= 0:
            return 1.0 / (1.0 + math.exp(-min(x, 700.0)))
        e = math.exp(max(x, -700.0))
        return e / (1.0 + e)


@dataclass(frozen=True, slots=True)
class Head:
    """One signal that the model answers. ``column``: where its logit stands. ``calibration``: of a turn, of a reply's
    passage, or of a whole reply where the signal is judged on nothing less. ``whole``: of a reply read in one piece,
    ``None`` where that is no second reading. ``threshold``: on the probability of the message, of a reply that of both
    readings together (:func:`detectors.passages.mean`), where the signal counts as there. ``ece``: expected calibration
    error on data that did not set the calibration, ``None`` where there was too little of it. ``bands``: by share of
    false positives (``"0.003"``) the value from which no more than that many negatives are flagged, ``None`` where there
    were too few of them to show it."""

    name: str
    column: int
    threshold: float
    calibration: Calibration
    ece: float | None
    bands: Mapping[str, float | None] = field(default_factory=dict)
    whole: Calibration | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A model as its manifest.json has it. Heads that the file leaves out are not served."""

    name: str
    version: str
    languages: frozenset[str]
    sources: tuple[Mapping[str, Any], ...]
    heads: Mapping[str, Head]
    weights: Path
    tokenizer: Path

    @property
    def model(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"


def shipped() -> Path | None:
    """The folder of the model that the package carries, ``None`` where it carries none."""
    folder = MODELS / _SHIPPED
    return folder if (folder / "manifest.json").is_file() else None


def read_manifest(folder: Path, *, check: bool = True) -> Manifest:
    """The model in ``folder``. ``check``: the files are read and compared with their sha256.

    Raises :class:`ModelUnfit`.
    """
    path = folder / "manifest.json"
    try:
        found = orjson.loads(path.read_bytes())
    except OSError as error:
        raise ModelUnfit(f"{path}: {error.strerror}; give the folder of a model") from None
    except orjson.JSONDecodeError as error:
        raise ModelUnfit(f"{path} is no JSON ({error}); install the package anew, or export the model again") from None
    try:
        if found["vocabulary"] != VOCABULARY_VERSION or list(found["outputs"]) != list(OUTPUTS):
            raise ModelUnfit(
                f"{path} is for vocabulary {found['vocabulary']} and other outputs than this release has "
                f"(vocabulary {VOCABULARY_VERSION}); export the model again with this release"
            )
        heads = {name: _head(name, entry) for name, entry in found["signals"].items()}
        manifest = Manifest(
            found["name"],
            found["version"],
            frozenset(found["languages"]),
            tuple(found["sources"]),
            heads,
            folder / found["files"]["weights"]["name"],
            folder / found["files"]["tokenizer"]["name"],
        )
        digests = {manifest.weights: found["files"]["weights"]["sha256"]}
        digests[manifest.tokenizer] = found["files"]["tokenizer"]["sha256"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelUnfit(f"{path} lacks or distorts {error}; export the model again") from None
    if check:
        for file, digest in digests.items():
            if _digest(file) != digest:
                raise ModelUnfit(f"{file} is not the file that {path} speaks of (sha256); install the package anew")
    return manifest


def _head(name: str, entry: Mapping[str, Any]) -> Head:
    if name not in HEADS:
        raise ValueError(f"a head for {name!r}")
    calibration = _calibration(name, entry["calibration"])
    whole = None if entry.get("whole") is None else _calibration(name, entry["whole"])
    threshold = float(entry["threshold"])
    if not 0 < threshold <= 1:
        raise ValueError(f"the threshold of {name!r}")
    ece = entry.get("ece")
    bands = {str(rate): None if value is None else float(value) for rate, value in entry.get("bands", {}).items()}
    return Head(name, HEADS.index(name), threshold, calibration, None if ece is None else float(ece), bands, whole)


def _calibration(name: str, written: Mapping[str, Any]) -> Calibration:
    found = Calibration(float(written["slope"]), float(written["offset"]), float(written.get("words", 0.0)))
    if not (found.slope > 0 and found.words >= 0 and math.isfinite(found.offset)):
        raise ValueError(f"the calibration of {name!r}")
    return found


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_READ):
                digest.update(block)
    except OSError as error:
        raise ModelUnfit(f"{path}: {error.strerror}; install the package anew, or export the model again") from None
    return digest.hexdigest()
