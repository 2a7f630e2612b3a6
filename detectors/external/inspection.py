"""What can be told of a pack without loading its model: whether its files are here and whole, and whether its labels fit."""

from __future__ import annotations

import importlib
import importlib.util
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from detectors.external.calibration import Raw
from detectors.external.errors import PackUnfit
from detectors.external.files import EXTRA, compare, present
from detectors.external.labels import Answer, answers, output_of
from detectors.external.pack import Pack, Use

__all__ = ["LARGEST_COMPARED", "Inspection", "inspect", "minds", "some"]

LARGEST_COMPARED: Final = 2 * 2**30
"""Bytes of weights up to which they are compared with the pack's digest: some seconds of reading."""

_ACTED_ON: Final = ("risk.", "concern.", "abuse.", "violence.", "harm.")
_CONFIG_BYTES: Final = 4 * 2**20
_HEADER_BYTES: Final = 100_000_000  # what the format allows
_ENDING: Final = {"sequence": "ForSequenceClassification", "token": "ForTokenClassification"}
_UNNAMED_LABELS: Final = 2  # of a config that says nothing of them


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found. ``labels``: how many the model has. ``size``: of its weights, in bytes. ``compared``: whether its
    files are those of the pack's digest; ``None`` where it gives none. ``minds``: what somebody who runs it should know."""

    name: str
    model: str
    labels: int
    signals: int
    size: int
    compared: bool | None
    minds: tuple[str, ...]


def inspect(pack: Pack, *, largest: int = LARGEST_COMPARED) -> Inspection:
    """Looks at a pack's files; fetches nothing and loads no weights. Weights of more than ``largest`` bytes are not compared
    with their digest.

    Raises :class:`~detectors.external.errors.PackUnfit` for what would keep the scorer from starting, as far as that shows
    without loading, and :class:`~detectors.external.errors.ModelAbsent` for a hub model that is not here.
    """
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        raise PackUnfit(f"{pack.file}: {EXTRA}")
    spec = pack.spec
    folder = present(pack)
    size = sum(_whole(pack, path) for path in _weights(pack, folder))
    pinned = spec.model.sha256 is not None or spec.model.folder is not None
    if pinned and size <= largest:
        compare(pack, folder)
    elif spec.model.folder is not None and spec.model.sha256 is None:
        raise pack.unfit(("model", "sha256"), f"sha256 is missing; handrail model check {pack.file} says which to write")
    config = _config(pack, folder)
    labels = _labels(pack, config)
    found = answers(pack, labels, output_of(pack, config.get("problem_type"), len(labels)))
    if spec.device is not None and spec.device.startswith("cuda"):
        from detectors.external.loading import usable

        usable(pack, importlib.import_module("torch"), spec.device)
    uses = {name: spec.use_of(name) for name in spec.signals}
    return Inspection(
        name=pack.name,
        model=f"{spec.model.hub} at {spec.model.revision}" if spec.model.hub is not None else str(spec.model.folder),
        labels=len(labels),
        signals=len(found),
        size=size,
        compared=size <= largest if pinned else None,
        minds=(*_doubts(pack, folder, config), *minds(found, uses)),
    )


def minds(found: Sequence[Answer], uses: Mapping[str, Use]) -> Iterator[str]:
    """What somebody who sets a pack up should know of how its signals are answered."""
    bare = [answer.signal for answer in found if isinstance(answer.calibration, Raw)]
    if bare:
        yield (
            f"{some(bare)} not calibrated: policies read a value as a probability; fit one with handrail model "
            "calibrate-pack"
        )
    acted = [answer.signal for answer in found if answer.signal.startswith(_ACTED_ON) and uses[answer.signal] is Use.REPLACE]
    if acted:
        yield f"{some(acted)} replaced: the figures of the model card no longer hold for it, and the lexicon's do"


def some(names: Sequence[str]) -> str:
    """The first three names with a verb."""
    rest = len(names) - 3
    return ", ".join(names[:3]) + (f" and {rest} more are" if rest > 0 else " is" if len(names) == 1 else " are")


def _doubts(pack: Pack, folder: Path, config: Mapping[str, Any]) -> Iterator[str]:
    """What only loading can settle."""
    built = config.get("architectures")
    names = [name for name in built if isinstance(name, str)] if isinstance(built, list) else []
    ending = _ENDING[pack.spec.kind]
    if names and not any(name.endswith(ending) for name in names):
        yield f"config.json names {', '.join(names[:3])}, no {pack.spec.kind} classifier; see handrail model check"
    if not (folder / "tokenizer.json").is_file():
        yield f"{folder} holds no tokenizer.json; see handrail model check"


def _config(pack: Pack, folder: Path) -> Mapping[str, Any]:
    file = folder / "config.json"
    try:
        with file.open("rb") as opened:
            data = opened.read(_CONFIG_BYTES + 1)
        found = json.loads(data) if len(data) <= _CONFIG_BYTES else None
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise pack.unfit(("model",), f"{file} is no config of a model; save it with save_pretrained")
    return found


def _labels(pack: Pack, config: Mapping[str, Any]) -> tuple[str, ...]:
    """By column, as transformers reads them off a config."""
    named = config.get("id2label")
    if named is None:
        many = config.get("num_labels", _UNNAMED_LABELS)
        return tuple(f"LABEL_{at}" for at in range(many if isinstance(many, int) else _UNNAMED_LABELS))
    try:
        by_column = {int(at): str(label) for at, label in named.items()}
        return tuple(by_column[at] for at in range(len(by_column)))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise pack.unfit(("model",), "the id2label of its config.json does not number the labels from 0 on") from None


def _weights(pack: Pack, folder: Path) -> list[Path]:
    """The files that hold the weights. Where an index says which, all of them must be there."""
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").is_file() or not index.is_file():
        return sorted(folder.glob("*.safetensors"))
    try:
        names = sorted({str(name) for name in json.loads(index.read_bytes())["weight_map"].values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise pack.unfit(("model",), f"{index} is no index of weights; fetch or save the model anew") from None
    lacking = [name for name in names if Path(name).name != name or not (folder / name).is_file()]
    if lacking:
        raise pack.unfit(
            ("model",), f"{folder} lacks {', '.join(lacking[:3])}, which its index names; fetch or save the model anew"
        )
    return [folder / name for name in names]


def _whole(pack: Pack, file: Path) -> int:
    """The file's bytes, where it has as many as its own header says: a download that broke off has fewer, and a pointer of
    Git LFS has no header."""
    size = file.stat().st_size
    try:
        with file.open("rb") as opened:
            (header,) = struct.unpack("<Q", opened.read(8))
            entries = json.loads(opened.read(header)) if header <= min(size, _HEADER_BYTES) else {}
        end = max(entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__")
        if 8 + header + end == size:
            return size
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, struct.error):
        pass  # no header that could be read: told below
    raise pack.unfit(("model",), f"{file} is not whole, or no safetensors; fetch or save the model anew")
