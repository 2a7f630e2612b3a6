"""From which value on the installed model counts a signal as there."""

from __future__ import annotations

from collections.abc import Mapping

from detectors.encoder.errors import ModelUnfit
from detectors.encoder.manifest import read_manifest, shipped

__all__ = ["thresholds_of"]


def thresholds_of(model: str) -> Mapping[str, float]:
    """The thresholds of the installed model by signal; none where another one (``name@version``) scored."""
    folder = shipped()
    if folder is None:
        return {}
    try:
        manifest = read_manifest(folder, check=False)
    except ModelUnfit:
        return {}
    return {name: head.threshold for name, head in manifest.heads.items()} if manifest.model == model else {}
