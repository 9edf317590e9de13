# SPDX-License-Identifier: Apache-2.0
"""Deployments: all executors compute the same integers from one, and the wheel in it installs on a board as it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import pytest
from rich.console import Console

import board
from board.core.files import digests, sha256
from board.deployment import (
    EXAMPLE,
    FINDER_LICENCE,
    FINDER_MODEL,
    FINDER_PARAM,
    FINDER_WEIGHTS,
    MANIFEST,
    Deployment,
    unpack,
)
from board.faces.finders import open_finder
from board.faces.load import load_faces
from board.parity import PATTERNS, compare, levels_of
from board.sources.pictures import read_picture
from hls_build.build import flow, package, shipped
from hls_build.build_folder import pack
from hls_build.cli.options import weights
from hls_build.config.board import load_board
from hls_build.config.build import BUILDS, load_build
from qnn.data.example import example_faces, example_picture
from qnn.data.finder import PARAM, SOURCE_SHA256, WEIGHTS, finder, finder_files
from qnn.network.presets import shipped_checkpoint


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished build of the tiny network."""
    out = tmp_path_factory.mktemp("deploy") / "tiny"
    flow.run(
        BUILDS / "pynq-z2_tiny.toml",
        None,
        out,
        2,
        None,
        resume=False,
        pack_simulation=True,
        console=Console(quiet=True),
    )
    return out


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty cache of its own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUFLOW_CACHE", str(folder))
        yield folder


@pytest.mark.verilator
def test_every_executor_of_a_build_computes_the_same_integers(built: Path) -> None:
    deployment = Deployment(built / "deploy")
    names = ("onnx", "rtl")  # fpga needs pynq: the board's environments test it
    found = compare(levels_of(deployment, names, {"rtl": 4}), example_faces(40), deployment.contract.au_names)
    assert [(one.executor, one.faces - len(PATTERNS), one.mismatches) for one in found.executors] == [
        ("numpy", 40, 0), ("onnx", 40, 0), ("rtl", 4, 0)
    ]  # fmt: skip


@pytest.mark.verilator
def test_the_archive_holds_the_folder(built: Path) -> None:
    folder, archive = built / "deploy", built / "tiny.zip"
    with ZipFile(archive) as packed:
        assert sorted(packed.namelist()) == sorted(
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        )
    moved = archive.rename(archive.with_name("moved.zip"))
    out = unpack(moved)
    assert (out / MANIFEST).read_bytes() == (folder / MANIFEST).read_bytes()
    Deployment(out).simulation().close()
    moved.rename(archive)


@pytest.mark.verilator
def test_the_live_page_can_start_with_the_board(built: Path) -> None:
    service = (built / "deploy/auflow-live.service").read_text()
    assert service == (Path(board.__file__).parent / "live/auflow-live.service").read_text()


@pytest.mark.verilator
def test_the_readme_has_six_lines_and_names_the_wheel(built: Path) -> None:
    lines = (built / "deploy/README.md").read_text().splitlines()
    (wheel,) = (built / "deploy").glob("*.whl")
    assert len(lines) == 6
    assert wheel.name in lines[1]


@pytest.mark.verilator
def test_the_simulation_may_stay_out(built: Path) -> None:
    build = flow.BuildFolder(built)
    package.write(build, load_build(BUILDS / "pynq-z2_tiny.toml"), pack_simulation=False)
    deployment = Deployment(build.deploy)
    assert not (build.deploy / "sim").exists()
    with pytest.raises(ValueError, match="was built without it"):
        deployment.simulation()
    package.write(build, load_build(BUILDS / "pynq-z2_tiny.toml"), pack_simulation=True)


def test_weights_alone_make_a_deployment_that_is_kept(cache: Path) -> None:
    made = shipped.software(shipped_checkpoint("tiny"))
    assert cache in made.parents
    stamp = (made / MANIFEST).stat().st_mtime_ns
    assert shipped.software(shipped_checkpoint("tiny")) == made
    assert (made / MANIFEST).stat().st_mtime_ns == stamp
    assert sorted(path.name for path in made.parent.iterdir()) == [made.name]
    assert weights("tiny") == made and weights("none") is None and weights("deeper/tiny") is None
    deployment = Deployment(made)
    found = compare(levels_of(deployment, ("onnx", "rtl")), example_faces(8), deployment.contract.au_names)
    assert [(one.executor, one.faces, one.mismatches) for one in found.executors] == [
        ("numpy", 14, 0), ("onnx", 14, 0), ("rtl", 0, 0)
    ]  # fmt: skip


def test_weights_are_prepared_again_when_what_makes_the_deployment_changes() -> None:
    """The key once left out the module that writes deployments."""
    program = "import sys, hls_build.build.package; print(*(module.__file__ for module in sys.modules.values()"
    program += " if getattr(module, '__file__', None)), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    used = {Path(line) for line in done.stdout.splitlines()}
    ours = {path for path in used if path.is_relative_to(shipped.ROOT) and "site-packages" not in path.parts}
    assert Path(package.__file__) in ours
    assert ours - set(shipped.makers()) == set()


def test_an_empty_cache_variable_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Empty, it once made a folder `deployments` in the working directory."""
    monkeypatch.setenv("AUFLOW_CACHE", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert shipped.software(shipped_checkpoint("tiny")).parent == tmp_path / ".cache/auflow/deployments"


def test_weights_are_prepared_without_a_home(tmp_path: Path) -> None:
    """A container's user may have none: neither our cache nor FINN+'s folder of settings can be made there."""
    program = "from hls_build.build import shipped; from qnn.network.presets import shipped_checkpoint;"
    program += "print(shipped.software(shipped_checkpoint('tiny')))"
    nobody = {**os.environ, "HOME": "/proc/none", "TMPDIR": str(tmp_path), "AUFLOW_CACHE": ""}
    nobody.pop("FINN_SETTINGS", None)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=nobody)
    assert done.returncode == 0, done.stderr
    made = Path(done.stdout.strip())
    assert made.parent == tmp_path / f"auflow-{os.getuid()}/deployments"
    assert done.stderr.count("serves instead") == 1
    assert Deployment(made).contract.au_names


def test_a_cache_that_is_filled_need_not_be_writable(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = shipped.software(shipped_checkpoint("tiny"))
    monkeypatch.setattr("board.core.cache.writable_cache", None)  # not asked for
    assert shipped.software(shipped_checkpoint("tiny")) == made


def test_the_example_in_a_deployment_shows_the_example_face(cache: Path) -> None:
    made = shipped.software(shipped_checkpoint("tiny"))
    picture = read_picture(made / EXAMPLE)
    assert np.abs(picture.astype(int) - example_picture()).mean() < 4  # JPEG
    assert load_faces(made / EXAMPLE, finder().search_still).shape == (1, 48, 48, 3)


def test_detect_works_with_the_weights_in_the_repository(cache: Path, tmp_path: Path) -> None:
    picture = tmp_path / "astronaut.png"
    cv2.imwrite(str(picture), cv2.cvtColor(example_picture(), cv2.COLOR_RGB2BGR))
    for prepares in (True, False):
        done = subprocess.run(
            [sys.executable, "-m", "hls_build.cli.main", "detect", str(picture)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert re.search(r"face 0: .*AU12 [01]\.\d\d.*; (nearest )?emotion happiness", done.stdout), done.stdout
        assert ("preparing the weights w4a4, this once" in done.stderr) == prepares


@pytest.mark.parametrize("platform", ["linux_armv7l", "linux_aarch64", "linux_x86_64"])
def test_the_wheel_installs_offline_without_a_compiler(tmp_path: Path, platform: str) -> None:
    wheel = package.board_wheel(tmp_path)
    for_board = ["--platform", platform, "--python-version", "3.10", "--only-binary", ":all:"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-index", *for_board, "--target", "out", wheel],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/board/notebooks/au_demo.ipynb").is_file()
    entries = next((tmp_path / "out").glob("*.dist-info")) / "entry_points.txt"
    assert "auflow = board.cli.program:program" in entries.read_text()
    assert "[pynq.notebooks]" in entries.read_text()


@pytest.mark.parametrize("what", ["wheel", "deployment"])
def test_equal_sources_make_equal_bytes(what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In another folder, at another time and under another umask."""
    made = []
    for folder, umask, seconds in (("one", 0o022, "1700000000"), ("deeper/two", 0o077, "1800000000")):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", seconds)  # the clock that a wheel's packer reads
        before = os.umask(umask)
        try:
            if what == "wheel":
                package.board_wheel(tmp_path / folder)
            else:
                package.write_software(shipped_checkpoint("tiny"), tmp_path / folder)
                pack(tmp_path / folder, tmp_path / folder / "packed.zip")
        finally:
            os.umask(before)
        made.append(digests(tmp_path / folder))
    assert made[0] == made[1] and any(name.endswith((".whl", ".zip")) for name in made[0])


def test_a_deployment_has_the_face_finder_with_its_licence(cache: Path) -> None:
    deployment = Deployment(shipped.software(shipped_checkpoint("tiny")))
    assert open_finder(deployment).name == "yunet"
    assert sha256(deployment.file(FINDER_MODEL)) == SOURCE_SHA256
    assert deployment.file(FINDER_PARAM).is_file() and deployment.file(FINDER_WEIGHTS).is_file()
    assert "MIT License" in deployment.file(FINDER_LICENCE).read_text()


def test_a_face_finder_that_was_not_converted_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(package.log, "propagate", True)
    files = {name: path for name, path in finder_files().items() if name not in (PARAM, WEIGHTS)}
    monkeypatch.setattr(package.finder, "finder_files", lambda: files)
    package._write_finder(tmp_path)
    assert sorted(path.name for path in (tmp_path / "finder").iterdir()) == ["LICENSE", "yunet.onnx"]
    assert "pnnx is not installed: the face finder is packed for OpenCV alone" in caplog.text


@pytest.mark.parametrize(("board", "machine"), [("Pynq-Z2", "armv7l"), ("KV260", "aarch64")])
def test_the_wheel_of_ncnn_is_the_boards(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, board: str, machine: str
) -> None:
    monkeypatch.setattr(package.log, "propagate", True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    out = tmp_path / "deploy"
    out.mkdir()
    assert package._copy_wheel(out, load_board(board)) is None
    assert f"no ncnn for a board's {machine}" in caplog.text
    (tmp_path / "wheels").mkdir()
    for name in ("cp310-cp310-manylinux_2_31_armv7l", "cp311-cp311-manylinux_2_31_armv7l", "cp310-cp310-x_aarch64"):
        (tmp_path / "wheels" / f"ncnn-1.0-{name}.whl").write_bytes(b"wheel")
    found = package._copy_wheel(out, load_board(board))
    assert found is not None and found.endswith(f"{machine}.whl") and "cp310" in found
    assert [path.relative_to(out).as_posix() for path in out.rglob("*.whl")] == [found]
