"""From which value on the installed model counts a signal as there."""

from __future__ import annotations

from collections.abc import Mapping

from detectors.encoder.errors import ModelUnfit
from detectors.encoder.manifest import Manifest, read_manifest, shipped

__all__ = ["shipped_model", "thresholds_of"]


def thresholds_of(model: str) -> Mapping[str, float]:
    """The thresholds of the installed model by signal; none where another one (``name@version``) scored."""
    manifest = _installed()
    if manifest is None or manifest.model != model:
        return {}
    return {name: head.threshold for name, head in manifest.heads.items()}


def shipped_model() -> str | None:
    """``name@version`` of the installed model; ``None`` where there is none, or none that can be read."""
    manifest = _installed()
    return manifest.model if manifest is not None else None


def _installed() -> Manifest | None:
    folder = shipped()
    try:
        return read_manifest(folder, check=False) if folder is not None else None
    except ModelUnfit:
        return None
