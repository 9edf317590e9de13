# SPDX-License-Identifier: Apache-2.0
"""The cache of what can be made again: whole entries only, each held to its digests, of a bounded size.

An entry is a folder KIND/NAME of the cache folder (see `board.core.files.cache_folder`), with digests.json of its files
in it. One that was damaged counts as missing. Those that were not used for longest are deleted where the cache becomes
larger than its limit, never those that a process has in use.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from board.core.files import cache_folder, digests, sync, unwritable, writable_cache, write_json
from board.core.lock import is_named, lock_name, locked
from board.core.reading import read_json

KINDS = {
    "deployments": "weights, prepared for detection",
    "finder": "the face finder, converted",
    "faces": "faces of datasets, cut out",
    "headers": "Verilator's headers, precompiled",
    "labels": "what the teacher of AUs saw in faces",
    "models": "verilated designs",
    "netlists": "blocks that equal their RTL after synthesis",
    "runtime": "Verilator's own code, compiled",
    "synthesis": "blocks as Yosys synthesised them, counted",
}
"""What the cache holds, by the name of its folder."""
LIMIT_BYTES = 4 << 30
"""Of all entries together, where no other limit was set."""
DIGESTS = "digests.json"
LIMIT = "limit.json"
ABANDONED_S = 24 * 3600.0
"""After which an entry that nobody finished is taken for one that nobody will."""

_held: dict[Path, int] = {}
"""Open files of the entries that this process has in use, each with a shared lock on it."""


@dataclass(frozen=True)
class Entry:
    """What the cache holds of one kind and name.

    Attributes:
        kind: One of KINDS.
        place: Its folder; a file where an earlier version left one.
        bytes: Size of all its files.
        used_s: When it was last used, in seconds since 1970.
    """

    kind: str
    place: Path
    bytes: int
    used_s: float


def entry(kind: str, name: str, make: Callable[[Path], object]) -> Path:
    """The folder of an entry, found whole or made; it is in use until this process ends or calls `release`.

    A process that makes the same entry is waited for.

    Args:
        kind: One of KINDS.
        name: Of the entry; it changes with all that the entry is made from.
        make: Fills an empty folder.

    Raises:
        RuntimeError: The cache cannot be written.
    """
    if (known := find(kind, name)) is not None:
        return known
    folder = writable_cache(kind)
    place = folder / name
    with locked(lock_name(place), f"{kind}/{name} of the cache", wait=True):
        if (known := find(kind, name)) is not None:
            return known
        try:
            with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as temporary:
                made = Path(temporary) / "content"
                made.mkdir()
                make(made)
                write_json(made / DIGESTS, digests(made))
                sync(made)
                _delete(place)  # one that was damaged
                made.rename(place)
        except OSError as error:
            raise unwritable(place, error) from None
        found = _held_whole(place)
    if found is None:
        raise RuntimeError(f"what was just written to {place} reads back as something else: check that disk")
    trim()
    return found


def find(kind: str, name: str) -> Path | None:
    """The folder of a whole entry, in use from now on; None where it is missing or damaged."""
    if (found := _held_whole(cache_folder(kind) / name)) is not None:
        return found
    with suppress(RuntimeError):  # no folder serves instead
        return _held_whole(writable_cache(kind) / name)
    return None


def release(place: Path) -> None:
    """Give back an entry, which may be deleted from then on."""
    if place in _held:
        os.close(_held.pop(place))


def entries() -> list[Entry]:
    """All entries, those that were not used for longest first."""
    found = []
    for folder in _folders():
        with suppress(OSError):  # none of this kind
            for place in folder.iterdir():
                if not place.name.startswith("."):
                    found.append(Entry(folder.name, place, _size(place), _used_s(place)))
    return sorted(found, key=lambda one: one.used_s)


def limit_bytes() -> int:
    """How large all entries together may become."""
    with suppress(ValueError):  # nobody set one, or it is broken
        said = read_json(cache_folder("") / LIMIT, "the cache's limit", "set it again")
        if isinstance(said, dict) and type(limit := said.get("bytes")) is int and limit >= 0:
            return limit
    return LIMIT_BYTES


def set_limit(limit: int) -> None:
    """Say how large all entries together may become, for all later runs, and `trim`.

    Raises:
        RuntimeError: The cache cannot be written.
    """
    write_json(writable_cache("") / LIMIT, {"bytes": limit})
    trim()


def trim(limit: int | None = None) -> list[Entry]:
    """Delete the entries that were not used for longest, until the others fit into a limit; those in use stay.

    Args:
        limit: Bytes; by default `limit_bytes`.

    Returns:
        What was deleted.
    """
    limit = limit_bytes() if limit is None else limit
    _delete_abandoned()
    there = entries()
    total, deleted = sum(one.bytes for one in there), []
    for one in there:
        if total <= limit:
            break
        if _delete_unused(one.place):
            total -= one.bytes
            deleted.append(one)
    return deleted


def _folders() -> list[Path]:
    """Where entries may lie: a folder of each kind, in the cache and where that cannot be written in what serves."""
    roots = [cache_folder("")]
    with suppress(RuntimeError):  # none serves
        roots.append(writable_cache(""))
    return [root / kind for root in dict.fromkeys(roots) for kind in KINDS]


def _held_whole(place: Path) -> Path | None:
    """Take an entry into use and hold it to its digests; None where it is not whole."""
    if place not in _held:
        try:
            file = os.open(place / DIGESTS, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if not is_named(file, place / DIGESTS):
                raise BlockingIOError
        except OSError:  # it is being deleted
            os.close(file)
            return None
        _held[place] = file
    if not _is_whole(place):
        release(place)
        return None
    with suppress(OSError):  # of a cache that may only be read
        os.utime(place / DIGESTS)
    return place


def _is_whole(place: Path) -> bool:
    """Whether an entry holds what was put there: a library cut short would end this process."""
    try:
        kept = read_json(place / DIGESTS, "a list of digests", "make it again")
        found = digests(place)
    except (ValueError, OSError):
        return False
    del found[DIGESTS]
    return bool(found == kept)


def _delete_unused(place: Path) -> bool:
    """Delete an entry, unless a process has it in use or this one may not."""
    try:
        file = os.open(place / DIGESTS, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # none of ours: of an earlier version, or of a preparation that was killed
        return _delete(place)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _delete(place)
    except OSError:
        return False
    finally:
        os.close(file)


def _delete(place: Path) -> bool:
    """Delete a folder or file at once: under another name first, so that nobody finds half of it."""
    if not os.path.lexists(place):
        return True
    with suppress(OSError), tempfile.TemporaryDirectory(dir=place.parent, prefix=".deleting-") as bin_:
        place.rename(Path(bin_) / "content")
        return True
    return not os.path.lexists(place)


def _delete_abandoned() -> None:
    """Delete what processes left that were killed while they made or deleted an entry."""
    for folder in _folders():
        for left in folder.glob(".*ing-*"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > ABANDONED_S:
                    shutil.rmtree(left)


def _size(place: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    total = 0
    for path in [place, *place.rglob("*")]:
        with suppress(OSError):  # deleted by another process meanwhile
            found = path.lstat()
            total += 0 if stat.S_ISDIR(found.st_mode) else found.st_size
    return total


def _used_s(place: Path) -> float:
    """When an entry was last used."""
    for path in (place / DIGESTS, place):
        with suppress(OSError):
            return path.stat().st_mtime
    return 0.0
