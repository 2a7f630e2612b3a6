"""A model server: the network over HTTP, for scorers on other machines. Knows tokens by number and no text."""

from __future__ import annotations

import asyncio
import hmac
import logging
import math
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from detectors.encoder.arrays import MOST_CALL_BYTES, MOST_TOKENS, decode_call, encode_answer
from detectors.encoder.backend import Backend
from detectors.encoder.calls import Calls, Limits
from detectors.encoder.devices import backend_for, is_device
from detectors.encoder.errors import ArraysUnfit, CallExpired, CallFailed, CallRefused, ServerUnfit
from detectors.encoder.manifest import read_manifest, shipped
from detectors.encoder.placement import Placement
from detectors.encoder.remote import DEADLINE, RUN, WEIGHTS, weights_digest

__all__ = ["Served", "create_app", "read_token", "run"]

_log = logging.getLogger(__name__)

_BODY_SECONDS: Final = 5.0  # for a call's bytes to arrive
_MOST_SECONDS: Final = 30.0  # that a caller may say it waits
_IDLE_SECONDS: Final = 75  # an idle connection is kept; clients give theirs up sooner
_DRAIN_SECONDS: Final = 5
_CONNECTIONS: Final = 1024
_CPU_TOKENS: Final = 4096
_SHORTEST_TOKEN: Final = 16
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128)
_TIMES: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


@dataclass(frozen=True, slots=True)
class Served:
    """What a server serves. ``model``: ``name@version``. ``weights``: their sha256. ``token``: what callers must show;
    ``None``: nothing."""

    backend: Backend
    model: str
    weights: str
    vocabulary: int
    token: str | None = field(default=None, repr=False)


class _Meters:
    """The server's numbers, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Counter("handrail_model_calls_total", "Calls by status code", ["code"], registry=self.registry)
        self.tokens = Counter(
            "handrail_model_tokens_total", "Tokens that were run, padding included", registry=self.registry
        )
        self.company = Histogram(
            "handrail_model_calls_together", "Calls that ran together", buckets=_SIZES, registry=self.registry
        )
        self.seconds = Histogram("handrail_model_run_seconds", "Time of one run", buckets=_TIMES, registry=self.registry)
        self.waiting = Gauge("handrail_model_calls_waiting", "Calls that wait", registry=self.registry)
        self.fallback = Gauge(
            "handrail_model_device_fallback", "1 while the CPU stands in for the device", registry=self.registry
        )
        for code in (200, 400, 401, 408, 409, 413, 500, 503, 504):
            self.calls.labels(str(code))

    def ran(self, calls: int, tokens: int, seconds: float) -> None:
        """One run."""
        self.company.observe(calls)
        self.tokens.inc(tokens)
        self.seconds.observe(seconds)


def create_app(served: Served, limits: Limits | None = None) -> Starlette:
    """``POST /v1/run``, ``GET /healthz``, ``GET /metrics``. The queue lives from the app's start to its end."""
    meters = _Meters()
    queue: list[Calls] = []

    async def run_call(request: Request) -> Response:
        response = await _run(request, served, queue[0])
        meters.calls.labels(str(response.status_code)).inc()
        return response

    async def healthz(_: Request) -> Response:
        placement = _placement(served.backend)
        fallen = placement is not None and placement.wanted != placement.used
        return JSONResponse(
            {
                "status": "degraded" if fallen else "full",
                "model": served.model,
                "weights": served.weights,
                "waiting": queue[0].waiting,
                "device": None if placement is None else placement.as_json(),
            }
        )

    async def metrics(_: Request) -> Response:
        placement = _placement(served.backend)
        meters.waiting.set(queue[0].waiting)
        meters.fallback.set(placement is not None and placement.wanted != placement.used)
        return Response(generate_latest(meters.registry), media_type=CONTENT_TYPE_LATEST)

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        queue.append(Calls(served.backend, limits or Limits(batch_tokens=_room(served.backend)), ran=meters.ran))
        try:
            yield
        finally:
            await queue.pop().close()

    routes = [
        Route(RUN, run_call, methods=["POST"]),
        Route("/healthz", healthz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]
    return Starlette(routes=routes, lifespan=life)


def _room(backend: Backend) -> int:
    """Tokens that run together: few on a CPU, where company saves nothing."""
    return min(MOST_TOKENS, getattr(backend, "tokens", None) or _CPU_TOKENS)


def _placement(backend: Backend) -> Placement | None:
    found: Placement | None = getattr(backend, "placement", None)
    return found


async def _run(request: Request, served: Served, calls: Calls) -> Response:
    shown = request.headers.get("authorization", "")
    if served.token is not None and not hmac.compare_digest(shown.encode(), f"Bearer {served.token}".encode()):
        return _error(
            401, "unauthorised", "give the server's token as authorization: Bearer", {"www-authenticate": "Bearer"}
        )
    wanted = request.headers.get(WEIGHTS)
    if wanted != served.weights:
        return _error(
            409,
            "other_weights",
            f"this server has {served.model} with weights of sha256 {served.weights}, and {WEIGHTS} names others; install "
            "the same model on both sides",
            {WEIGHTS: served.weights},
        )
    seconds = _seconds(request.headers.get(DEADLINE))
    if seconds is None:
        return _error(400, "no_deadline", f"give {DEADLINE}, the seconds that the caller waits, above 0")
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            raw = await _body(request)
    except TimeoutError:
        return _error(408, "too_slow", f"the call's bytes did not arrive within {_BODY_SECONDS:g} s")
    except ClientDisconnect:
        return Response(status_code=400)
    if raw is None:
        return _error(413, "too_large", f"a call has at most {MOST_CALL_BYTES} bytes; send it in parts")
    try:
        ids, mask, types = decode_call(raw, served.vocabulary)
        logits, votes = await calls.run(ids, mask, types, seconds)
    except ArraysUnfit as error:
        return _error(400, "no_call", str(error))
    except CallRefused:
        return _error(503, "overloaded", "no room for this call; score elsewhere meanwhile", {"retry-after": "1"})
    except CallExpired:
        return _error(504, "deadline", "the call was not begun within the time that its caller gives it")
    except CallFailed:
        return _error(500, "failed", "the network could not be run on this call; see this server's log")
    body = await asyncio.to_thread(encode_answer, logits, votes)
    return Response(body, media_type="application/octet-stream", headers={WEIGHTS: served.weights})


async def _body(request: Request) -> bytes | None:
    """A call's bytes; ``None`` where they are too many."""
    with_length = request.headers.get("content-length", "")
    if with_length.isdecimal() and int(with_length[:12]) > MOST_CALL_BYTES:
        return None
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_CALL_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _seconds(given: str | None) -> float | None:
    try:
        seconds = float(given or "")
    except ValueError:
        return None
    return min(seconds, _MOST_SECONDS) if math.isfinite(seconds) and seconds > 0 else None


def _error(code: int, kind: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"type": kind, "message": message}}, status_code=code, headers=headers)


def read_token(path: Path) -> str:
    """The token in a file. Raises :class:`ServerUnfit` where there is none that is worth the name."""
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ServerUnfit(f"{path} cannot be read as a token ({type(error).__name__}); write one line of ASCII") from None
    if len(token) < _SHORTEST_TOKEN or not token.isprintable() or " " in token:
        raise ServerUnfit(
            f"the token in {path} must be one word of at least {_SHORTEST_TOKEN} characters; make one with: "
            "openssl rand -hex 32"
        )
    return token


def run(
    *,
    host: str = "127.0.0.1",
    port: int = 8090,
    device: str = "auto",
    token_file: Path | None = None,
    folder: Path | None = None,
    certificate: Path | None = None,
    certificate_key: Path | None = None,
) -> None:
    """Serves the model in ``folder`` (by default the installed one) until SIGTERM or SIGINT, which drain.

    ``port``: 0 takes a free one. Raises :class:`ServerUnfit` where the server would stand open to others or cannot listen,
    and :class:`~detectors.encoder.errors.ModelUnfit`.
    """
    if not is_device(device, remote=False):
        raise ServerUnfit(f"{device!r} is no device of this machine; give auto, cpu, cuda or cuda:N")
    if token_file is None and not _is_loopback(host):
        raise ServerUnfit(f"{host} is reached from other machines: give --token-file, and TLS unless the network is private")
    token = None if token_file is None else read_token(token_file)
    found = folder or shipped()
    if found is None:
        raise ServerUnfit("this installation carries no model; give its folder with --model")
    from tokenizers import Tokenizer

    manifest = read_manifest(found)
    vocabulary = int(Tokenizer.from_file(str(manifest.tokenizer)).get_vocab_size())
    served = Served(backend_for(manifest, device), manifest.model, weights_digest(manifest.weights), vocabulary, token)
    listening = _listen(host, port)
    config = uvicorn.Config(
        create_app(served),
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        ssl_certfile=None if certificate is None else str(certificate),
        ssl_keyfile=None if certificate_key is None else str(certificate_key),
    )
    try:
        config.load()
    except OSError as error:  # ssl's errors are of this kind
        listening.close()
        raise ServerUnfit(f"{certificate} and {certificate_key} cannot be used for TLS ({error})") from None
    _log.info("the model server serves", extra={"model": served.model, "port": listening.getsockname()[1]})
    uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ServerUnfit(f"{host}:{port} cannot be listened on ({error.strerror}); give another --host or --port") from None
    return listening


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
