"""The network on another machine: a model server, asked over HTTP.

Token ids are the text to whoever has the tokenizer, which is public: they belong on TLS or on a private network.
"""

from __future__ import annotations

import hashlib
import logging
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import httpcore
import httpx
import numpy as np
from numpy.typing import NDArray

from detectors.encoder.arrays import MOST_ROWS, MOST_TOKENS, answer_bytes, decode_answer, encode_call
from detectors.encoder.backend import Logits
from detectors.encoder.deadlines import TimedBackend, until
from detectors.encoder.errors import ArraysUnfit, DeviceFailed
from detectors.encoder.heads import OUTPUTS

__all__ = ["DEADLINE", "RUN", "WEIGHTS", "RemoteBackend", "weights_digest"]

_log = logging.getLogger(__name__)

RUN: Final = "/v1/run"
WEIGHTS: Final = "x-handrail-weights"
"""Header: sha256 of the weights, of the client's in a call and of the server's in an answer."""

DEADLINE: Final = "x-handrail-seconds"
"""Header: for how long the caller waits."""

_CONNECT_SHARE: Final = 0.4  # of a call's time, for each of two attempts, and as much for TLS
_IDLE_SECONDS: Final = 30.0  # below what the server keeps an idle connection, so that none is used while it is closed
_MOST_REST: Final = 30.0
_FAULTS: Final = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
    OSError,
    UnicodeError,  # a host that no name server can be asked for
)
_REASONS: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        401: ("unauthorised", "takes another token; set HANDRAIL_DEVICE_TOKEN to what its --token-file holds"),
        409: ("mismatch", "serves other weights than this installation has; install the same model on both"),
        503: ("overloaded", "has no room for more"),
        504: ("deadline", "did not come to a call in time"),
    }
)


class RemoteBackend:
    """Implements :class:`~detectors.encoder.backend.Backend`. Raises :class:`DeviceFailed`, whatever goes wrong.

    One connection is kept. A call may take ``seconds`` in all, from the look-up of the server's name to the last byte of the
    answer, however slowly they come; connecting is tried twice, a call that was sent is never repeated. Proxies of the
    environment are not used: nobody stands between. Certificates are checked against the system's (or those of
    ``SSL_CERT_FILE``).
    """

    tokens = MOST_TOKENS

    def __init__(
        self, url: str, weights: str, *, token: str | None = None, seconds: float = 0.3, outputs: int = len(OUTPUTS)
    ) -> None:
        """``url``: scheme, host, port. ``weights``: sha256 of the weights that the server must have."""
        self._url, self._seconds, self._outputs = url.rstrip("/"), seconds, outputs
        target = httpx.URL(self._url + RUN)
        self._target = httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)
        headers = {WEIGHTS: weights, DEADLINE: f"{seconds:g}", "content-type": "application/octet-stream"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        if urlsplit(url).scheme == "http" and not _is_near(urlsplit(url).hostname or ""):
            _log.warning("%s is asked without TLS; token ids are text: use https, or a private network", self._url)
        self._headers = [(name.encode(), value.encode("ascii")) for name, value in headers.items()]
        self._headers.append((b"host", target.netloc))
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context() if target.scheme == "https" else None,
            max_connections=2,
            max_keepalive_connections=1,
            keepalive_expiry=_IDLE_SECONDS,
            retries=1,
            network_backend=TimedBackend(seconds * _CONNECT_SHARE),
        )

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> tuple[Logits, Logits]:
        """See :class:`~detectors.encoder.backend.Backend`. What is larger than a call may be goes in several."""
        rows, tokens = ids.shape
        most = max(1, min(MOST_ROWS, MOST_TOKENS // max(tokens, 1)))
        if rows <= most:
            return self._call(ids, mask, types)
        parts = [self._call(*(array[at : at + most] for array in (ids, mask, types))) for at in range(0, rows, most)]
        return np.concatenate([logits for logits, _ in parts]), np.concatenate([votes for _, votes in parts])

    def close(self) -> None:
        """Ends the connection."""
        self._pool.close()

    def _call(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> tuple[Logits, Logits]:
        rows, tokens = ids.shape
        end = time.monotonic() + self._seconds
        try:
            raw = self._post(encode_call(ids, mask, types), answer_bytes(rows, tokens, self._outputs), end)
            return decode_answer(raw, rows, tokens, self._outputs)
        except ArraysUnfit as error:
            raise DeviceFailed("garbled", f"the model server at {self._url}: {error}") from None
        except httpcore.TimeoutException:
            raise DeviceFailed(
                "deadline", f"the model server at {self._url} did not answer in {self._seconds:g} s"
            ) from None
        except _FAULTS as error:
            # Only the type is told.
            raise DeviceFailed(
                "unreachable", f"the model server at {self._url} cannot be reached ({type(error).__name__})"
            ) from None

    def _post(self, body: bytes, size: int, end: float) -> bytes:
        """The answer's bytes: never more than ``size``, never later than ``end``."""
        timeouts = {"timeout": until(end)}
        with self._pool.stream("POST", self._target, headers=self._headers, content=body, extensions=timeouts) as response:
            if response.status != httpx.codes.OK:
                raise self._refused(response)
            parts: list[bytes] = []
            left = size
            for part in response.iter_stream():
                left -= len(part)
                if left < 0:
                    raise ArraysUnfit("the answer is longer than the call asks for; run both sides from the same release")
                parts.append(part)
            return b"".join(parts)

    def _refused(self, response: httpcore.Response) -> DeviceFailed:
        code = response.status
        reason, words = _REASONS.get(code, ("refused", f"answered with status {code}; see its log"))
        rest = None
        if code == httpx.codes.SERVICE_UNAVAILABLE:
            rest = 1.0
            told = [value for name, value in response.headers if name.lower() == b"retry-after"]
            with suppress(ValueError):
                rest = min(max(float(told[0] if told else b"1"), 0.0), _MOST_REST)
        final = reason in ("unauthorised", "mismatch")
        return DeviceFailed(reason, f"the model server at {self._url} {words}", rest_seconds=rest, final=final)


def weights_digest(weights: Path) -> str:
    """The sha256 of a weight file, in hex."""
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_near(host: str) -> bool:
    """Whether a host is this machine or, as far as its address tells, on a private network."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_private
    except ValueError:
        return False
