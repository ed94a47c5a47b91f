"""A directory has one owner and one collector."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from llmmon.errors import ConfigError
from llmmon_collector.directory import DirectoryLock, private_directory


def test_a_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    made = private_directory(tmp_path / "a" / "b", "listen")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert private_directory(made, "listen") == made


def test_a_directory_open_to_others_is_refused_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(ConfigError, match=r"listen: others can enter .*: run `chmod 700"):
        private_directory(tmp_path / "open", "listen")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"state_dir: cannot make .*file/x"):
        private_directory(tmp_path / "file" / "x", "state_dir")


def test_a_second_collector_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first = DirectoryLock(tmp_path, "state")
    with pytest.raises(ConfigError, match=r"another collector \(pid \d+\) uses"):
        DirectoryLock(tmp_path, "state")
    first.release()
    DirectoryLock(tmp_path, "state").release()


def test_one_directory_can_hold_state_and_sockets(tmp_path: Path) -> None:
    state, listen = DirectoryLock(tmp_path, "state"), DirectoryLock(tmp_path, "listen")
    state.release()
    listen.release()


def test_a_lock_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "state.lock").mkdir()
    with pytest.raises(ConfigError, match=r"cannot lock .*state\.lock: Is a directory"):
        DirectoryLock(tmp_path, "state")
