# SPDX-License-Identifier: Apache-2.0
"""Outputs that cannot be written are told before the work, and what the system says without a path gets one."""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from board.cli import command
from board.cli.command import Command, main, sentence
from board.cli.options import add_json, add_output


def writer(done: list[str]) -> Command:
    """A command with a file and a folder as outputs, which tells that it worked."""

    def arguments(parser: argparse.ArgumentParser) -> None:
        add_json(parser)
        add_output(parser.add_mutually_exclusive_group(), "--out", folder=True)

    def run(options: argparse.Namespace) -> int:
        done.append("worked")
        return 0

    return Command("write", command.USE, "Writes.", arguments, run, ())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--json", "{file}/x.json"], "cannot write {file}/x.json: Not a directory"),
        (["--json", "{folder}"], "cannot write {folder}: it is a folder, need the name of a file; name another"),
        (["--out", "{file}"], "cannot write {file}: it is a file, need the name of a folder; name another"),
        (["--out", "/proc/x/y"], "cannot write /proc/x/y: "),
    ],
)
def test_an_output_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    places = {"file": str(tmp_path / "file"), "folder": str(tmp_path / "folder")}
    done: list[str] = []
    assert main([writer(done)], ["write", *(word.format(**places) for word in words)]) == 1
    assert capsys.readouterr().err.startswith(f"auflow: {said.format(**places)}")
    assert not done


def test_outputs_that_can_be_written_leave_nothing_before_the_work(tmp_path: Path) -> None:
    done: list[str] = []
    words = ["write", "--json", str(tmp_path / "new/deep/x.json"), "--out", str(tmp_path / "other/new")]
    assert main([writer(done)], words) == 0 and done == ["worked"]
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_without_a_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write into an open file says no name: which of the disks in use has no space left?"""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
    (tmp_path / "full").mkdir()
    free = shutil.disk_usage(tmp_path)

    def usage(place: Path) -> object:
        return free._replace(free=1000 if "full" in str(place) else 1 << 40)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    said = sentence(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    where = f"the folder for temporary files, {tmp_path}/full"
    assert said == f"cannot use {where}: No space left on device: make room there, or name another place"


def test_a_copy_names_where_to(tmp_path: Path) -> None:
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "from", None, "to")
    assert sentence(error) == "cannot use to: No space left on device: make room there, or name another place"
    assert sentence(OSError(errno.EROFS, "Read-only file system", "x")).endswith("name a place that you may write to")
