"""What `handrail doctor` says of the packs of other people's models. Loads no weights and fetches nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final

from guard.cli.finding import Finding, Grade
from guard.settings import Settings

if TYPE_CHECKING:
    from detectors.external.pack import Pack

__all__ = ["pack_findings", "unserved"]

_WHAT: Final = "packs"


def pack_findings(settings: Settings) -> Iterator[Finding]:
    """A line for each pack, more where there is something to mind. Nothing where no pack is set."""
    from detectors.external.errors import PackUnfit
    from detectors.external.pack import read_pack
    from detectors.external.tiers import read_packs

    sound = True
    for name in settings.packs:
        try:
            pack = read_pack(name)
        except PackUnfit as error:
            sound = False
            yield from _faults(error)
        else:
            yield from _inspected(pack, downloads=settings.allow_downloads)
    try:
        if sound:
            read_packs(settings.packs)
    except PackUnfit as error:
        yield from _faults(error)


def unserved(settings: Settings, tiers: Collection[str]) -> Iterator[Finding]:
    """Packs that are set and that the running scorer, whose tiers have these names, does not serve."""
    from detectors.external.errors import PackUnfit
    from detectors.external.tiers import read_packs

    try:
        names = [pack.name for pack in read_packs(settings.packs)]
    except PackUnfit:  # said already
        return
    for name in names:
        if name not in tiers:
            says = f"the scorer that runs does not serve {name}: it has read its packs when it started; start Handrail anew"
            yield Finding(Grade.NOTE, _WHAT, says)


def _inspected(pack: Pack, *, downloads: bool) -> Iterator[Finding]:
    from detectors.external.errors import ModelAbsent, PackUnfit
    from detectors.external.inspection import inspect

    try:
        found = inspect(pack)
    except ModelAbsent as error:
        if not downloads:
            yield from _faults(error)
            return
        says = (
            f"{pack.name}: {pack.spec.model.hub} at {pack.spec.model.revision} is not on this machine; the scorer fetches "
            "it when it starts (HANDRAIL_ALLOW_DOWNLOADS)"
        )
        yield Finding(Grade.NOTE, _WHAT, says)
        return
    except PackUnfit as error:
        yield from _faults(error)
        return
    size = f"{found.size / 2**20:,.0f} MiB"
    files = {
        True: f"its files are those of its sha256 ({size})",
        False: f"its files are there ({size}, too large to compare with its sha256 here)",
        None: f"its files are there ({size})",
    }[found.compared]
    signals = "1 signal" if found.signals == 1 else f"{found.signals} signals"
    says = (
        f"{found.name}: {found.model}; {files}; {signals} mapped to its {found.labels} labels; licence "
        f"{pack.spec.licence}; not measured by this project, and not loaded here: handrail model check does that"
    )
    yield Finding(Grade.GOOD, _WHAT, says)
    for mind in found.minds:
        yield Finding(Grade.NOTE, _WHAT, f"{found.name}: {mind}")


def _faults(error: Exception) -> Iterator[Finding]:
    """Every line that a pack's error has: one pack may be wrong in several places."""
    for line in str(error).splitlines():
        yield Finding(Grade.BAD, _WHAT, line)
