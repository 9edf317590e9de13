# SPDX-License-Identifier: Apache-2.0
"""The whole family compiles: every preset, with and without attention, for every number of AUs."""

from pathlib import Path

import numpy as np
import pytest
from quantized_networks import save_network, varied_faces

from board.executors.numpy_executor import NumpyExecutor
from board.parity import Level, compare
from hls_build.compiler import compile_graph, lower_file
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.parity.executors import DataflowExecutor
from qnn.export.executors import TorchExecutor
from qnn.export.export import MODEL, export, frozen_network
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
def test_integers_and_dataflow_equal_torch(preset: str, aus: int, attention: bool, tmp_path: Path) -> None:
    path = save_network(tmp_path, Architecture(aus, attention, divisor=8), preset)
    export(path, tmp_path / "out")
    graph = lower_file(tmp_path / "out" / MODEL)
    model = compile_graph(graph, BuildConfig("family", preset, load_board("Pynq-Z2"), 100.0))
    faces = varied_faces(24)
    network, integer = TorchExecutor(frozen_network(path)[0]), NumpyExecutor(graph)
    levels = [Level.of(network), Level.of(integer), Level.of(DataflowExecutor(model), 2)]
    found = compare(levels, faces, [f"AU{number}" for number in range(aus)])
    assert found.difference is None, str(found.difference)
    layers = integer.layers(faces[:4])
    for name, codes in network.layers(faces[:4]).items():
        if name != "pixels_q":  # a 2-bit network's answer may not vary, so its layers are held too
            np.testing.assert_array_equal(layers[name], codes, err_msg=name)
    assert (np.ptp(layers["conv3_q"], axis=0) > 0).any()
    assert layers["fc3"].shape == (4, 1, 1, aus)
    assert any(node.name.startswith("attention") for node in graph.nodes) == attention
