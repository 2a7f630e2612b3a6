"""A model server and its client over real HTTP: company, refusals, deadlines, faults, and the way down and back."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from detectors.encoder.arrays import MOST_CALL_BYTES, encode_call
from detectors.encoder.backend import Logits
from detectors.encoder.calls import Limits
from detectors.encoder.errors import DeviceFailed
from detectors.encoder.ladder import Breaker, Ladder
from detectors.encoder.remote import DEADLINE, RUN, WEIGHTS, RemoteBackend
from detectors.encoder.serving import Served, create_app
from tests.integration.devices.server import serving

Array = NDArray[np.int64]
TOKEN = "a-token-of-some-length"
DIGEST = "ab" * 32
OUTPUTS = 3
POISON = 666


class Sums:
    """Every logit is the row's sum of ids; a vote is the id. Can be held up, and fails on one id."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Event()
        self.shapes: list[tuple[int, ...]] = []

    def run(self, ids: Array, mask: Array, types: Array) -> tuple[Logits, Logits]:
        self.begun.set()
        assert self.go.wait(30)
        self.shapes.append(ids.shape)
        if (ids == POISON).any():
            raise RuntimeError(f"the text: {ids}")
        logits = np.repeat((ids * mask).sum(1, keepdims=True), OUTPUTS, axis=1).astype(np.float32)
        return logits, np.repeat(ids[:, :, None], OUTPUTS, axis=2).astype(np.float32)


@dataclass
class House:
    url: str
    sums: Sums
    made: list[RemoteBackend] = field(default_factory=list)

    def remote(self, *, token: str | None = TOKEN, weights: str = DIGEST, seconds: float = 20.0) -> RemoteBackend:
        remote = RemoteBackend(self.url, weights, token=token, seconds=seconds, outputs=OUTPUTS)
        self.made.append(remote)
        return remote

    def post(self, body: bytes, **changes: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {TOKEN}", WEIGHTS: DIGEST, DEADLINE: "20"} | changes
        return httpx.post(self.url + RUN, content=body, headers=headers, timeout=20)


@pytest.fixture
def house() -> Iterator[House]:
    sums = Sums()
    app = create_app(Served(sums, "sums@1", DIGEST, 30_000, TOKEN), Limits(calls=9))
    with serving(app) as url:
        house = House(url, sums)
        yield house
        sums.go.set()
        for remote in house.made:
            remote.close()


def _row(*ids: int) -> tuple[Array, Array, Array]:
    made = np.array([ids], dtype=np.int64)
    return made, np.ones_like(made), np.ones_like(made)


def _fails(call: Callable[[], object]) -> DeviceFailed:
    with pytest.raises(DeviceFailed) as caught:
        call()
    assert TOKEN not in str(caught.value)
    return caught.value


def test_a_call_is_answered_with_its_own_rows(house: House) -> None:
    logits, votes = house.remote().run(*_row(5, 6, 7))
    assert logits.tolist() == [[18.0] * OUTPUTS]
    assert votes[0, :, 0].tolist() == [5, 6, 7]


def test_callers_that_come_together_run_together(house: House) -> None:
    remote = [house.remote() for _ in range(8)]
    house.sums.go.clear()
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(remote[0].run, *_row(1))
        assert house.sums.begun.wait(20)
        others = [pool.submit(remote[at].run, *_row(*range(at, 2 * at))) for at in range(1, 8)]
        _until(lambda: httpx.get(house.url + "/healthz").json()["waiting"] == 7)
        house.sums.go.set()
        assert first.result()[0][0, 0] == 1
        for at, other in enumerate(others, 1):
            logits, votes = other.result()
            assert logits[0, 0] == sum(range(at, 2 * at))
            assert votes.shape == (1, at, OUTPUTS)
    assert house.sums.shapes == [(1, 1), (7, 7)]
    page = httpx.get(house.url + "/metrics").text
    assert 'handrail_model_calls_total{code="200"} 8.0' in page
    assert 'handrail_model_calls_together_bucket{le="8.0"} 2.0' in page


def test_one_call_that_breaks_takes_nothing_from_its_neighbours(house: House) -> None:
    house.sums.go.clear()
    with ThreadPoolExecutor(4) as pool:
        blocker = pool.submit(house.remote().run, *_row(1))
        assert house.sums.begun.wait(20)
        good = [pool.submit(house.remote().run, *_row(2, at)) for at in range(2)]
        bad = pool.submit(house.remote().run, *_row(2, POISON))
        _until(lambda: httpx.get(house.url + "/healthz").json()["waiting"] == 3)
        house.sums.go.set()
        assert _fails(bad.result).reason == "refused"
        assert [one.result()[0][0, 0] for one in good] == [2, 3]
        blocker.result()


def test_without_room_it_says_when_to_come_again(house: House) -> None:
    house.sums.go.clear()
    with ThreadPoolExecutor(12) as pool:
        held = [pool.submit(house.remote().run, *_row(1))]
        assert house.sums.begun.wait(20)
        held += [pool.submit(house.remote().run, *_row(2)) for _ in range(9)]
        _until(lambda: httpx.get(house.url + "/healthz").json()["waiting"] == 9)
        answer = house.post(encode_call(*_row(3)))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        refused = _fails(lambda: house.remote().run(*_row(3)))
        assert (refused.reason, refused.rest_seconds) == ("overloaded", 1.0)
        house.sums.go.set()
        assert [one.result()[0][0, 0] for one in held] == [1] + [2] * 9


def test_what_its_caller_no_longer_waits_for_is_not_begun(house: House) -> None:
    house.sums.go.clear()
    with ThreadPoolExecutor(3) as pool:
        held = pool.submit(house.remote().run, *_row(1))
        assert house.sums.begun.wait(20)
        late = pool.submit(house.post, encode_call(*_row(9, 9)), **{DEADLINE: "0.2"})
        _until(lambda: httpx.get(house.url + "/healthz").json()["waiting"] == 1)
        assert _fails(lambda: house.remote(seconds=0.5).run(*_row(9, 9, 9))).reason == "deadline"
        time.sleep(0.6)  # the server's clock of a call begins when it arrives
        house.sums.go.set()
        held.result()
        assert late.result().status_code == 504
    assert house.sums.shapes == [(1, 1)]


@pytest.mark.parametrize(
    ("changes", "body", "code", "kind"),
    [
        ({"authorization": "Bearer other"}, encode_call(*_row(1)), 401, "unauthorised"),
        ({"authorization": ""}, encode_call(*_row(1)), 401, "unauthorised"),
        ({WEIGHTS: "cd" * 32}, encode_call(*_row(1)), 409, "other_weights"),
        ({DEADLINE: "soon"}, encode_call(*_row(1)), 400, "no_deadline"),
        ({DEADLINE: "nan"}, encode_call(*_row(1)), 400, "no_deadline"),
        ({}, b"", 400, "no_call"),
        ({}, encode_call(*_row(30_000)), 400, "no_call"),
        ({}, b"HRC1" + b"\xff" * MOST_CALL_BYTES, 413, "too_large"),
    ],
)
def test_what_cannot_be_answered_is_told_why(
    house: House, changes: dict[str, str], body: bytes, code: int, kind: str
) -> None:
    answer = house.post(body, **changes)
    assert answer.status_code == code
    error = answer.json()["error"]
    assert error["type"] == kind
    assert len(error["message"]) > 20
    assert not house.sums.shapes


def test_a_wrong_token_and_other_weights_are_told_apart(house: House) -> None:
    for remote, reason in ((house.remote(token="x" * 20), "unauthorised"), (house.remote(weights="cd" * 32), "mismatch")):
        failed = _fails(partial(remote.run, *_row(1)))
        assert (failed.reason, failed.final) == (reason, True)


def test_a_batch_larger_than_a_call_goes_in_parts(house: House) -> None:
    ids = np.arange(300 * 100, dtype=np.int64).reshape(300, 100) % 500
    logits, votes = house.remote().run(ids, np.ones_like(ids), np.ones_like(ids))
    np.testing.assert_array_equal(logits[:, 0], ids.sum(1))
    assert votes.shape == (300, 100, OUTPUTS)
    assert len(house.sums.shapes) == 2


def test_nobody_there_and_somebody_else_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    remote = RemoteBackend(f"http://127.0.0.1:{port}", DIGEST, outputs=OUTPUTS)
    assert _fails(lambda: remote.run(*_row(1))).reason == "unreachable"
    remote.close()

    async def words(_: Request) -> Response:
        return Response("hello")

    async def too_much(_: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(2000):
                yield b"x" * 1000

        return StreamingResponse(parts())

    for answer in (words, too_much):
        with serving(Starlette(routes=[Route(RUN, answer, methods=["POST"])])) as url:
            remote = RemoteBackend(url, DIGEST, seconds=10, outputs=OUTPUTS)
            assert _fails(partial(remote.run, *_row(1))).reason == "garbled"
            remote.close()


def test_down_to_the_cpu_and_back_to_the_server_when_it_returns() -> None:
    local, sums = Sums(), Sums()

    def app() -> Starlette:
        return create_app(Served(sums, "sums@1", DIGEST, 30_000))

    with serving(app()) as url:
        remote = RemoteBackend(url, DIGEST, seconds=5, outputs=OUTPUTS)
        ladder = Ladder(url, remote, local, breaker=Breaker(2, 0.05, 0.1))
        assert ladder.run(*_row(1, 2))[0][0, 0] == 3
        assert ladder.placement.used == url
    assert [ladder.run(*_row(1, 2))[0][0, 0] for _ in range(4)] == [3] * 4
    assert ladder.placement.used == "cpu"
    assert len(local.shapes) == 4
    with serving(app(), port=int(url.rpartition(":")[2])):
        _until(lambda: ladder.placement.used == url)
        assert ladder.run(*_row(1, 2))[0][0, 0] == 3
        assert len(local.shapes) == 4
        ladder.close()
        remote.close()


def _until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
