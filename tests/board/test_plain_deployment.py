# SPDX-License-Identifier: Apache-2.0
"""A deployment of any network: its executors compute, parity compares them, and commands of action units refuse it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commands import refused, run_cli
from packages import faces, plain_graph, write_plain_package

from board.cli.main import main
from board.core.frames import random_frames
from board.core.plain_contract import PlainContract
from board.deployment import Deployment
from board.detector import AUDetector
from board.executors import open_executor
from board.executors.numpy_executor import NumpyExecutor
from board.parity import Level, compare, pattern_names, patterns


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    return write_plain_package(tmp_path / "deploy")


def test_its_integers_are_worth_what_the_contract_says(deploy: Path) -> None:
    deployed = Deployment(deploy)
    frames = random_frames(3, deployed.accelerator.shape)
    executor = open_executor(deployed)
    assert executor.name == "numpy"
    assert isinstance(deployed.accelerator, PlainContract)
    real = deployed.accelerator.real(executor.accumulators(frames))
    np.testing.assert_allclose(real[..., 1], plain_graph().run(frames)[..., 1] * -0.1 + 1)
    for name, complaint in (("onnx", "must hold standard.onnx"), ("rtl", "must hold sim/accelerator.so")):
        with pytest.raises(ValueError, match=complaint):
            open_executor(deployed, name)


def test_the_emulated_fpga_streams_its_frames(deploy: Path) -> None:
    pytest.importorskip("pynq")
    deployed = Deployment(deploy)
    frames = random_frames(5, deployed.accelerator.shape, 3)
    executor = open_executor(deployed, "fpga")
    np.testing.assert_array_equal(executor.accumulators(frames), plain_graph().run(frames).reshape(5, -1))
    executor.close()


def test_parity_compares_what_runs(deploy: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", random_frames(4, (4, 6, 2), 3))
    for given in ((), ("--faces", tmp_path / "frames.npy")):
        words = ("parity", "--deploy", deploy, "--count", 4, "--executors", "numpy", *given)
        ran = run_cli(*words, program=main)
        assert ran.status == 0 and "0 of 7 differ" in ran.stdout, ran
    assert "got uint8 (2, 48, 48, 3)" in refused(
        "parity", "--deploy", deploy, "--faces", _faces(tmp_path), program=main
    )


def _faces(folder: Path) -> Path:
    np.save(folder / "faces.npy", faces(2))
    return folder / "faces.npy"


@pytest.mark.parametrize("command", [("detect", "photo.jpg"), ("bench",), ("live",)])
def test_commands_of_action_units_refuse_it(command: tuple[str, ...], deploy: Path) -> None:
    said = refused(*command, "--deploy", deploy, program=main)
    assert said.startswith("this needs a network of action units, got small of `auflow compile` in"), said


def test_a_detector_refuses_it(deploy: Path) -> None:
    with pytest.raises(ValueError, match="this needs a network of action units"):
        AUDetector(deploy)


def test_patterns_have_colours_where_frames_do() -> None:
    assert [len(patterns((4, 5, channels))) for channels in (1, 2, 3, 4)] == [3, 3, 6, 3]
    names = pattern_names(2)
    made = dict(zip(names, patterns((4, 6, 2)), strict=True))
    assert made["white"].min() == 255 and made["black"].max() == 0 and len(np.unique(made["noise"])) > 20


def test_a_difference_is_in_a_frame(rng: np.random.Generator) -> None:
    class Wrong(NumpyExecutor):
        name = "wrong"
        layers = None  # type: ignore[assignment] # shows none

        def accumulators(self, frames: np.ndarray) -> np.ndarray:
            return super().accumulators(frames) + (np.arange(72) == 5)

    right, wrong = NumpyExecutor(plain_graph()), Wrong(plain_graph())
    names = [f"output {index}" for index in range(72)]
    found = compare([Level.of(right), Level.of(wrong)], random_frames(2, (4, 6, 2)), names, sample="frame")
    assert "frame 0, output 5" in str(found.difference)
    assert found.verdict().endswith("2 frames and 3 test patterns in numpy and wrong.")
    assert found.as_json()["patterns"] == ["noise", "black", "white"]
