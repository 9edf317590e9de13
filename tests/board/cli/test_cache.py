# SPDX-License-Identifier: Apache-2.0
"""`auflow cache` tells what is there by kind, and bounds and deletes it."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

import pytest

from board.cli.cache import size_bytes
from board.cli.main import main
from board.core import cache


def _write(content: bytes, folder: Path) -> None:
    (folder / "x").write_bytes(content)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of two kinds."""
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_held", {})
    for kind, name, mib in (("models", "a", 1), ("models", "b", 1), ("faces", "c", 2)):
        content = b"x" * (mib << 20)
        cache.release(cache.entry(kind, name, partial(_write, content)))
    return tmp_path / "cache"


def test_kinds_and_sizes_are_listed(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "--json", str(tmp_path / "cache.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{folder}: 4.0 MiB of at most 4,096.0 MiB"
    assert "models              2       2.0 MiB  verilated designs" in lines
    content = json.loads((tmp_path / "cache.json").read_text())
    assert content["limit_bytes"] == 4 << 30 and content["kinds"]["models"]["entries"] == 2
    assert content["bytes"] == sum(kind["bytes"] for kind in content["kinds"].values()) > 4 << 20


def test_a_limit_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "--limit", "3.5M"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1.0 MiB deleted"
    assert main(["cache"]) == 0
    assert "3.0 MiB of at most 3.5 MiB" in capsys.readouterr().out


def test_clear_tells_what_stays(capsys: pytest.CaptureFixture[str]) -> None:
    held = cache.find("faces", "c")
    assert main(["cache", "--clear"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2.0 MiB deleted (the rest is in use)"
    assert held is not None and [one.place for one in cache.entries()] == [held]


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("500M", 500 << 20), ("2g", 2 << 30), ("1.5 KiB", None), ("1.5KiB", 1536)]
)
def test_sizes_are_read(text: str, size: int | None) -> None:
    if size is not None:
        assert size_bytes(text) == size
        return
    with pytest.raises(argparse.ArgumentTypeError, match=r"need a size such as 500M or 2G, got '1\.5 KiB'"):
        size_bytes(text)
