# SPDX-License-Identifier: Apache-2.0
"""Files: written whole or not at all, told apart by their digest, and the folder of what can be made again."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from board.core.text import cell, printable

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

CACHE_VARIABLE = "AUFLOW_CACHE"
"""Names the cache folder; empty or not set, it is ~/.cache/auflow."""


def cache_folder(name: str) -> Path:
    """Folder of one kind of what can be made again, such as "models"; it need not exist.

    $AUFLOW_CACHE/name, where the variable is not empty (~ is the home folder), else ~/.cache/auflow/name; for a user
    without a home the same in a folder for temporary files.
    """
    try:
        return Path(os.environ.get(CACHE_VARIABLE) or "~/.cache/auflow").expanduser().absolute() / name
    except RuntimeError:  # no HOME, and no entry in the user database
        return _temporary_cache() / name


def writable_cache(name: str) -> Path:
    """`cache_folder`, made; where none can be, as for a container's user, one in a folder for temporary files.

    Raises:
        RuntimeError: That one cannot be written either.
    """
    folder = _writable(cache_folder("")) / name
    check_writable(folder)
    return folder


@lru_cache
def _writable(root: Path) -> Path:
    """A cache folder, or the one for temporary files in its place, which is told once."""
    try:
        check_writable(root)
        return root
    except RuntimeError as error:
        instead = _temporary_cache()
        said = f"auflow: {error}; {instead} serves instead, {CACHE_VARIABLE} may name another"
        print(printable(said), file=sys.stderr)
        return instead


def _temporary_cache() -> Path:
    """Of this user alone, since what lies in it is run."""
    folder = Path(tempfile.gettempdir()) / f"auflow-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise unwritable(folder, error) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise RuntimeError(
            f"{folder} must be a folder that this user alone can write to: set {CACHE_VARIABLE} to one that is"
        )
    return folder


PLAIN = re.compile(r"[\w./+@%=:,~-]*", re.ASCII)
"""A path that tools take which know neither blanks nor quotes nor other alphabets."""
PLAIN_PLACES = ("/tmp", "/var/tmp", "/dev/shm")
"""Where a temporary folder lies whose usual place is not plain."""


@contextmanager
def plain_folder() -> Iterator[Path]:
    """A temporary folder whose path is `PLAIN`, for tools that take no other.

    Raises:
        RuntimeError: There is no place for one.
    """
    usual = tempfile.gettempdir()
    for place in (usual, *PLAIN_PLACES):
        where = os.path.realpath(place)
        if PLAIN.fullmatch(where) and os.access(where, os.W_OK | os.X_OK):
            with tempfile.TemporaryDirectory(dir=where) as folder:
                yield Path(folder)
            return
    raise RuntimeError(
        f"FINN+ and Verilator need a folder whose path has no blanks, quotes or accents, got {usual}: set TMPDIR to one"
    )


REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "make room there, or name another place"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "name a place that you may write to"),
}


def unwritable(path: Path, error: OSError) -> RuntimeError:
    """The sentence for a file or folder that cannot be written: path, reason, remedy."""
    remedy = REMEDIES.get(error.errno or 0, "name another place")
    return RuntimeError(f"cannot write {path}: {error.strerror or error}; {remedy}")


def check_writable(folder: Path) -> None:
    """Make a folder where it is missing, and see whether a file in it takes data.

    Raises:
        RuntimeError: It does not.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0")
    except OSError as error:
        raise unwritable(folder, error) from None


def check_output(path: Path, folder: bool = False) -> None:
    """See, before the work, whether a file, or the files of a folder, can be written at a path; nothing is left there.

    Args:
        path: What is to be written.
        folder: Whether that is a folder.

    Raises:
        RuntimeError: It cannot be.
    """
    if path.exists() and path.is_dir() != folder:
        there, need = ("file", "folder") if folder else ("folder", "file")
        raise RuntimeError(f"cannot write {path}: it is a {there}, need the name of a {need}; name another")
    place = path.absolute() if folder else path.absolute().parent
    try:
        there_already = next(one for one in (place, *place.parents) if one.exists())
        with tempfile.TemporaryFile(dir=there_already) as file:
            file.write(b"0")
    except OSError as error:
        raise unwritable(path, error) from None


def sha256(content: Path | bytes) -> str:
    """Digest of a file or of bytes, 64 hexadecimal digits.

    Raises:
        OSError: The file cannot be read.
    """
    digest = hashlib.sha256()
    if isinstance(content, bytes):
        digest.update(content)
        return digest.hexdigest()
    with open(content, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def partial_name(path: Path) -> Path:
    """Where a file or folder grows until it is whole: hidden beside it, of this process, with its suffix."""
    return path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Write a file or a folder whole or not at all.

    Yields a name to write to, which becomes `path` at the end; an error leaves nothing behind, and what was at `path`
    as it was. The parent folder is made where it is missing. A folder replaces a folder.

    Raises:
        RuntimeError: It cannot be written; the sentence names the path and the reason.
    """
    partial = partial_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        sync(partial)
        if partial.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        partial.replace(path)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            with suppress(OSError):  # none was made, or its folder is none
                partial.unlink()


def sync(path: Path) -> None:
    """Bring a file, or all of a folder, to the disk, so that a crash cannot leave a name without its content."""
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            with open(file, "rb") as opened:
                os.fsync(opened.fileno())


def digests(folder: Path) -> dict[str, str]:
    """Digest of every file in a folder and below, by its path in it, in the order of these.

    Raises:
        OSError: One cannot be read.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): sha256(file) for file in files}


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; see `whole`."""
    with whole(path) as partial:
        partial.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write a text as UTF-8, whole or not at all; see `whole`."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write JSON for programs and people, whole or not at all; see `whole`."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_csv(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """Write rows of cells, the header among them, as CSV, whole or not at all; see `whole`.

    Text becomes harmless to terminals and spreadsheets, see `board.core.text.cell`; a number stays one.
    """
    text = io.StringIO()
    csv.writer(text).writerows([_harmless(content) for content in row] for row in rows)
    write_text(path, text.getvalue())


def _harmless(content: object) -> object:
    """A cell that neither steers a terminal nor computes in a spreadsheet."""
    if not isinstance(content, str):
        return content
    try:
        float(content)
    except ValueError:
        return cell(content)
    return content


def write_figure(path: Path, figure: Any, dpi: int) -> None:
    """Write a matplotlib figure as its name's suffix says, whole or not at all; see `whole`.

    Raises:
        RuntimeError: It cannot be written.
        ValueError: The suffix is of no format that matplotlib knows.
    """
    with whole(path) as partial:
        figure.savefig(partial, dpi=dpi)


def write_npz(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays as one compressed .npz, nothing pickled, whole or not at all; see `whole`."""
    if pickled := [name for name, array in arrays.items() if array.dtype.hasobject]:
        raise ValueError(f"an array must hold numbers or text, got objects in {pickled[0]!r}")
    import numpy as np  # it takes a command's time to start

    with whole(path) as partial, open(partial, "wb") as file:
        try:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type] # allow_pickle, which numpy 1 takes for an array
        except ValueError as error:
            if isinstance(error.__context__, KeyboardInterrupt):  # Ctrl-C, and then numpy could not close its zip
                raise error.__context__ from None
            raise
