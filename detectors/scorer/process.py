"""The scorer process: its socket, its life and its end."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
import signal
import socket
import stat
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from detectors.contract import Item
from detectors.encoder.devices import Device, is_remote, placed
from detectors.scorer.batches import Bounds
from detectors.scorer.errors import ScorerRunning, SocketUnfit
from detectors.scorer.searches import Redacts, redactor
from detectors.scorer.server import Server
from detectors.scorer.tiers import Stack, Tier
from detectors.signals import Scores, Side

__all__ = ["LexiconTier", "claim_socket", "run", "run_stack", "serve", "stack_for", "tiers_for"]

_log = logging.getLogger(__name__)

_LONGEST_PATH: Final = 107  # bytes of sun_path, without its closing zero
_PARENT_SECONDS: Final = 0.5
_SWITCH_SECONDS: Final = 0.0005  # how soon the loop gets the interpreter back from the tiers' thread


class LexiconTier:
    """The lexicon as the lowest tier."""

    def __init__(self) -> None:
        from detectors.lexicon import LexiconScorer

        self._lexicon = LexiconScorer()
        self._read: tuple[Sequence[Item], list[Scores]] | None = None
        self.name = self._lexicon.score_one(Item(Side.USER, "")).model

    def score(self, batch: Sequence[Item]) -> list[Scores]:
        """See :class:`~detectors.scorer.tiers.Tier`."""
        read, self._read = self._read, None
        if read is not None and read[0] is batch:
            return read[1]
        return [self._lexicon.score_one(item) for item in batch]

    def words(self, batch: Sequence[Item]) -> list[dict[str, float]]:
        """What it says of each item, for a tier above; asked for the same batch next, it does not read it again."""
        scores = [self._lexicon.score_one(item) for item in batch]
        self._read = (batch, scores)
        return [dict(own.answered()) for own in scores]

    def weigh(self, text: str, side: Side) -> float:
        """The highest probability of any risk or harm in ``text``: how much it asks to be read by a tier above."""
        found = self._lexicon.score_one(Item(side, text)).answered()
        risks = (value for name, value in found if name.startswith(("risk.", "harm.")) and name != "risk.suicide_level")
        return max(risks, default=0.0)


def tiers_for(
    device: Device | str, *, model: bool = True, packs: Sequence[str | Path] = (), downloads: bool = False
) -> list[Tier]:
    """What scores on ``device``, the highest tier first.

    The model, where it is wanted and the installation carries one, then other people's models by their ``packs``, above the
    lexicon. ``downloads``: whether those may be fetched. Raises :class:`~detectors.encoder.errors.ModelUnfit` for weights
    that are there and cannot be served, and :class:`~detectors.external.errors.PackUnfit`: half an installation is told, not
    hidden.
    """
    from detectors.encoder.manifest import shipped

    lexicon = LexiconTier()
    folder = shipped() if model else None
    tiers: list[Tier] = []
    if folder is not None:
        from detectors.encoder.tier import ModelTier

        tiers.append(ModelTier.load(folder, device, weigh=lexicon.weigh, words=lexicon.words))
    if packs:
        from detectors.external.tiers import external_tiers

        # A model server has our model alone.
        here = placed(Device.of(device).name)
        tiers.extend(external_tiers(packs, "cpu" if is_remote(here) else here, downloads=downloads, weigh=lexicon.weigh))
    return [*tiers, lexicon]


def stack_for(
    device: Device | str, *, model: bool = True, packs: Sequence[str | Path] = (), downloads: bool = False
) -> Stack:
    """All of it with the language identifier: what the scorer process serves, for a program that scores by itself. See
    :func:`tiers_for`."""
    from detectors.language import identify

    return Stack(tiers_for(device, model=model, packs=packs, downloads=downloads), identify)


@contextmanager
def claim_socket(path: Path) -> Iterator[socket.socket]:
    """A bound Unix socket of mode 0600 in a folder of mode 0700, ours alone; both it and its lock are gone afterwards.

    A socket that a killed scorer left is removed. Raises :class:`ScorerRunning` where a live scorer holds it, and
    :class:`SocketUnfit` where the path is too long or the folder is open to others.
    """
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise SocketUnfit(f"the socket's path {path} has over {_LONGEST_PATH} bytes; use a folder with a shorter path")
    folder = path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if folder.stat().st_uid != os.geteuid() or mode & 0o077:
        raise SocketUnfit(
            f"the socket's folder {folder} has mode {mode:04o} or another owner; it must be yours alone: chmod 700 it, or "
            "give another folder"
        )
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ScorerRunning(f"a scorer runs on {path} already; stop it first or give another path") from None
        if _answers(path):
            raise ScorerRunning(f"something listens on {path} already; stop it first or give another path")
        with suppress(FileNotFoundError):
            path.unlink()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            listening.bind(str(path))
        finally:
            os.umask(mask)
        path.chmod(0o600)
        mine = _identity(path)
        try:
            yield listening
        finally:
            listening.close()
            with suppress(FileNotFoundError):
                if _identity(path) == mine:
                    path.unlink()
    finally:
        os.close(lock)  # the file stays: to remove a lock is to let two hold it


def _identity(path: Path) -> tuple[int, int, int]:
    """Which file this is; an inode's number alone comes again."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


async def serve(
    stack: Stack,
    socket_path: Path,
    *,
    bounds: Bounds | None = None,
    parent: int | None = None,
    drain_seconds: float = 5.0,
    stop: asyncio.Event | None = None,
    redactor: Callable[[], Redacts] | None = None,
) -> bool:
    """Serves until ``stop`` is set, SIGTERM or SIGINT comes, or ``parent`` is no longer this process's parent.

    A signal drains: what was asked is answered within ``drain_seconds``. A dead parent ends it at once. False
    where a tier is still busy with something that cannot be interrupted, so that only the process's end ends it.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    orphaned = False
    with claim_socket(socket_path) as listening:
        server = Server(stack, bounds, redactor=redactor)
        await server.start(listening)
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread: only ``stop`` ends it
                loop.add_signal_handler(number, stop.set)
        _log.info("the scorer serves", extra={"model": stack.model})
        while not stop.is_set() and not orphaned:
            with suppress(TimeoutError):
                async with asyncio.timeout(None if parent is None else _PARENT_SECONDS):
                    await stop.wait()
            orphaned = parent is not None and os.getppid() != parent
        await server.drain(0.0 if orphaned else drain_seconds)
        return not server.batches.stuck


def run(
    socket_path: str | Path,
    *,
    device: Device | str = "auto",
    model: bool = True,
    packs: Sequence[str | Path] = (),
    downloads: bool = False,
    parent_death: int | None = None,
    bounds: Bounds | None = None,
    drain_seconds: float = 5.0,
    spared: Callable[[], Collection[str]] = tuple,
) -> None:
    """Runs the scorer in this process until it is told to end. ``handrail scorer`` is this.

    ``model``: whether the model that is shipped scores above the lexicon. ``packs``: other people's models, which may be
    fetched where ``downloads`` says so. ``parent_death``: the process id of the supervisor; when that is no longer this
    process's parent, the scorer ends within a second. ``spared`` gives names and numbers that are nobody's and that a search
    for personal data leaves, such as those of crisis lines. Raises :class:`ScorerRunning` and :class:`SocketUnfit`.
    """
    run_stack(
        stack_for(device, model=model, packs=packs, downloads=downloads),
        socket_path,
        parent_death=parent_death,
        bounds=bounds,
        drain_seconds=drain_seconds,
        redactor=redactor(spared),
    )


def run_stack(
    stack: Stack,
    socket_path: str | Path,
    *,
    parent_death: int | None = None,
    bounds: Bounds | None = None,
    drain_seconds: float = 5.0,
    redactor: Callable[[], Redacts] | None = None,
) -> None:
    """:func:`run` with tiers, and what searches for personal data, of one's own."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    # What was loaded stays for good; the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    work = serve(
        stack, Path(socket_path), bounds=bounds, parent=parent_death, drain_seconds=drain_seconds, redactor=redactor
    )
    try:
        import uvloop
    except ImportError:
        clean = asyncio.run(work)
    else:
        clean = uvloop.run(work)
    if not clean:
        # An orderly end would wait for a library that may be inside a device's driver.
        logging.shutdown()
        os._exit(0)
