# SPDX-License-Identifier: Apache-2.0
"""Real faces through every executor of the shipped networks; needs FERPlus, named by AUFLOW_FERPLUS."""

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from board.core.contract import Contract
from board.executors.rtl_executor import RtlExecutor
from board.parity import PATTERNS, Level, compare
from board.simulation.streams import STALLS
from hls_build.build import flow
from hls_build.config.build import BUILDS, load_build
from hls_build.parity.executors import software
from hls_build.simulation.open_rtl import open_rtl
from qnn.data.loading import load
from qnn.network.presets import shipped_checkpoint

FERPLUS = os.environ.get("AUFLOW_FERPLUS")
pytestmark = [
    pytest.mark.verilator,
    pytest.mark.skipif(FERPLUS is None, reason="AUFLOW_FERPLUS names no folder of FERPlus"),
]


def real_faces(count: int) -> np.ndarray:
    """Validation faces, (count, 48, 48, 3) uint8."""
    return load("ferplus", Path(str(FERPLUS)), splits=("valid",)).rgb[:count]


def built(name: str, folder: Path) -> flow.BuildFolder:
    """A checked-in configuration, built as far as the simulator."""
    path = BUILDS / f"{name}.toml"
    flow.run(path, None, folder, 1, "verilate", resume=False, pack_simulation=False, console=Console(quiet=True))
    return flow.BuildFolder(folder)


def check(name: str, folder: Path, count: int, dataflow: int, rtl: int) -> None:
    """Hold every executor against the Brevitas model, the RTL under every stall pattern."""
    build = built(name, folder)
    checkpoint = shipped_checkpoint(load_build(BUILDS / f"{name}.toml").preset)
    *levels, last = [Level.of(executor) for executor in software(build, checkpoint)]
    levels.append(replace(last, faces=dataflow))
    with ExitStack() as opened:
        for stall in STALLS:
            live = opened.enter_context(open_rtl(build.rtl, build.library))
            levels.append(Level.of(RtlExecutor(live, stall, seed=11), rtl, batch=50))
        found = compare(levels, real_faces(count), Contract.read(build.contract).au_names)
    assert found.difference is None, str(found.difference)
    asked = [one.faces - len(PATTERNS) for one in found.executors]
    assert asked == [*[count] * 4, dataflow, *[rtl] * len(STALLS)]


def test_tiny_is_equal_on_real_faces(tmp_path: Path) -> None:
    check("pynq-z2_tiny", tmp_path / "build", count=500, dataflow=20, rtl=25)


@pytest.mark.slow
def test_tiny_is_equal_on_a_hundred_real_faces_under_every_stall(tmp_path: Path) -> None:
    check("pynq-z2_tiny", tmp_path / "build", count=500, dataflow=500, rtl=100)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pynq-z2_w4a4", "pynq-z2_w3a3", "pynq-z2_w2a4", "pynq-z2_w2a2"])
def test_the_full_network_is_equal_on_real_faces(tmp_path: Path, name: str) -> None:
    check(name, tmp_path / "build", count=500, dataflow=500, rtl=20)
