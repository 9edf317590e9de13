# SPDX-License-Identifier: Apache-2.0
"""Files that a user hands over: of a bounded size, taken apart with care, refused in one sentence with path and remedy.

What a decoder raises is no sentence for a person, and which of its own errors it raises on broken bytes is chance. So
every reader of JSON, of arrays and of our own structures in them goes through here.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import sys
import tokenize
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeVar
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, LargeZipFile, ZipFile, ZipInfo

if TYPE_CHECKING:  # its import takes time, as numpy's does, for which readers of text do not wait
    import numpy.typing as npt

T = TypeVar("T")
LARGEST_TEXT_BYTES = 64 << 20
"""Of a JSON, TOML or CSV file; the largest real one, FERPlus's labels, is a thirtieth of it."""
LARGEST_ARRAYS_BYTES = 1 << 30
"""Of all arrays of an .npz, unpacked."""
ENCRYPTED = 1
"""Bit of the flags of a file in an archive."""
_BROKEN = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, NotImplementedError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError, BadZipFile, LargeZipFile, tokenize.TokenError, zlib.error),
)
"""What numpy and zipfile raise on broken bytes."""


@contextmanager
def parsing(path: Path, what: str, remedy: str) -> Iterator[None]:
    """Make one ValueError of whatever goes wrong while the content of a file is taken apart.

    Args:
        path: The file.
        what: What it is, such as "a contract".
        remedy: What to do where it is none, such as "build again".
    """
    try:
        yield
    except ValueError as error:  # which states its rule
        said = str(error)
        if said.endswith(f": {remedy}"):  # of a reader within, which names its file
            raise
        raise ValueError(f"{_short(said)} in {path}: {remedy}") from None
    except RecursionError:
        _refuse(what, "of the form that this version knows, got one that is nested too deep", path, remedy)
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else str(error)
        _refuse(what, f"of the form that this version knows, got {_short(said)}", path, remedy)


def read_bytes(path: Path, what: str, remedy: str, largest: int = LARGEST_TEXT_BYTES) -> bytes:
    """All bytes of a file, where it is no larger than it may be; see `parsing` for the arguments.

    Raises:
        ValueError: It is missing, no file, may not be read, or is larger.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(largest + 1)
    except FileNotFoundError:
        raise ValueError(f"{what} must be a file, got none at {path}: {remedy}") from None
    except (OSError, ValueError) as error:  # the latter for a name that no file can have
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{what} must be a file that can be read, got {reason} for {path}: {remedy}") from None
    if len(content) > largest:
        raise ValueError(f"{what} must have at most {largest >> 20} MiB, got more in {path}: {remedy}")
    return content


def read_text(path: Path, what: str, remedy: str) -> str:
    """A text in UTF-8; see `read_bytes`."""
    content = read_bytes(path, what, remedy)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        _refuse(what, f"text in UTF-8, got byte {content[error.start]:#04x} at {error.start}", path, remedy)


def read_rows(path: Path, what: str, remedy: str) -> list[list[str]]:
    """Rows of CSV, a mark of the byte order left off; see `read_text`.

    Raises:
        ValueError: It is missing, no text, or has a cell larger than Python's csv takes.
    """
    text = read_text(path, what, remedy).removeprefix("\ufeff")
    try:
        return list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        _refuse(what, f"CSV, got {error}", path, remedy)


def read_json(path: Path, what: str, remedy: str) -> Any:
    """JSON; see `read_bytes`."""
    return parse_json(read_bytes(path, what, remedy), path, what, remedy)


def parse_json(content: bytes | str, path: Path, what: str, remedy: str) -> Any:
    """The JSON in some bytes or text of a file; see `parsing` for the arguments.

    Raises:
        ValueError: It is none: not UTF-8, nested too deep, or with numbers of thousands of digits.
    """
    try:
        return json.loads(content)
    except RecursionError:
        _refuse(what, "JSON, got one that is nested too deep", path, remedy)
    except ValueError as error:  # also of bytes that are not UTF-8
        _refuse(what, f"JSON, got {_short(str(error))}", path, remedy)


def read_arrays(path: Path, what: str, remedy: str) -> dict[str, npt.NDArray[Any]]:
    """All arrays of an .npz by their names, nothing unpickled; see `parsing` for the arguments.

    Raises:
        ValueError: It is missing, broken, holds objects, or announces more than it holds or LARGEST_ARRAYS_BYTES.
    """
    import numpy as np

    with decoding(path, what, "an .npz of plain arrays", remedy), ZipFile(path) as packed:
        arrays = {}
        for info in packed_files(packed, LARGEST_ARRAYS_BYTES):
            with packed.open(info) as file:
                check_array(file, info.file_size)
            with packed.open(info) as file:
                arrays[info.filename.removesuffix(".npy")] = np.lib.format.read_array(file, allow_pickle=False)
        return arrays


def read_array(path: Path, what: str, remedy: str) -> npt.NDArray[Any]:
    """The array of an .npy file, mapped and read as it is used; see `parsing` for the arguments.

    Raises:
        ValueError: It is missing, broken, holds objects, or announces more than it holds.
    """
    import numpy as np

    with decoding(path, what, "a plain array", remedy):
        with open(path, "rb") as file:
            check_array(file, path.stat().st_size)
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return array


@contextmanager
def decoding(path: Path, what: str, rule: str, remedy: str) -> Iterator[None]:
    """Make one ValueError of whatever numpy or zipfile raises on a file that is missing or broken.

    Args:
        path: The file.
        what: What it is, such as "a deployment".
        rule: What it must be, such as "a .zip archive".
        remedy: What to do where it is none.
    """
    try:
        yield
    except FileNotFoundError:
        raise ValueError(f"{what} must be a file, got none at {path}: {remedy}") from None
    except _BROKEN as error:
        _refuse(what, f"{rule}, got {_said(error)}", path, remedy)


def packed_files(packed: ZipFile, largest: int) -> list[ZipInfo]:
    """What an archive holds.

    Args:
        packed: The archive.
        largest: Most bytes that all files may announce together; `member` and `check_array` hold them to that.

    Raises:
        ValueError: They announce more, or one is encrypted or packed by another method than deflate, whose decoders
            take what memory a file asks for.
    """
    infos = packed.infolist()
    if (announced := sum(info.file_size for info in infos)) > largest:
        raise ValueError(f"one that unpacks to {announced >> 20} MiB, more than {largest >> 20}")
    for info in infos:
        if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED) or info.flag_bits & ENCRYPTED:
            raise ValueError(f"one with {info.filename!r:.100} encrypted or packed by another method than deflate")
    return infos


def member(packed: ZipFile, info: ZipInfo, largest: int) -> bytes:
    """A file of an archive; no more memory is taken than for the largest that it may be, whatever it unpacks to.

    Raises:
        ValueError: It is larger; or what zipfile raises on a broken one.
    """
    with packed.open(info) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"{info.filename!r:.100} of more than {largest >> 20} MiB")
    return content


def check_array(file: IO[bytes], size: int) -> None:
    """Hold the head of an .npy of so many bytes to what follows it, before memory is taken for it.

    Raises:
        ValueError: It holds objects or announces more than the file has; or what numpy raises on a broken head.
    """
    import numpy as np

    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array of format {version[0]}.{version[1]}")
    heads = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, dtype = heads[version](file)
    if dtype.hasobject:
        raise ValueError("Python objects")
    announced = math.prod(shape) * dtype.itemsize
    if announced > size:
        raise ValueError(f"an array that announces {announced} bytes and has at most {size}")


def keys_of(cls: Any, content: Any, where: str, optional: Collection[str] = ()) -> dict[str, Any]:
    """A JSON object that has the fields of a dataclass and no others; the optional ones may be missing."""
    found: dict[str, Any] = typed(dict, content, where)
    expected = {item.name for item in fields(cls)}
    if missing := sorted(expected - set(optional) - set(found)):
        raise ValueError(f"{where} must have the key {missing[0]!r}, got none")
    if unknown := sorted(set(found) - expected):
        raise ValueError(f"{where} must have only known keys, got {unknown[0]!r}")
    return found


def typed(kind: type[T], value: Any, where: str) -> T:
    """A JSON value of the given kind."""
    if not isinstance(value, kind):
        raise ValueError(f"{where} must be of type {kind.__name__}, got {type(value).__name__}")
    return value


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number, and one that a float can hold: JSON's integers have any size."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def is_count(value: Any) -> bool:
    """Whether a JSON value is a whole number of at least 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _refuse(what: str, rule: str, path: Path, remedy: str) -> NoReturn:
    raise ValueError(f"{what} must be {rule} in {path}: {remedy}") from None


def _said(error: Exception) -> str:
    """What an error of a decoder says."""
    if isinstance(error, MemoryError | OverflowError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return "one that does not fit into this computer's memory"
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return _short(said or type(error).__name__)


def _short(said: str) -> str:
    """What a decoder says, on one line of bounded length."""
    words = " ".join(said.split())
    return words if len(words) <= 200 else f"{words[:199]}…"
