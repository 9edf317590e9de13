# SPDX-License-Identifier: Apache-2.0
"""What a build keeps of its steps, without doing any: nothing of those that failed, changed or differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from packages import small_contract
from rich.console import Console

from board.core.files import sha256
from board.parity import Compared, Difference, Parity
from hls_build.build import flow, proof, steps
from hls_build.build.flow import STEPS, Job
from hls_build.build.steps import Step
from hls_build.build_folder import BuildFolder
from hls_build.config.board import load_board
from hls_build.config.build import BUILDS, load_build
from qnn.network.presets import shipped_checkpoint

CONFIG = BUILDS / "pynq-z2_tiny.toml"
CONSOLE = Console(quiet=True)


def run(out: Path) -> None:
    """A build up to its first step."""
    flow.run(CONFIG, None, out, 1, "export", resume=False, pack_simulation=False, console=CONSOLE)


def test_a_failed_step_leaves_none_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def do(job: Job) -> None:
        (job.folder.root / "model.onnx").write_text("half")
        (job.folder.root / "rest").mkdir()
        (job.folder.root / "rest/part").write_text("half")
        raise RuntimeError("the tool is gone")

    step = Step("fails", do, lambda folder: (folder.root / "model.onnx", folder.root / "rest"))
    monkeypatch.setitem(STEPS, "export", step)
    with pytest.raises(RuntimeError, match="the tool is gone"):
        run(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["build.json", "build.log"]


def test_a_step_is_kept_only_while_its_files_are_what_it_made(tmp_path: Path) -> None:
    folder = BuildFolder(tmp_path)
    names = ("model.onnx", "standard.onnx")
    for name in names:
        (tmp_path / name).write_text(name)
    made = {"export": {"seconds": 1.0, "files": {name: sha256(tmp_path / name) for name in names}}}
    assert steps.unchanged(STEPS, folder, made, CONSOLE) == made
    (tmp_path / "standard.onnx").write_text("cut short")
    assert steps.unchanged(STEPS, folder, made, CONSOLE) == {}
    assert not any((tmp_path / name).exists() for name in names)


def test_a_build_for_another_board_is_another_one(tmp_path: Path) -> None:
    build, checkpoint = load_build(CONFIG), shipped_checkpoint("tiny")
    key = flow._fingerprint(CONFIG, build, checkpoint)
    assert flow._fingerprint(CONFIG, build, checkpoint) == key
    for other in (replace(build, board=load_board("Ultra96")), replace(build, attention=True)):
        assert flow._fingerprint(CONFIG, other, checkpoint) != key
    assert flow._fingerprint(CONFIG, build, tmp_path / "none.safetensors") != key


def test_a_difference_ends_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    difference = Difference("rtl", None, "stream out0", 0, None, (0, 0, 3), "AU5 Upper lid raiser", 7, 8, ("numpy",))
    parity = Parity(1, (Compared("numpy", "", 7), Compared("rtl", "", 7, 1, 0.1, difference)))
    monkeypatch.setattr(proof, "prove", lambda *_: (parity, (None,)))
    monkeypatch.setattr(flow, "example_faces", lambda *_, **__: np.zeros((1, 48, 48, 3), np.uint8))
    folder = BuildFolder(tmp_path)
    small_contract().write(folder.contract)
    job = Job(folder, load_build(CONFIG), shipped_checkpoint("tiny"), 1, False, CONSOLE, None)
    with pytest.raises(RuntimeError, match=r"parity failed: rtl differs at its output, stream out0, face 0, AU5"):
        flow.simulate_step(job)
    assert folder.read_report("parity")["difference"]["actual"] == 8
