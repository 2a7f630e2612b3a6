"""Where things are kept, and who may."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from guard.errors import AlreadyRunning, StartFailed
from guard.supervise.paths import FolderLock, Paths, private_folder


def test_sockets_stay_in_the_data_folder_up_to_eighty_bytes() -> None:
    """Beyond that they go to a short folder of their own, the same one for every process."""
    short = Paths.of(Path("/") / ("a" * 79))
    assert short.run == short.home / "run"
    long = Paths.of(Path("/") / ("a" * 80))
    assert long.run != long.home / "run"
    assert long.run == Paths.of(Path("/") / ("a" * 80)).run
    assert long.run != Paths.of(Path("/") / ("b" * 80)).run
    assert all(len(os.fsencode(paths.run / ".s.PGSQL.5432.lock")) <= 107 for paths in (short, long))


def test_it_is_bytes_that_count() -> None:
    """Forty-one two-byte letters are too long although they are few."""
    assert Paths.of(Path("/" + "é" * 41)).run.parent != Path("/" + "é" * 41)


def test_folders_are_private_and_made_so_when_they_were_not(tmp_path: Path) -> None:
    """A data folder that others could read is closed."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    paths = Paths.of(folder).prepare()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (paths.home, paths.run, paths.logs)} == {0o700}


def test_a_link_in_the_place_of_a_private_folder_is_refused(tmp_path: Path) -> None:
    """Somebody else may have put it there."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(StartFailed, match="is a link"):
        private_folder(tmp_path / "link")


def test_a_file_in_the_place_of_the_data_folder_is_named(tmp_path: Path) -> None:
    """The sentence says which and what to do."""
    (tmp_path / "data").write_text("")
    with pytest.raises(StartFailed, match=r"data cannot be used: .*HANDRAIL_DATA_DIR"):
        private_folder(tmp_path / "data")


def test_the_second_holder_is_refused_with_the_first_one_s_number_until_it_ends(tmp_path: Path) -> None:
    """The kernel lets go when a process is killed; the file may stay."""
    code = "import sys, time; from pathlib import Path; from guard.supervise.paths import FolderLock; "
    code += "FolderLock(Path(sys.argv[1])).acquire(); print('held', flush=True); time.sleep(60)"
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(AlreadyRunning, match=rf"process {holder.pid}\b"):
        FolderLock(path).acquire()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with FolderLock(path):
        assert path.read_text() == f"{os.getpid()}\n"
