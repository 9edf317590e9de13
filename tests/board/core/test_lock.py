# SPDX-License-Identifier: Apache-2.0
"""Locks: one holder at a time, named in the refusal, and free again however the holder ends."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from board.core.lock import lock_in, lock_name, locked

HOLD = """
import sys
from pathlib import Path
from board.core.lock import locked
with locked(Path(sys.argv[1]), "the table"):
    print("held", flush=True)
    sys.stdin.read()
"""


def _holder(lock: Path) -> subprocess.Popen[str]:
    """Another process that holds a lock until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_lock_names_the_process_that_holds_it(tmp_path: Path) -> None:
    lock = lock_name(tmp_path / "aus.csv")
    with _holder(lock) as other:
        refused = pytest.raises(RuntimeError, match=rf"the table is in use by process {other.pid} \(-c\): wait for it")
        with refused, locked(lock, "the table"):
            pass
        other.communicate("")
    with locked(lock, "the table"):
        assert f"process {os.getpid()}" in lock.read_text()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    lock = tmp_path / "folder" / "lock"
    with _holder(lock) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert lock.is_file()
    with locked(lock, "the table"):
        pass
    assert not lock.exists()


def test_a_process_cannot_hold_a_lock_twice(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with locked(lock, "the board"):
        refused = pytest.raises(RuntimeError, match="the board is in use by this process already: close that first")
        with refused, locked(lock, "the board"):
            pass
        assert lock.is_file()  # the refused one left it alone


def test_a_lock_whose_file_was_deleted_in_between_is_taken_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its holder deletes it just when we have opened it: what we hold then has no name, and keeps nobody out."""
    lock, flock = tmp_path / "lock", fcntl.flock

    def late(file: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        lock.unlink()
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with locked(lock, "the table"):
        assert lock.is_file()
        with pytest.raises(RuntimeError, match="in use by this process"), locked(lock, "the table"):
            pass


def test_a_lock_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = pytest.raises(RuntimeError, match=r"cannot write .*/file: ")
    with refused, locked(tmp_path / "file" / "lock", "the table"):
        pass


def test_a_folder_is_locked_where_nothing_beside_it_can_be_written(tmp_path: Path) -> None:
    """A volume of a container lies in a folder that its user may not write: the lock once was to lie there."""
    (volume := tmp_path / "read-only" / "volume").mkdir(parents=True)
    volume.parent.chmod(0o555)
    try:
        with locked(lock_in(volume), "the folder"):
            assert [path.parent for path in tmp_path.rglob(".*")] == [volume]
    finally:
        volume.parent.chmod(0o755)


def test_a_lock_does_not_follow_a_link(tmp_path: Path) -> None:
    # in a folder that all may write, a link could make root empty a file of its own
    (precious := tmp_path / "precious").write_text("all of it")
    (tmp_path / "lock").symlink_to(precious)
    with pytest.raises(RuntimeError, match=r"cannot write .*lock: "), locked(tmp_path / "lock", "the board"):
        pass
    assert precious.read_text() == "all of it"
