"""A classifier of transformers, loaded from a folder: safetensors alone, no code of the model's own, no network."""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.external.errors import PackUnfit
from detectors.external.files import EXTRA
from detectors.external.labels import Output, output_of
from detectors.external.pack import Pack

__all__ = ["Classifier", "Network", "load", "usable"]

_log = logging.getLogger(__name__)

_THREADS: Final = 2  # as many as the model beside it has
_LONGEST: Final = 512
_ENDLESS: Final = 1_000_000  # a tokenizer without a limit says a number far above this
_AUTO: Final = {"sequence": "AutoModelForSequenceClassification", "token": "AutoModelForTokenClassification"}


class Network(Protocol):
    """What multiplies the matrices."""

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits, ``[batch, labels]`` or ``[batch, tokens, labels]``, of a batch that is padded on the right."""
        ...


@dataclass(frozen=True, slots=True)
class Classifier:
    """A loaded model. ``device``: where it runs. ``labels``: its own, by column. ``tokenizer``: a
    :class:`tokenizers.Tokenizer`. ``longest``: tokens of a frame. ``parameters`` and ``size`` (bytes): of its weights."""

    network: Network
    device: str
    tokenizer: Any
    labels: tuple[str, ...]
    output: Output
    longest: int
    pad: int
    parameters: int
    size: int


class _Torch:
    def __init__(self, torch: Any, model: Any, device: str, *, types: bool) -> None:
        self._torch, self._model, self._device, self._types = torch, model, device, types

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> NDArray[np.float32]:
        """See :class:`Network`."""
        given = {"input_ids": ids, "attention_mask": mask} | ({"token_type_ids": types} if self._types else {})
        with self._torch.inference_mode():
            inputs = {name: self._torch.from_numpy(values).to(self._device) for name, values in given.items()}
            found: NDArray[np.float32] = self._model(**inputs).logits.float().cpu().numpy()
        return found


def load(pack: Pack, folder: Path, device: str) -> Classifier:
    """The pack's model from ``folder`` on ``device`` (cpu, cuda, cuda:N). Raises :class:`PackUnfit`."""
    try:
        torch: Any = importlib.import_module("torch")
        library: Any = importlib.import_module("transformers")
    except ImportError:
        raise PackUnfit(f"{pack.file}: {EXTRA}") from None
    device = usable(pack, torch, device)
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    alone: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    spec = pack.spec
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config = library.AutoConfig.from_pretrained(str(folder), **alone)
            tokenizer = library.AutoTokenizer.from_pretrained(str(folder), use_fast=True, **alone)
            model, loading = getattr(library, _AUTO[spec.kind]).from_pretrained(
                str(folder),
                config=config,
                dtype=_dtype(torch, device, spec.precision),
                use_safetensors=True,
                output_loading_info=True,
                **alone,
            )
        model = model.to(device).eval()
    except Exception as error:
        # Whatever a stranger's files make the library raise; nobody's text has been read yet.
        raise pack.unfit(("model",), f"{folder} cannot be loaded: {_first(error)}") from None
    missing = sorted(loading["missing_keys"])
    if missing:
        raise pack.unfit(
            ("kind",) if "kind" in spec.model_fields_set else ("model",),
            f"the weights lack {', '.join(missing[:3])}: this is no {spec.kind} classifier that was trained; "
            "see kind, or give another model",
        )
    if device == "cpu":
        torch.set_num_threads(max(1, min(_THREADS, len(os.sched_getaffinity(0)))))
    types = "token_type_ids" in tokenizer.model_input_names
    found = Classifier(
        network=_Torch(torch, model, device, types=types),
        device=device,
        tokenizer=_fast(pack, tokenizer),
        labels=tuple(str(config.id2label[at]) for at in range(config.num_labels)),
        output=output_of(pack, config.problem_type, config.num_labels),
        longest=_longest(pack, config, tokenizer, _positions_apart(model)),
        pad=_padding(pack, config, tokenizer),
        parameters=sum(int(part.numel()) for part in model.parameters()),
        size=sum(int(part.numel() * part.element_size()) for part in model.parameters()),
    )
    _tried(pack, found)
    return found


def usable(pack: Pack, torch: Any, device: str) -> str:
    """The device; where there is no such card, the CPU, unless the pack itself asks for it. Raises :class:`PackUnfit`."""
    if not device.startswith("cuda"):
        return device
    card = int(device.partition(":")[2] or 0)
    if torch.cuda.is_available() and card < torch.cuda.device_count():
        return device
    if pack.spec.device is not None:
        raise pack.unfit(
            ("device",), f"there is no card {device} that torch can use; leave device out, or write device: cpu"
        )
    _log.error("there is no card that torch can use; the CPU runs the pack's model", extra={"detector": pack.name})
    return "cpu"


def _dtype(torch: Any, device: str, precision: str | None) -> Any:
    if precision is not None:
        return getattr(torch, precision)
    if not device.startswith("cuda"):
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _fast(pack: Pack, tokenizer: Any) -> Any:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise pack.unfit(("model",), "the model has no tokenizer.json; save its fast tokenizer with save_pretrained")
    backend.no_padding()
    backend.no_truncation()
    return backend


def _positions_apart(model: Any) -> int:
    """Positions that no token has: RoBERTa and its kin number theirs from after the padding token's, BERT from 0."""
    tables = [part for name, part in model.named_modules() if name.endswith("position_embeddings")]
    return max(
        (int(table.padding_idx) + 1 for table in tables if getattr(table, "padding_idx", None) is not None), default=0
    )


def _longest(pack: Pack, config: Any, tokenizer: Any, apart: int) -> int:
    """Tokens of a frame: what the pack says, and what the model has positions for, ``apart`` of which no token has."""
    limits = [int(tokenizer.model_max_length)] if tokenizer.model_max_length < _ENDLESS else []
    positions = getattr(config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > apart:
        limits.append(positions - apart)
    most = min(limits, default=_LONGEST)
    asked = pack.spec.max_tokens
    if asked is not None and asked > most:
        raise pack.unfit(("max_tokens",), f"the model reads {most} tokens at most, not {asked}")
    return asked or min(most, _LONGEST)


def _padding(pack: Pack, config: Any, tokenizer: Any) -> int:
    found = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else config.pad_token_id
    if found is None:
        raise pack.unfit(("model",), "the tokenizer has no padding token; name one in its tokenizer_config.json")
    return int(found)


def _tried(pack: Pack, found: Classifier) -> None:
    """Runs the model once, at its longest, so that what does not work is told now and not at somebody's turn."""
    encoded: list[int] = found.tokenizer.encode("hello").ids
    ids = np.full((2, found.longest), found.pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    ids[0, : len(encoded)], mask[0, : len(encoded)] = encoded, 1
    ids[1], mask[1] = (encoded * found.longest)[: found.longest], 1
    try:
        logits = found.network.run(ids, mask, np.zeros_like(ids))
    except Exception as error:
        raise pack.unfit(("model",), f"the model fails at {found.longest} tokens: {_first(error)}; see max_tokens") from None
    shape = (2, len(found.labels)) if pack.spec.kind == "sequence" else (2, found.longest, len(found.labels))
    if logits.shape != shape or not np.isfinite(logits).all():
        raise pack.unfit(("model",), f"the model gives {logits.shape} numbers where {shape} finite ones are wanted")


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
