"""Who answers what: the installed model's manifest and the lexicon tier, signal by signal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detectors.contract import Item
from detectors.encoder.manifest import read_manifest, shipped
from detectors.signals import VOCABULARY_VERSION, Kind, Side, vocabulary

__all__ = ["card"]


def card(folder: Path | None = None, packs: Sequence[str | Path] = ()) -> dict[str, Any]:
    """``name``, ``version``, ``vocabulary``, ``sources`` and ``signals``: of each its ``threshold``, ``ece`` and ``tier``.

    ``tier`` is ``full``, ``lexicon`` or ``missing``; only the model's signals have a threshold and a calibration error. What
    a pack answers in the model's stead, or alone, has the pack's threshold.
    ``folder``: a model's; by default the installed one, and without any the lexicon alone. ``packs``: of other people's
    models; then there is ``external``, one entry a pack with its ``name``, ``model``, ``licence``, ``languages`` and
    ``signals`` (of each its ``use``, ``threshold`` and whether it is ``calibrated``). Raises
    :class:`~detectors.encoder.errors.ModelUnfit` and :class:`~detectors.external.errors.PackUnfit`.
    """
    from detectors.lexicon import LexiconScorer

    folder = folder or shipped()
    manifest = read_manifest(folder) if folder is not None else None
    lexicon = LexiconScorer()
    signals: dict[str, dict[str, Any]] = {}
    name, version = "lexicon", "0"
    for side in (Side.USER, Side.REPLY):
        words = lexicon.score_one(Item(side, "hello there", question=2 if side is Side.USER else None, whole=True))
        name, _, version = words.model.partition("@")
        known = {signal for signal, _ in words.answered()}
        for signal in vocabulary(side):
            head = manifest.heads.get(signal.name) if manifest is not None else None
            by_model = head is not None or (signal.kind is Kind.LEVEL and manifest is not None)
            signals[signal.name] = {
                "threshold": head.threshold if head is not None else None,
                "ece": head.ece if head is not None else None,
                "tier": "full" if by_model else "lexicon" if signal.name in known else "missing",
            }
    found = {
        "name": manifest.name if manifest is not None else name,
        "version": manifest.version if manifest is not None else version,
        "vocabulary": VOCABULARY_VERSION,
        "sources": [dict(source) for source in manifest.sources] if manifest is not None else [],
        "signals": signals,
        "bands": {name: dict(head.bands) for name, head in manifest.heads.items()} if manifest is not None else {},
    }
    if not packs:
        return found
    external = _external(packs)
    for pack in external:
        for signal, mapped in pack["signals"].items():
            own = signals[signal]
            if own["tier"] != "full" or mapped["use"] == "replace":
                own |= {"threshold": mapped["threshold"], "ece": None, "tier": "full"}
    return found | {"external": external}


def _external(packs: Sequence[str | Path]) -> list[dict[str, Any]]:
    from detectors.external.tiers import read_packs

    return [
        {
            "name": pack.name,
            "model": pack.spec.model.hub or pack.spec.model.folder,
            "revision": pack.spec.model.revision or pack.spec.model.sha256,
            "licence": pack.spec.licence,
            "languages": list(pack.spec.languages),
            "signals": {
                name: {
                    "use": pack.spec.use_of(name).value,
                    "threshold": mapped.threshold,
                    "calibrated": mapped.calibration is not None,
                }
                for name, mapped in pack.spec.signals.items()
            },
        }
        for pack in read_packs(packs)
    ]
