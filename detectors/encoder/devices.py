"""Where the network runs: what a device may be called, and the backend for it. Imports nothing heavy."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from detectors.encoder.errors import DeviceFailed

if TYPE_CHECKING:
    from detectors.encoder.backend import Backend
    from detectors.encoder.manifest import Manifest

__all__ = ["DEVICES", "LOCAL_DEVICES", "Device", "backend_for", "is_device", "is_remote", "placed"]

_log = logging.getLogger(__name__)

_LOCAL: Final = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?")
_THREADS: Final = 2
_DRIVER: Final = Path("/proc/driver/nvidia/version")

LOCAL_DEVICES: Final = "auto, cpu, cuda or cuda:N (N is the number of the card)"
"""What a device of this machine may be, in words."""

DEVICES: Final = f"{LOCAL_DEVICES}, or a model server's address, https://host:port"
"""What a device may be, in words."""


def is_remote(value: str) -> bool:
    """Whether ``value`` is the address of a model server: a scheme, a host, perhaps a port, and nothing else. A key does not
    belong into it."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    plain = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username or parts.password)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain and port != 0


def is_device(value: str, *, remote: bool = True) -> bool:
    """Whether ``value`` names what can score; ``remote``: or a model server's address."""
    return _LOCAL.fullmatch(value) is not None or (remote and is_remote(value))


def placed(name: str) -> str:
    """The device, with ``auto`` as what it means here: CUDA where there is a driver and torch, else CPU."""
    if name != "auto":
        return name.rstrip("/")
    # Importing torch takes seconds and memory that a CPU's scorer does not have to give.
    return "cuda" if _DRIVER.exists() and find_spec("torch") is not None else "cpu"


@dataclass(frozen=True, slots=True)
class Device:
    """``token``: what a model server is shown. ``seconds``: how long one call to it may take, before the CPU answers."""

    name: str = "auto"
    token: str | None = field(default=None, repr=False)
    seconds: float = 0.3

    @classmethod
    def of(cls, device: Device | str) -> Device:
        """A device by its name alone."""
        return device if isinstance(device, Device) else cls(device)

    @property
    def placed(self) -> str:
        """See :func:`placed`."""
        return placed(self.name)


def backend_for(manifest: Manifest, device: Device | str = "auto") -> Backend:
    """The model's network on ``device``. Above a device that may fail stands the CPU below it: a card or a model server that
    is not there is told in the log and in the scorer's health, and the CPU scores."""
    from detectors.encoder.backend import OnnxBackend

    wanted = Device.of(device)
    threads = max(1, min(_THREADS, len(os.sched_getaffinity(0))))
    lower = OnnxBackend(str(manifest.weights), threads=threads)
    if wanted.placed == "cpu":
        return lower
    from detectors.encoder.ladder import Ladder

    try:
        upper = _upper(manifest, wanted)
    except DeviceFailed as error:
        _log.error("%s; the CPU scores", error, extra={"device": wanted.placed, "reason": error.reason})
        return Ladder(wanted.placed, None, lower, absent=error)
    return Ladder(wanted.placed, upper, lower)


def _upper(manifest: Manifest, device: Device) -> Backend:
    name = device.placed
    if is_remote(name):
        from detectors.encoder.remote import RemoteBackend, weights_digest

        return RemoteBackend(name, weights_digest(manifest.weights), token=device.token, seconds=device.seconds)
    try:
        from detectors.encoder.cuda import TorchBackend

        return TorchBackend(manifest.weights, name)
    except ImportError as error:
        raise DeviceFailed(
            "absent", f"{name} needs the extra [torch] ({error.name} is missing): pip install 'handrail[torch]'", final=True
        ) from None
