"""Where the files of a model are: a folder, or the hub's cache. Nothing is downloaded unless that is allowed."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import Any, Final

from detectors.external.errors import ModelAbsent, PackUnfit
from detectors.external.pack import Pack

__all__ = ["EXTRA", "compare", "digest", "locate", "present"]

EXTRA: Final = "other people's models need the extra torch: pip install 'handrail[torch]'"

_READ: Final = 1 << 20
_NAMES: Final = ("*.json", "*.safetensors", "*.txt", "*.model")
_ETAG_SECONDS: Final = 10.0


def locate(pack: Pack, *, downloads: bool = False) -> Path:
    """The folder of the pack's model, which holds config.json and weights as safetensors, and has the pack's digest where
    that gives one. ``downloads``: whether it may be fetched from the hub. Raises :class:`PackUnfit`."""
    folder = present(pack, downloads=downloads)
    compare(pack, folder)
    return folder


def present(pack: Pack, *, downloads: bool = False) -> Path:
    """:func:`locate` without reading the weights: whether they are those of the pack's digest is left open. Raises
    :class:`PackUnfit`, and :class:`~detectors.external.errors.ModelAbsent` for a hub model that is not here."""
    source = pack.spec.model
    folder = _cached(pack, source.hub, downloads) if source.hub is not None else _own(pack)
    if not (folder / "config.json").is_file():
        raise pack.unfit(("model",), f"{folder} holds no config.json; give the folder of a model of transformers")
    if not any(folder.glob("*.safetensors")):
        pickles = sorted(path.name for path in (*folder.glob("*.bin"), *folder.glob("*.pt")))
        only = f", only {', '.join(pickles[:3])}, which may run code when it is read" if pickles else ""
        raise pack.unfit(
            ("model",),
            f"{folder} holds no *.safetensors{only}; save the model with save_pretrained, or pin a revision that has them",
        )
    return folder


def compare(pack: Pack, folder: Path) -> None:
    """Reads all of the model's files where the pack gives a digest or must give one. Raises :class:`PackUnfit` where they
    are not its own."""
    source = pack.spec.model
    found = digest(folder) if source.sha256 is not None or source.folder is not None else None
    if found != source.sha256:
        given = "sha256 is missing" if source.sha256 is None else "the files are not those that sha256 speaks of"
        raise pack.unfit(("model", "sha256"), f"{given}; if {folder} is the model that you mean, write: sha256: {found}")


def digest(folder: Path) -> str:
    """The SHA-256 of the folder's files that a score can depend on, by name and content, in hexadecimal."""
    whole = hashlib.sha256()
    for path in sorted({path for pattern in _NAMES for path in folder.glob(pattern) if path.is_file()}):
        own = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_READ):
                own.update(block)
        whole.update(f"{path.name}\0{own.hexdigest()}\n".encode())
    return whole.hexdigest()


def _own(pack: Pack) -> Path:
    folder = (pack.file.parent / Path(str(pack.spec.model.folder)).expanduser()).absolute()
    if not folder.is_dir():
        raise pack.unfit(("model", "folder"), f"there is no folder {folder}; a path starts from the pack's own folder")
    return folder


def _cached(pack: Pack, hub: str, downloads: bool) -> Path:
    try:
        library: Any = importlib.import_module("huggingface_hub")
        errors: Any = importlib.import_module("huggingface_hub.errors")
    except ImportError:
        raise PackUnfit(f"{pack.file}: {EXTRA}") from None
    revision = pack.spec.model.revision
    try:
        found = library.snapshot_download(
            hub,
            revision=revision,
            local_files_only=not downloads,
            allow_patterns=list(_NAMES),
            etag_timeout=_ETAG_SECONDS,
        )
    except errors.LocalEntryNotFoundError:
        if downloads:
            raise pack.unfit(("model", "hub"), f"{hub} could not be fetched; is the hub reachable from here?") from None
        raise pack.unfit(
            ("model", "hub"),
            f"{hub} at {revision} is not on this machine, and nothing is downloaded unasked; fetch it once with: handrail "
            f"model check {pack.file} --download (or set HANDRAIL_ALLOW_DOWNLOADS=true)",
            ModelAbsent,
        ) from None
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError, ValueError) as error:
        raise pack.unfit(("model", "hub"), f"{hub} at {revision} could not be fetched: {_first(error)}") from None
    return Path(str(found))


def _first(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
