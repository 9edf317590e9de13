# SPDX-License-Identifier: Apache-2.0
"""A build's executors in software: FINN+'s graph shows the integer graph's layers, and one changed node is found."""

import numpy as np
import pytest
from networks import SMALL, random_faces, random_network

from board.executors.executor import LayerExecutor
from board.executors.numpy_executor import NumpyExecutor
from board.parity import Level, compare
from hls_build import dataflow
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.parity.executors import DataflowExecutor

AU_NAMES = [f"AU{number}" for number in range(1, SMALL.outputs + 1)]


def of_dataflow(seed: int) -> DataflowExecutor:
    """FINN+'s graph of a random network."""
    return DataflowExecutor(
        dataflow.build(random_network(seed, SMALL), BuildConfig("small", "w4a4", load_board("Pynq-Z2"), 100.0))
    )


def test_finns_graph_shows_the_layers_of_the_integer_graph(rng: np.random.Generator) -> None:
    faces = random_faces(rng, 2, SMALL.size)
    integer, finn = NumpyExecutor(random_network(1, SMALL)), of_dataflow(1)
    assert isinstance(finn, LayerExecutor)
    known, shown = integer.layers(faces), finn.layers(faces)
    common = set(known) & set(shown)
    assert {"conv1", "conv3_q", "attention1_fc1", "attention2_spatial_q", "fc3"} <= common
    for name in common:
        np.testing.assert_array_equal(shown[name], known[name], name)
    found = compare([Level.of(integer), Level.of(finn)], faces, AU_NAMES)
    assert found.difference is None
    assert [(one.executor, one.faces) for one in found.executors] == [("numpy", 8), ("dataflow", 8)]


@pytest.mark.parametrize("tensor", ["conv3_q", "attention1_fc1", "fc3"])
def test_a_changed_node_of_finns_graph_is_found_in_its_layer(tensor: str, rng: np.random.Generator) -> None:
    finn = of_dataflow(2)
    node = next(node for node in finn._model.graph.node if tensor in node.output)
    values = finn._model.get_initializer(node.input[1])
    finn._model.set_initializer(node.input[1], np.roll(values, 1, axis=0))  # weights or thresholds of another channel
    found = compare(
        [Level.of(NumpyExecutor(random_network(2, SMALL))), Level.of(finn)], random_faces(rng, 3, SMALL.size), AU_NAMES
    )
    assert found.difference is not None
    assert (found.difference.executor, found.difference.layer) == ("dataflow", tensor)
