# SPDX-License-Identifier: Apache-2.0
"""A lock between processes that names the one which holds it."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from board.core.files import unwritable
from board.core.text import printable

IN_FOLDER = ".lock"
"""Name of a folder's lock."""


def lock_name(path: Path) -> Path:
    """The lock of a file, or of an entry that comes and goes whole: hidden beside it."""
    return path.with_name(f".{path.name}.lock")


def lock_in(folder: Path) -> Path:
    """The lock of a folder: hidden in it, since who may write there need not be able to write beside it."""
    return folder.resolve() / IN_FOLDER


@contextmanager
def locked(lock: Path, what: str, wait: bool = False) -> Iterator[None]:
    """Hold a lock, which this process gives back at the end or when it dies, however that comes.

    Args:
        lock: Its file, which is there only while somebody holds it; `lock_name` or `lock_in` gives one. Its folder is
            made where it is missing, and goes again where nothing came into it.
        what: What it guards, for the sentence, such as "the table aus.csv".
        wait: Wait for who holds it, which is told on standard error, instead of refusing.

    Raises:
        RuntimeError: Another process, or this one a second time, holds it; or its folder cannot be written, which the
            sentence then names.
    """
    is_new = not lock.parent.exists()
    file = _take(lock, what, wait)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)  # before the lock goes, so that nobody waits with a file that has no name
        if is_new:
            with suppress(OSError):  # there is something in it
                lock.parent.rmdir()
        os.close(file)


def _take(lock: Path, what: str, wait: bool) -> int:
    """The open file of a lock that nobody else holds, with our name in it."""
    while True:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise unwritable(lock if os.path.lexists(lock) else lock.parent, error) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(file, 200).decode(errors="replace").strip() or "another process"
            if wait:
                print(f"auflow: {what} is in use by {printable(holder)}: waiting for it", file=sys.stderr)
                fcntl.flock(file, fcntl.LOCK_EX)
                os.close(file)  # it has no name any more
                continue
            os.close(file)
            if holder.startswith(f"process {os.getpid()} "):
                raise RuntimeError(f"{what} is in use by this process already: close that first") from None
            raise RuntimeError(f"{what} is in use by {holder}: wait for it, or end it") from None
        if is_named(file, lock):
            break
        os.close(file)  # its holder deleted it between our two steps
    with suppress(OSError):  # of a full disk: the lock holds without a name
        os.ftruncate(file, 0)
        os.write(file, f"process {os.getpid()} ({Path(sys.argv[0]).name or 'python'})\n".encode(errors="replace"))
    return file


def is_named(file: int, lock: Path) -> bool:
    """Whether an open file is the one that a lock's name leads to."""
    try:
        return os.path.samestat(os.fstat(file), os.stat(lock))
    except FileNotFoundError:
        return False
