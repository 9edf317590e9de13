# SPDX-License-Identifier: Apache-2.0
"""OpenCV's libraries are opened in an order in which each finds what it needs."""

from __future__ import annotations

import ctypes
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from board.core.opencv import code, leaves_first, library


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """top needs middle and leaf, middle needs leaf; all need the C library, which lies elsewhere."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    for name, needs in (("leaf", ()), ("middle", ("leaf",)), ("top", ("middle", "leaf"))):
        source = tmp_path / f"{name}.c"
        calls = " + ".join(["1", *(f"{need}()" for need in needs)])
        source.write_text("".join(f"int {need}(void);\n" for need in needs) + f"int {name}(void) {{ return {calls}; }}")
        links = ["-L", str(tmp_path), "-Wl,--no-as-needed", *(f"-l{need}" for need in needs)]
        command = [compiler, "-shared", "-fPIC", "-o", str(tmp_path / f"lib{name}.so"), str(source), *links]
        subprocess.run(command, check=True)
    return tmp_path


def test_needed_libraries_are_read_from_the_file(libraries: Path) -> None:
    assert library(str(libraries / "libtop.so")).needed[:2] == ["libmiddle.so", "libleaf.so"]


def test_each_library_follows_all_that_it_needs(libraries: Path) -> None:
    assert leaves_first(str(libraries / "libtop.so"), str(libraries)) == ["libleaf.so", "libmiddle.so"]


def test_code_that_is_given_back_is_there_when_it_is_called(libraries: Path) -> None:
    path = str(libraries / "libleaf.so")
    leaf = ctypes.CDLL(path).leaf
    assert leaf() == 1
    ((begin, end),) = code({path})
    address = ctypes.cast(leaf, ctypes.c_void_p).value
    assert address is not None and begin <= address < end
    assert ctypes.CDLL(None).madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), 4) == 0
    assert leaf() == 1


def test_a_library_whose_code_is_changed_is_told(libraries: Path, tmp_path: Path) -> None:
    path = libraries / "libleaf.so"
    assert not library(str(path)).relocated
    content = bytearray(path.read_bytes())
    word = "<Q" if content[4] == 2 else "<I"
    entry = struct.pack(word, 0x6FFFFEF5)  # the hash table's, which any library has
    assert content.count(entry) == 1
    (tmp_path / "changed.so").write_bytes(content.replace(entry, struct.pack(word, 22)))
    assert library(str(tmp_path / "changed.so")).relocated


def test_a_file_that_is_no_library_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lib.so").write_bytes(b"GROUP ( libm.so.6 )")  # as a linker script's
    with pytest.raises(ValueError, match="must be an ELF file"):
        library(str(tmp_path / "lib.so"))


def test_opencv_is_loaded_by_the_rooms_that_use_it() -> None:
    code = "import board.faces, sys; import cv2; print(sys.getdlopenflags() == flags, cv2.__version__)"
    command = [sys.executable, "-c", f"import sys; flags = sys.getdlopenflags(); {code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("True 4.")
