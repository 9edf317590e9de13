# SPDX-License-Identifier: Apache-2.0
"""Archives tell neither when nor by whom they were packed."""

from __future__ import annotations

import os
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

from hls_build.build_folder import pack, repack


def folder(root: Path, umask: int, moment: int) -> Path:
    """Two files, of another user and time each."""
    before = os.umask(umask)
    try:
        for name in ("b.txt", "a/c.txt") if umask else ("a/c.txt", "b.txt"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(name)
            os.utime(root / name, (moment, moment))
    finally:
        os.umask(before)
    return root


def test_equal_folders_make_equal_archives(tmp_path: Path) -> None:
    for name, umask, moment in (("x", 0, 10**9), ("y", 0o077, 2 * 10**9)):
        pack(folder(tmp_path / name, umask, moment), tmp_path / f"{name}.zip", inside="top")
    assert (tmp_path / "x.zip").read_bytes() == (tmp_path / "y.zip").read_bytes()
    with ZipFile(tmp_path / "x.zip") as packed:
        assert packed.namelist() == ["top/a/c.txt", "top/b.txt"]
        assert {info.date_time for info in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in packed.infolist()} == {0o100644}


def test_an_archive_of_others_is_packed_anew(tmp_path: Path) -> None:
    for name, moment in (("x", (2020, 1, 1, 0, 0, 0)), ("y", (2026, 2, 3, 4, 5, 6))):
        with ZipFile(tmp_path / f"{name}.whl", "w", ZIP_STORED) as packed:
            for member in ("z.py", "a.py"):
                with packed.open(member, "w") as file:
                    file.write(member.encode())
                packed.getinfo(member).date_time = moment
        repack(tmp_path / f"{name}.whl")
    assert (tmp_path / "x.whl").read_bytes() == (tmp_path / "y.whl").read_bytes()
    with ZipFile(tmp_path / "x.whl") as packed:
        assert packed.namelist() == ["z.py", "a.py"]  # a wheel's order is its packer's
        assert packed.read("a.py") == b"a.py"
