# SPDX-License-Identifier: Apache-2.0
"""Real faces through every form of the shipped networks; needs FERPlus, named by AUFLOW_FERPLUS."""

import os
from pathlib import Path

import numpy as np
import pytest
from qonnx.core.modelwrapper import ModelWrapper
from rich.console import Console

from board.core.graph import IntegerGraph
from board.simulation.harness import STALLS
from hls_build.build import flow
from hls_build.config import build_config
from hls_build.parity.executors import DataflowRung, IntegerRung, RtlRung
from hls_build.parity.ladder import compare
from hls_build.simulation.open_rtl import open_rtl
from qnn.data.loading import load
from qnn.export import export
from qnn.export.executors import QonnxRung, ReferenceRung, Rung, TwinRung

FERPLUS = os.environ.get("AUFLOW_FERPLUS")
pytestmark = [
    pytest.mark.verilator,
    pytest.mark.skipif(FERPLUS is None, reason="AUFLOW_FERPLUS names no folder of FERPlus"),
]


def real_faces(count: int) -> np.ndarray:
    """Validation faces, (count, 48, 48, 3) uint8."""
    return load("ferplus", Path(str(FERPLUS)), parts=("valid",)).network_input[:count]


def built(name: str, folder: Path) -> flow.BuildFolder:
    """A checked-in configuration, built as far as the simulator."""
    path = build_config.CONFIGS / f"{name}.toml"
    flow.run(path, None, folder, 1, "verilate", resume=False, pack_simulation=False, console=Console(quiet=True))
    return flow.BuildFolder(folder)


def check(name: str, folder: Path, software: int, dataflow: int, rtl: int) -> None:
    """Hold every form against the Brevitas model, the RTL under every stall pattern."""
    build = built(name, folder)
    graph = IntegerGraph.load(build.integer)
    twin, _, _ = export.frozen_twin(
        flow.shipped_checkpoint(build_config.load(build_config.CONFIGS / f"{name}.toml").preset)
    )
    with open_rtl(build.rtl, build.library) as live:
        rungs: list[tuple[Rung, int | None]] = [
            (TwinRung(twin), None),
            (QonnxRung(build.root / export.MODEL), None),
            (ReferenceRung(build.root / export.REFERENCE), None),
            (IntegerRung(graph), None),
            (DataflowRung(ModelWrapper(str(build.dataflow))), dataflow),
            *((RtlRung(live, stall, seed=11), rtl) for stall in STALLS),
        ]
        found = compare(rungs, real_faces(software), [name for node in graph.nodes for name in node.outputs])
    assert found.difference is None, str(found.difference)
    assert [rung.faces for rung in found.rungs] == [*[software] * 4, dataflow, *[rtl] * 4]


def test_tiny_is_equal_on_real_faces(tmp_path: Path) -> None:
    check("pynq-z2_tiny", tmp_path / "build", software=500, dataflow=20, rtl=25)


@pytest.mark.slow
def test_tiny_is_equal_on_a_hundred_real_faces_under_every_stall(tmp_path: Path) -> None:
    check("pynq-z2_tiny", tmp_path / "build", software=500, dataflow=500, rtl=100)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pynq-z2_w4a4", "pynq-z2_w2a2"])
def test_the_full_network_is_equal_on_real_faces(tmp_path: Path, name: str) -> None:
    check(name, tmp_path / "build", software=500, dataflow=500, rtl=20)
