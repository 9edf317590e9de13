# SPDX-License-Identifier: Apache-2.0
"""The whole family compiles: every preset, with and without attention, for every number of AUs."""

from pathlib import Path

import numpy as np
import pytest
from twins import save_twin, varied_faces

from hls_build.compiler import compile_graph
from hls_build.config import build_config as config
from hls_build.config.build_config import BuildConfig
from hls_build.lowering import lower_file
from hls_build.parity.executors import DataflowRung, IntegerRung
from hls_build.parity.ladder import compare, hardware_layer
from qnn.export.executors import Rung, TwinRung
from qnn.export.export import MODEL, export, frozen_twin
from qnn.export.qonnx_graph import OUTPUT
from qnn.network.model import Architecture

FAMILY = [
    ("w4a4", 13, True),
    ("w3a3", 12, True),
    ("w2a4", 7, True),
    ("w2a2", 5, True),
    ("w4a4", 5, False),
    ("w3a3", 7, False),
    ("w2a4", 12, False),
    ("w2a2", 13, False),
]


@pytest.mark.parametrize(("preset", "aus", "attention"), FAMILY, ids=str)
def test_integers_and_dataflow_equal_the_twin(preset: str, aus: int, attention: bool, tmp_path: Path) -> None:
    path = save_twin(tmp_path, Architecture(aus, attention, divisor=8), preset)
    export(path, tmp_path / "out")
    graph = lower_file(tmp_path / "out" / MODEL)
    model = compile_graph(graph, BuildConfig("family", preset, config.board("Pynq-Z2"), 100.0))
    faces = varied_faces(24)
    rungs: list[tuple[Rung, int | None]] = [
        (TwinRung(frozen_twin(path)[0]), None),
        (IntegerRung(graph), None),
        (DataflowRung(model), 2),
    ]
    found = compare(rungs, faces, [name for node in graph.nodes for name in node.outputs])
    assert found.difference is None, str(found.difference)
    twin_codes = TwinRung(frozen_twin(path)[0]).codes(faces[:4])
    integer_codes = IntegerRung(graph).codes(faces[:4])
    for name, codes in twin_codes.items():
        if name not in ("pixels_q", OUTPUT):  # a 2-bit network's answer may not vary, so its layers are held too
            np.testing.assert_array_equal(integer_codes[hardware_layer(name)], codes, err_msg=name)
    assert (np.ptp(integer_codes["conv3_q"], axis=0) > 0).any()
    assert integer_codes["fc3"].shape == (4, 1, 1, aus)
    assert any(node.name.startswith("attention") for node in graph.nodes) == attention
