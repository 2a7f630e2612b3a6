"""All packs of an installation as tiers, in the order in which they are given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detectors.external.framing import Weigh
from detectors.external.pack import Pack, read_pack
from detectors.external.tier import ExternalTier

__all__ = ["external_tiers", "read_packs"]


def read_packs(packs: Sequence[str | Path]) -> list[Pack]:
    """The packs; opens no model. Raises :class:`~detectors.external.errors.PackUnfit`, also where two have one name."""
    found = [read_pack(pack) for pack in packs]
    seen: dict[str, Pack] = {}
    for pack in found:
        other = seen.setdefault(pack.spec.name, pack)
        if other is not pack:
            raise pack.unfit(("name",), f"{other.file} has the name {pack.spec.name!r} too; give each its own")
    return found


def external_tiers(
    packs: Sequence[str | Path], device: str, *, downloads: bool = False, weigh: Weigh | None = None
) -> list[ExternalTier]:
    """A tier for each pack; all packs are read before the first model is loaded. See :meth:`ExternalTier.load`."""
    return [ExternalTier.load(pack, device, downloads=downloads, weigh=weigh) for pack in read_packs(packs)]
