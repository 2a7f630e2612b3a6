"""The training loop: masked losses, checkpoints that resume, and a log of what was done."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from detectors.encoder.backend import Logits
from detectors.encoder.framing import Frame, Framer
from detectors.encoder.heads import EMOTION_HEADS, HEADS, LEVELS, OUTPUTS
from detectors.encoder.network import Network
from detectors.evaluation.measures import Ranking, area_under_roc
from detectors.signals import SIGNALS, Side
from detectors.training.batches import Batch, Drawing, by_length, highest, positive_weights
from detectors.training.errors import RunUnfit
from detectors.training.example import Example
from detectors.training.served import Bag, answered, bags

__all__ = ["MIXTURE", "ON_CARD", "Plan", "Trainer", "infer", "load_weights", "midway", "save_weights"]

MIXTURE: Final[Mapping[str, float]] = {
    "corpus": 1.0,
    "goemotions": 0.06,
    "goemotions/2": 1.0,
    "sad": 0.1,
    "spiral_bench": 0.06,
    "schizobench": 0.05,
    "counselchat": 0.1,
    "topical_chat": 0.1,
    "synthetic_persona_chat": 0.08,
    "hypo": 0.3,
    "ailuminate_demo": 0.3,
    "darkbench": 0.4,
}
"""How much of each source an epoch draws by default: about as much of the corpus as of all the others."""


_LOOK_SECONDS: Final = 60.0  # between two looks at the validation split, which an epoch on a card may not take


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. ``minutes``: it ends by then, the learning rate fallen to nothing, however many epochs that makes.
    ``words``: word embeddings are trained as well. ``preceded``: the share of messages that are put after somebody else's
    talk, as :class:`~detectors.training.batches.Drawing` does. ``workers``: processes that make batches."""

    seed: int = 1
    epochs: int = 4
    minutes: float | None = None
    size: int = 32
    rate: float = 1e-4
    head_rate: float = 1e-3
    warmup: float = 0.06
    decay: float = 0.01
    mixture: Mapping[str, float] = field(default_factory=lambda: dict(MIXTURE))
    checkpoint_seconds: float = 180.0
    threads: int | None = None
    bf16: bool = False
    words: bool = False
    preceded: float = 0.15
    workers: int = 1


ON_CARD: Final = Plan(
    size=256,
    rate=1.5e-4,
    head_rate=1.5e-3,
    mixture={**MIXTURE, "goemotions": 0.4},
    bf16=True,
    words=True,
    workers=max(1, (os.cpu_count() or 1) - 2),
)
"""What a CUDA card has the time for."""


def infer(network: Network, framer: Framer, made: Sequence[Sequence[Bag]], *, size: int = 64, device: str = "cpu") -> Logits:
    """Logits of each example's bags, ``[examples, outputs]``, without dropout and augmentation: as they are served, but for
    the mean of a reply's passages and its whole, which is taken before calibration and not after it."""
    network.eval()

    def answer(frames: Sequence[Frame]) -> Logits:
        found = np.empty((len(frames), len(OUTPUTS)), dtype=np.float32)
        with torch.inference_mode():
            for places, inputs in by_length(frames, framer.pad, size=size, device=device):
                found[places] = network(*inputs).float().cpu().numpy()
        return found

    return answered(made, answer).together


class Trainer:
    """Trains one network by one plan; what it does stands in ``folder``: checkpoint.pt, best.pt, log.jsonl."""

    def __init__(
        self,
        network: Network,
        framer: Framer,
        train: Sequence[Example],
        validation: Sequence[Example],
        plan: Plan,
        folder: Path,
        *,
        device: str = "cpu",
    ) -> None:
        self._network = network.to(device)
        self._framer, self._validation = framer, validation
        self._asked = [bags(example, framer) for example in validation]
        self._plan, self._folder, self._device = plan, folder, device
        folder.mkdir(parents=True, exist_ok=True)
        if plan.threads:
            torch.set_num_threads(plan.threads)
        self._positive = positive_weights(train, plan.mixture).to(device)
        network.bert.embeddings.word_embeddings.weight.requires_grad_(plan.words)
        encoder = {id(p) for p in network.bert.parameters()}
        groups = [
            {"params": [p for p in network.parameters() if p.requires_grad and id(p) in encoder], "lr": plan.rate},
            {"params": [p for p in network.parameters() if p.requires_grad and id(p) not in encoder], "lr": plan.head_rate},
        ]
        self._optimizer = torch.optim.AdamW(groups, weight_decay=plan.decay, fused=True)
        self._bases = [plan.rate, plan.head_rate]
        self._drawing = Drawing(train, framer, plan.mixture, seed=plan.seed, size=plan.size, preceded=plan.preceded)
        self._examples = len(train)
        self._steps = 0
        self._elapsed = 0.0

    # ---- what is kept

    def resume(self) -> None:
        """Goes on from the folder's checkpoint. Raises :class:`RunUnfit` where there is none, or of another plan."""
        path = self._folder / "checkpoint.pt"
        if not path.is_file():
            raise RunUnfit(f"{path} is not there; start the run without --resume")
        state = torch.load(path, map_location=self._device, weights_only=True)
        mine = json.loads(json.dumps(asdict(self._plan)))
        ends = {"epochs", "minutes", "threads", "checkpoint_seconds", "workers"}
        differing = sorted(k for k in mine if k not in ends and mine[k] != json.loads(state["plan"]).get(k))
        if differing or state["examples"] != self._examples:
            what = ", ".join(differing) or "the training examples"
            raise RunUnfit(f"{path} is of a run that differs in {what}; give the same, or start anew in another folder")
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._steps, self._elapsed = state["steps"], state["elapsed"]
        torch.set_rng_state(state["random"].cpu())

    def _keep(self) -> None:
        state = {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "plan": json.dumps(asdict(self._plan)),
            "examples": self._examples,
            "steps": self._steps,
            "elapsed": self._elapsed,
            "random": torch.get_rng_state(),
        }
        _save(state, self._folder / "checkpoint.pt")

    def _log(self, entry: Mapping[str, Any]) -> None:
        with (self._folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    # ---- training

    def run(self) -> dict[str, float]:
        """Trains to the plan's end; returns the last validation. The network then holds its last state."""
        plan = self._plan
        self._log({"event": "start", "plan": asdict(plan), "train": self._examples, "steps": self._steps})
        began, kept = time.monotonic() - self._elapsed, time.monotonic()
        looked = kept
        losses: list[Tensor] = []
        self._network.train()
        with closing(self._drawing.batches(start=self._steps, workers=plan.workers)) as batches:
            while self._progress() < 1.0:
                losses.append(self._learn(next(batches)))
                self._steps += 1
                self._elapsed = time.monotonic() - began
                if time.monotonic() - kept > plan.checkpoint_seconds:
                    self._keep()
                    loss = round(float(torch.stack(losses).mean()), 5)
                    self._log({"event": "step", "steps": self._steps, "minutes": self._minutes(), "loss": loss})
                    losses.clear()
                    kept = time.monotonic()
                if self._steps % self._drawing.steps == 0 and time.monotonic() - looked > _LOOK_SECONDS:
                    self._look()
                    looked = time.monotonic()
        found = self._look()
        self._keep()
        save_weights(self._network, self._folder / "network.pt")
        self._log({"event": "end", "steps": self._steps, "minutes": self._minutes()})
        return found

    def _look(self) -> dict[str, float]:
        found = self.validate()
        epochs = round(self._steps / self._drawing.steps, 2)
        self._log({"event": "look", "epochs": epochs, "steps": self._steps, "minutes": self._minutes(), **found})
        self._network.train()
        return found

    def _minutes(self) -> float:
        return round(self._elapsed / 60, 2)

    def _progress(self) -> float:
        by_steps = self._steps / (self._drawing.steps * self._plan.epochs)
        by_time = self._elapsed / 60 / self._plan.minutes if self._plan.minutes else 0.0
        return max(by_steps, by_time)

    def _there(self, part: NDArray[Any]) -> Tensor:
        return torch.from_numpy(part).to(self._device, non_blocking=True)

    def _learn(self, batch: Batch) -> Tensor:
        progress = self._progress()
        rising = min(1.0, progress / self._plan.warmup) if self._plan.warmup else 1.0
        scale = max(rising if progress < self._plan.warmup else (1 - progress) / (1 - self._plan.warmup), 0.01)
        for group, base in zip(self._optimizer.param_groups, self._bases, strict=True):
            group["lr"] = base * scale
        with self._autocast():
            logits = self._network(
                self._there(batch.input_ids), self._there(batch.attention_mask), self._there(batch.token_type_ids)
            ).float()
        logits = highest(logits, self._there(batch.owner), len(batch.labels))
        loss = self._loss(logits, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def _autocast(self) -> AbstractContextManager[Any]:
        if not self._plan.bf16:
            return nullcontext()
        cast: AbstractContextManager[Any] = torch.autocast(torch.device(self._device).type, torch.bfloat16)
        return cast

    def _loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Binary cross-entropy where a label is known, plus the class of recency where that is."""
        heads = logits[:, : len(HEADS)]
        labels, weights = self._there(batch.labels), self._there(batch.weights)
        each = nn.functional.binary_cross_entropy_with_logits(heads, labels, reduction="none", pos_weight=self._positive)
        loss = (each * weights).sum() / batch.examples
        if (batch.recency >= 0).any():
            recency = self._there(batch.recency)
            loss = loss + nn.functional.cross_entropy(logits[:, len(HEADS) :], recency, ignore_index=-100)
        return loss

    def validate(self) -> dict[str, float]:
        """AUROC on the validation split by signal, where there are 10 of each, and their mean."""
        logits = infer(self._network, self._framer, self._asked, device=self._device)
        found: dict[str, float] = {}
        for at, name in enumerate(HEADS):
            known = np.array([example.labels.get(name, math.nan) for example in self._validation])
            inside = ~np.isnan(known)
            labels = (known[inside] >= 0.5).astype(np.float64)
            if min(labels.sum(), (1 - labels).sum()) >= 10:
                found[name] = round(area_under_roc(Ranking(labels, logits[inside, at].astype(np.float64)).curve()), 4)
        return {"mean": round(float(np.mean(list(found.values()))), 4) if found else math.nan, **found}


def save_weights(network: Network, path: Path) -> None:
    """The network's weights with the names of its outputs."""
    _save({"network": network.state_dict(), "outputs": list(OUTPUTS)}, path)


def load_weights(network: Network, path: Path) -> None:
    """Weights of an earlier run, outputs matched by name; an output that it did not have keeps its fresh ones, and emotions
    start from the trunk that they shared with a person's turn where they had none of their own.

    Raises :class:`RunUnfit`.
    """
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        state, outputs = saved["network"], list(saved["outputs"])
        shared = "emotion_heads.weight" not in state
        own = network.state_dict()
        had = {
            name: (layer, row) for layer, names in _rows(outputs, shared=shared).items() for row, name in enumerate(names)
        }
        found = dict(state)
        for layer, names in _rows(OUTPUTS).items():
            for part in ("weight", "bias"):
                rows = own[f"{layer}.{part}"].clone()
                for row, name in enumerate(names):
                    if name in had:
                        before, at = had[name]
                        rows[row] = state[f"{before}.{part}"][at]
                found[f"{layer}.{part}"] = rows
        if shared:
            found |= {f"emotion.0.{part}": state[f"user.0.{part}"] for part in ("weight", "bias")}
        network.load_state_dict(found)
    except (OSError, KeyError, TypeError, RuntimeError) as error:
        raise RunUnfit(f"{path} holds no weights of this network ({error}); give a network.pt of this release") from None


def midway(network: Network, start: Network) -> None:
    """Moves ``network`` into the middle between ``start`` and itself (Wortsman et al. 2022): what a short run on part of the
    data taught stays, and less of what was known before is lost."""
    begun = start.state_dict()
    mean = {name: (value + begun[name].to(value.device)) / 2 for name, value in network.state_dict().items()}
    network.load_state_dict(mean)


def _rows(outputs: Sequence[str], *, shared: bool = False) -> dict[str, list[str]]:
    """Which output each row of the last layers makes. ``shared``: emotions stand among a person's."""
    emotions = [] if shared else [name for name in outputs if name in EMOTION_HEADS]
    replies = [name for name in outputs if name in SIGNALS and SIGNALS[name].side is Side.REPLY]
    apart = {*LEVELS, *emotions, *replies}
    rows = {"user_heads": [name for name in outputs if name not in apart], "reply_heads": replies}
    return rows if shared else {**rows, "emotion_heads": emotions}


def _save(state: Any, path: Path) -> None:
    """Written beside and moved into place: a run that is killed leaves the checkpoint before."""
    half = path.with_name(f".{path.name}")
    torch.save(state, half)
    half.replace(path)
