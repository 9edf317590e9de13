# SPDX-License-Identifier: Apache-2.0
"""Load OpenCV quickly where it is made of hundreds of shared libraries, as a PYNQ image's is.

Debian's and Ubuntu's cv2 needs some 350 libraries, VTK, Qt and GDAL among them. Imported at once, each symbol of each
is looked up in one library after the other in cv2's own order, and every function is, used or not: 1.9 G instructions
on 32-bit ARM, two thirds of a program's start. Opened one by one, those first that need no other, a library finds
nearly everything in itself, and functions wait for their first use: 0.7 G.

Linking reads nearly all of the code, and leaves 60 MB of it resident, of which a run uses 10. So it is given back: what
is used comes from the system's page cache again.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Collection
from contextlib import suppress
from importlib.machinery import PathFinder
from typing import NamedTuple

_LOAD, _DYNAMIC = 1, 2
"""Types of an ELF file's segments."""
_NEEDED, _STRINGS, _RELOCATED = 1, 5, 22
"""Tags of an ELF file's dynamic section; the last one says that its code is changed when it is loaded."""
_MAPS, _CODE = "/proc/self/maps", "r-xp"
"""Mappings of this process, and the rights of what holds code."""
_NOT_NEEDED = 4
"""MADV_DONTNEED."""
_ELF32 = struct.Struct("=28xI10xHH"), struct.Struct("=III4xI"), struct.Struct("=iI")
_ELF64 = struct.Struct("=32xQ14xHH"), struct.Struct("=I4xQQ8xQ"), struct.Struct("=qQ")
"""Of 32 and 64 bits: the header's place, entry size and count of segments; a segment's type, place in the file, address
and size in the file; an entry of the dynamic section."""
_HEADER_BYTES = 4096
"""Of an ELF file, in which its header and the table of its segments lie."""
_LOG_LEVEL = "OPENCV_LOG_LEVEL"
"""Environment variable of what OpenCV prints; its warnings of a file that it cannot read say nothing to a user."""
_NAME_BYTES = 128
"""Longest name of a library."""


def load_opencv() -> None:
    """Import cv2, its libraries one by one where it is a single module beside the system's; elsewhere do nothing.

    Everything works without this call too, after a longer start and with OpenCV's warnings.
    """
    os.environ.setdefault(_LOG_LEVEL, "ERROR")
    if "cv2" in sys.modules:
        return
    spec = PathFinder.find_spec("cv2")
    folder = f"/usr/lib/{getattr(sys.implementation, '_multiarch', '')}"
    if spec is None or spec.origin is None or not spec.origin.endswith(".so") or not os.path.isdir(folder):
        return  # pip's is a package that brings its few libraries
    libc = ctypes.CDLL(None)  # a CDLL of each would make a class of each
    names = leaves_first(spec.origin, folder)
    for name in names:
        libc.dlopen(name.encode(), os.RTLD_LAZY)  # null for one that can only be opened with those that need it
    before = sys.getdlopenflags()
    sys.setdlopenflags(os.RTLD_LAZY)
    try:
        with suppress(ImportError):  # whoever uses it is told
            import cv2  # noqa: F401 # for its libraries
    finally:
        sys.setdlopenflags(before)
    for begin, end in code({os.path.realpath(f"{folder}/{name}") for name in names}):
        libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _NOT_NEEDED)


def code(files: Collection[str]) -> list[tuple[int, int]]:
    """Addresses from and to which this process has code of some files."""
    found = []
    with suppress(OSError), open(_MAPS) as maps:
        for line in maps:
            addresses, rights, _, _, _, *path = line.rstrip("\n").split(maxsplit=5)
            if rights == _CODE and path and path[0] in files:
                begin, _, end = addresses.partition("-")
                found.append((int(begin, 16), int(end, 16)))
    return found


class Library(NamedTuple):
    """What an ELF file says of itself.

    Attributes:
        needed: Names of the libraries that it needs directly.
        relocated: Whether its code is changed when it is loaded, so that the file no longer holds it.
    """

    needed: list[str]
    relocated: bool


def leaves_first(module: str, folder: str) -> list[str]:
    """Names of the libraries in a folder that an ELF file needs, directly or not, each behind all that it needs.

    One whose code is changed when it is loaded is left out.
    """
    order: list[str] = []
    seen: set[str] = set()
    names, waiting = [module], [iter(library(module).needed)]
    while waiting:
        name = next(waiting[-1], None)
        if name is None:
            waiting.pop()
            order.append(names.pop())
        elif name not in seen:
            seen.add(name)
            with suppress(OSError, ValueError, struct.error):  # of another folder, or no library
                read = library(f"{folder}/{name}")
                if not read.relocated:
                    waiting.append(iter(read.needed))
                    names.append(name)
    return order[:-1]  # without the module itself


def library(path: str) -> Library:
    """Read an ELF file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no ELF file of this machine's byte order.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        start = os.pread(file, _HEADER_BYTES, 0)
        if start[:4] != b"\x7fELF" or start[5:6] != (b"\x01" if sys.byteorder == "little" else b"\x02"):
            raise ValueError(f"a library must be an ELF file of this machine, got {path}")
        header, segment, entry = _ELF64 if start[4] == 2 else _ELF32
        table, step, count = header.unpack_from(start)
        dynamic, loaded = (0, 0), []
        for number in range(count):
            kind, place, address, size = segment.unpack_from(start, table + step * number)
            if kind == _DYNAMIC:
                dynamic = place, size
            elif kind == _LOAD:
                loaded.append((place - address, address, address + size))
        names, strings, relocated = [], 0, False
        for tag, value in entry.iter_unpack(os.pread(file, dynamic[1], dynamic[0])):
            if tag == _NEEDED:
                names.append(value)
            elif tag == _RELOCATED:
                relocated = True
            elif tag == _STRINGS:
                strings = value + next(shift for shift, begin, end in loaded if begin <= value < end)
        needed = [os.pread(file, _NAME_BYTES, strings + name).partition(b"\0")[0].decode() for name in names]
        return Library(needed, relocated)
    finally:
        os.close(file)
