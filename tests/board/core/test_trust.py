# SPDX-License-Identifier: Apache-2.0
"""No library runs that was not built here, whichever command, executor or archive leads to it."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from packages import seal, write_package

from board.cli import main as board_program
from board.core import trust
from board.deployment import LIBRARY, MANIFEST, Deployment, Manifest, Simulated
from board.detector import AUDetector
from board.executors import open_executor
from board.simulation import library as libraries
from board.simulation.harness import Simulation

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler: cc is not on PATH")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, in which nothing is recorded."""
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A library that writes a file as soon as it is loaded, and that file."""
    folder = tmp_path_factory.mktemp("evil")
    code = f"""
    #include <stdio.h>
    __attribute__((constructor)) static void run(void) {{ fclose(fopen("{folder}/ran", "w")); }}
    """
    (folder / "evil.c").write_text(code)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(folder / "evil.so"), str(folder / "evil.c")], check=True)
    return folder / "evil.so", folder / "ran"


@pytest.fixture
def archive(tmp_path: Path, evil: tuple[Path, Path]) -> Path:
    """A deployment's archive with that library in it, every digest right."""
    folder = write_package(tmp_path / "deploy")
    (folder / LIBRARY).parent.mkdir()
    shutil.copyfile(evil[0], folder / LIBRARY)
    seal(folder)
    manifest = Manifest.parse((folder / MANIFEST).read_text(), folder)
    replace(manifest, simulation=Simulated(sysconfig.get_platform(), (), ())).write(folder)
    with ZipFile(tmp_path / "package.zip", "w") as packed:
        for path in (path for path in folder.rglob("*") if path.is_file()):
            packed.write(path, path.relative_to(folder))
    return tmp_path / "package.zip"


@needs_compiler
@pytest.mark.parametrize("executor", ["rtl", "fpga"])
@pytest.mark.parametrize("through", ["detector", "executor", "detect", "bench", "live", "parity", "folder"])
def test_a_strangers_library_does_not_run(
    through: str,
    executor: str,
    archive: Path,
    evil: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It once ran, without a word, for anyone who held executors of an archive against each other."""
    np.save(tmp_path / "faces.npy", np.zeros((1, 48, 48, 3), np.uint8))
    deploy = ["--deploy", str(archive)]
    commands = {
        "detect": ["detect", str(tmp_path / "faces.npy"), *deploy, "--executor", executor],
        "bench": ["bench", *deploy, "--executor", executor],
        "live": ["live", str(tmp_path / "faces.npy"), *deploy, "--executor", executor, "--port", "0"],
        "parity": ["parity", *deploy, "--executors", executor, "--count", "1"],
    }
    if through in commands:
        status = board_program.main(commands[through])
        written = capsys.readouterr()
        said = written.err + written.out
        assert status == 1 or through == "parity"
    else:
        path = tmp_path / "deploy" if through == "folder" else archive
        with pytest.raises(RuntimeError) as refused:
            if through == "detector":
                AUDetector(path, executor)
            else:
                open_executor(Deployment(path), executor)
        said = str(refused.value)
    assert "is program code, and no build of this user on this computer made it" in said
    assert "say --trust if you trust who made it" in said
    assert not evil[1].exists()


@needs_compiler
def test_what_is_trusted_is_run(archive: Path, evil: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    libraries._load.cache_clear()
    status = board_program.main(["parity", "--deploy", str(archive), "--executors", "rtl", "--count", "1", "--trust"])
    assert status == 0 and "it lacks auf_error" in capsys.readouterr().out  # it is no simulation, but it did run
    assert evil[1].exists()
    evil[1].unlink()


def test_a_recorded_library_is_asked_for_its_digest_each_time(tmp_path: Path, cache: Path) -> None:
    library = tmp_path / "model.so"
    library.write_bytes(b"no library")
    trust.record(library)
    with pytest.raises(RuntimeError, match="cannot load the simulation library"):  # the loader has looked at it
        Simulation(library)
    library.write_bytes(b"another one")
    with pytest.raises(RuntimeError, match=r"the simulation library .*model\.so is program code, and no build of"):
        Simulation(library)
    assert len(list((cache / trust.TRUSTED).iterdir())) == 1


def test_no_other_place_loads_a_library() -> None:
    """Whoever adds one has to ask board.core.trust too."""
    root = Path(trust.__file__).parents[2]
    places = {
        path.relative_to(root).as_posix()
        for package in ("board", "qnn", "hls_build")
        for path in (root / package).rglob("*.py")
        if "CDLL(" in path.read_text()
    }
    system = {"board/core/opencv.py", "qnn/training/allocator.py"}  # OpenCV's own and libc
    assert places - system == {"board/simulation/library.py"}


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"cannot read .*gone\.so: No such file"):
        trust.check(tmp_path / "gone.so", "the simulation library")
