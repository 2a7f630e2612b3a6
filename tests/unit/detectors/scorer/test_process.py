"""The socket's place: ours alone, or not at all."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from detectors.scorer.errors import ScorerRunning, SocketUnfit
from detectors.scorer.process import claim_socket


def test_socket_and_folder_are_private_and_the_socket_goes_away(tmp_path: Path) -> None:
    path = tmp_path / "run" / "s"
    mask = os.umask(0)
    try:
        with claim_socket(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert os.umask(0) == 0, "the process's mask is put back"
    finally:
        os.umask(mask)
    assert not path.exists()
    with claim_socket(path):
        pass


def test_a_folder_open_to_others_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(SocketUnfit, match="chmod 700"), claim_socket(folder / "s"):
        pass
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert list(folder.iterdir()) == []


def test_a_path_that_no_socket_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SocketUnfit, match="shorter path"), claim_socket(tmp_path / ("x" * 108)):
        pass


def test_a_live_holder_is_respected_with_or_without_our_lock(tmp_path: Path) -> None:
    path = tmp_path / "run" / "s"
    with claim_socket(path), pytest.raises(ScorerRunning, match="runs on"), claim_socket(path):
        pass
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(path))
        stranger.listen()
        with pytest.raises(ScorerRunning, match="listens on"), claim_socket(path):
            pass
        assert path.exists()
    with claim_socket(path):  # the stranger has gone and left its socket
        assert path.exists()


def test_anothers_socket_is_not_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "run" / "s"
    with socket.socket(socket.AF_UNIX) as successor:
        with claim_socket(path):
            path.unlink()
            successor.bind(str(path))
        assert path.exists()
