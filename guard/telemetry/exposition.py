"""The files that several processes' metrics live in, and how they are read as one."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from guard.errors import StartFailed

__all__ = ["VARIABLE", "expose", "prepare", "retire"]

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
_LOCK: Final = "lock"
_RETIRED: Final = 0  # no process ever has this id


def prepare(directory: Path) -> dict[str, str]:
    """Makes ``directory`` (mode 0700), empties it of an earlier run's metrics, and gives the variable for the children.

    The supervisor calls it once, before any child starts. Only metric files are removed. Raises
    :class:`~guard.errors.StartFailed` where the folder is a link or holds what is not ours.
    """
    if directory.is_symlink():
        raise StartFailed(f"the metrics folder {directory} is a link; remove it and start again")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    with _locked(directory, fcntl.LOCK_EX):
        for file in directory.glob("*.db"):
            file.unlink(missing_ok=True)
    return {VARIABLE: str(directory.absolute())}


def retire(directory: Path, pid: int) -> None:
    """Books a dead process off: its live gauges go, its counts and histograms are added to those of all the dead.

    The supervisor calls it when a child has ended, and a process of the worker's pool at its own end. Without it each
    restart would leave files behind for ever; with it a process that restarts all day costs a few kilobytes. Totals never
    go back.
    """
    with _locked(directory, fcntl.LOCK_EX):
        mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]
        for source in sorted(directory.glob(f"*_{pid}.db")):
            kind = source.name[: -len(f"_{pid}.db")]
            _fold(source, directory / f"{kind}_{_RETIRED}.db", latest=kind.startswith("gauge_"))
            source.unlink()


def expose(own: CollectorRegistry, directory: Path | None) -> tuple[bytes, str]:
    """The metrics as text and its content type: all processes' where there is a ``directory``, else ``own``."""
    registry = CollectorRegistry(auto_describe=False)
    if directory is None:
        registry.register(_Tidy(own.collect))
        return generate_latest(registry), CONTENT_TYPE_LATEST
    with _locked(directory, fcntl.LOCK_SH):
        # A file that its process has only just opened is still empty.
        files = [str(file) for file in sorted(directory.glob("*.db")) if file.stat().st_size > 0]
        merged: list[Metric] = list(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]
    registry.register(_Tidy(lambda: merged))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Tidy(Collector):
    """Leaves out what would mislead: creation times, and the zeros of an ``_info`` gauge that was true once."""

    def __init__(self, collect: object) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        assert callable(self._collect)  # noqa: S101
        for metric in sorted(self._collect(), key=lambda metric: str(metric.name)):
            metric.samples = [
                sample
                for sample in metric.samples
                if not sample.name.endswith("_created") and not (sample.name.endswith("_info") and sample.value == 0)
            ]
            yield metric


def _fold(source: Path, target: Path, *, latest: bool) -> None:
    try:
        entries = list(MmapedDict.read_all_values_from_file(str(source)))  # type: ignore[no-untyped-call]
    except (struct.error, RuntimeError):  # killed while it made the file, or while it wrote
        return
    kept = MmapedDict(str(target))  # type: ignore[no-untyped-call]
    try:
        for key, value, timestamp, _ in entries:
            before, when = kept.read_value(key)  # type: ignore[no-untyped-call]
            if latest:
                if timestamp >= when:
                    kept.write_value(key, value, timestamp)  # type: ignore[no-untyped-call]
            else:
                kept.write_value(key, before + value, 0.0)  # type: ignore[no-untyped-call]
    finally:
        kept.close()  # type: ignore[no-untyped-call]


@contextmanager
def _locked(directory: Path, how: int) -> Iterator[None]:
    """Keeps a reader from seeing a process's counts twice, or not at all, while they are folded."""
    handle = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)
