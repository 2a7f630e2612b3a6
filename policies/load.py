"""Loads policies: a pack by its name or a file by its path, with all that it extends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final

from policies.assemble import Assembly, Document, assemble, read_document
from policies.compilation import compile_plan
from policies.errors import Fault, PolicyInvalid
from policies.expression.names import nearest
from policies.policy import Policy
from policies.source import LARGEST, Source, Value, read

__all__ = ["Examined", "examine", "load_policy", "pack_names"]

_FURTHEST: Final = 6  # how long a chain of `extends` may be


@dataclass(slots=True)
class Examined:
    """What came of one file. ``policy`` is ``None`` where it has a fault that keeps it from being used. ``sources``: every
    file that was read, by name; ``documents``: the file's own last, its parents before it."""

    file: str
    policy: Policy | None
    faults: tuple[Fault, ...]
    sources: Mapping[str, Source]
    assembly: Assembly
    own: Document | None = field(default=None, repr=False)


def pack_names() -> tuple[str, ...]:
    """The packs that are shipped, in alphabetical order."""
    folder = files("policies.packs")
    return tuple(sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".yaml")))


def _looks_like_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) or "/" in name or "\\" in name


class _Library:
    """Reads each file once and follows ``extends``."""

    def __init__(self, calibrated: Mapping[str, float] | None) -> None:
        self.sources: dict[str, Source] = {}
        self.documents: dict[str, Document] = {}  # parents before children
        self._calibrated = calibrated

    def open(self, file: str, text: str, folder: Path | None, chain: tuple[str, ...] = ()) -> Document:
        source = read(file, text)
        self.sources[file] = source
        document = read_document(source, self._calibrated)
        for value in document.extends:
            parent = self._parent(source, value, folder, (*chain, file))
            if parent is not None and parent.name not in document.parents:
                document.parents.append(parent.name)
        self.documents[file] = document
        return document

    def _parent(self, source: Source, value: Value, folder: Path | None, chain: tuple[str, ...]) -> Document | None:
        name = str(value.data)
        if _looks_like_file(name):
            path = (folder or Path()) / name
            file, found = str(path), _text_of(path)
            where: Path | None = path.parent
        else:
            file, found, where = _pack(name, folder)
        if found is None:
            hint = nearest(name, pack_names())
            source.fault(value, "unknown-pack", f"there is no pack {name!r} to extend", hint)
            return None
        if file in chain:
            source.fault(value, "circle", f"{name!r} extends itself in a circle: {' > '.join((*chain, file))}")
            return None
        if len(chain) >= _FURTHEST:
            source.fault(value, "too-deep", f"a chain of more than {_FURTHEST} packs; extend fewer")
            return None
        if file in self.documents:
            return self.documents[file]
        return self.open(file, found, where, chain)


def _text_of(path: Path) -> str | None:
    try:
        if not path.is_file() or path.stat().st_size > 4 * LARGEST:
            return None
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return None


def _pack(name: str, folder: Path | None) -> tuple[str, str | None, Path | None]:
    """A pack's file: the shipped one, else one of that name beside the file that extends it."""
    resource = files("policies.packs") / f"{name}.yaml"
    if name in pack_names():
        return f"{name}.yaml", resource.read_text("utf-8"), folder
    beside = (folder or Path()) / f"{name}.yaml"
    return str(beside), _text_of(beside), beside.parent


def examine(name: str, text: str, *, folder: Path | None = None, calibrated: Mapping[str, float] | None = None) -> Examined:
    """Reads a policy from ``text`` and finds everything that keeps it from being used. Never raises.

    ``name``: what its faults are reported under. ``folder``: where files that it extends are looked for. ``calibrated``:
    values for thresholds that say ``calibrated``, by ``SIGNAL.watch`` and so on; ``None`` where they are not to be resolved.
    """
    library = _Library(calibrated)
    own = library.open(name, text, folder)
    assembly = assemble(list(library.documents.values()), own)
    faults = [fault for source in library.sources.values() for fault in source.faults]
    order = {file: at for at, file in enumerate([name, *(file for file in library.sources if file != name)])}
    faults.sort(key=lambda fault: (order[fault.file], fault.line, fault.column, fault.code))
    policy = None if faults else _policy(assembly, own)
    return Examined(name, policy, tuple(dict.fromkeys(faults)), library.sources, assembly, own)


def _policy(assembly: Assembly, own: Document) -> Policy:
    canonical = assembly.canonical()
    digest = hashlib.sha256(json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    plan, reads = compile_plan(assembly.bands, assembly.rules, assembly.exceptions)
    return Policy(
        name=own.name,
        hash=digest.hexdigest(),
        vocabulary=own.vocabulary,
        parents=tuple(own.parents),
        bands=assembly.bands,
        rules=assembly.rules,
        exceptions=assembly.exceptions,
        tests=tuple(own.tests),
        reads=reads,
        off=assembly.off,
        source=MappingProxyType(canonical),
        plan=plan,
    )


def load_policy(name: str | Path, *, calibrated: Mapping[str, float] | None = None, folder: Path | None = None) -> Policy:
    """The policy of a pack's name or of a file, ready for :func:`policies.decide.decide`.

    ``calibrated``: the model's own thresholds, by ``SIGNAL.watch``, ``SIGNAL.elevated``, ``SIGNAL.high`` and
    ``SIGNAL.release``, for bands that say ``calibrated``. ``folder``: where a relative path starts.

    :raises PolicyInvalid: there is no such policy, or it has faults; it carries every one.
    """
    given = str(name)
    if not isinstance(name, Path) and not _looks_like_file(given) and given in pack_names():
        file, text = f"{given}.yaml", (files("policies.packs") / f"{given}.yaml").read_text("utf-8")
        base: Path | None = None
    else:
        path = (folder or Path()) / given
        found = _text_of(path)
        if found is None:
            hint = nearest(given, pack_names()) or f"shipped packs: {', '.join(pack_names())}"
            raise PolicyInvalid([Fault(given, 1, 1, "unknown-policy", f"there is no policy {given!r} to load", hint)])
        file, text, base = given, found, path.parent
    examined = examine(file, text, folder=base, calibrated=calibrated or {})
    if examined.policy is None:
        raise PolicyInvalid(examined.faults)
    return examined.policy
