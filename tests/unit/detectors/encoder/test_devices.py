"""What a device may be called."""

from __future__ import annotations

import pytest

from detectors.encoder.devices import Device, is_device, is_remote


@pytest.mark.parametrize("name", ["auto", "cpu", "cuda", "cuda:0", "cuda:12"])
def test_devices_of_this_machine(name: str) -> None:
    assert is_device(name)
    assert is_device(name, remote=False)
    assert not is_remote(name)


@pytest.mark.parametrize("name", ["http://10.0.0.7:8090", "https://scores.example.org", "https://[::1]:8090/"])
def test_model_servers(name: str) -> None:
    assert is_device(name)
    assert not is_device(name, remote=False)


@pytest.mark.parametrize(
    "name",
    [
        "", "gpu", "cuda:", "cuda:1234", "CPU", "ftp://host", "http://", "http://:8090", "https://host:99999", "http://host:0",
        "https://host/v1", "https://host?key=1", "https://key@host:8090", "https://key:word@host", "http://[::1",
    ],
)  # fmt: skip
def test_neither(name: str) -> None:
    assert not is_device(name)


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(Device("https://host", "secret-secret-secret"))
