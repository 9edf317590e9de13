# SPDX-License-Identifier: Apache-2.0
"""Parity: equal forms pass, and a single changed weight or threshold is found where it is."""

from dataclasses import replace

import numpy as np
import pytest
from networks import SMALL, random_faces, random_network

from board.core.graph import Conv, IntegerGraph, Threshold
from hls_build.parity.executors import IntegerRung
from hls_build.parity.ladder import compare


def named(rung: IntegerRung, name: str) -> IntegerRung:
    rung.name = name
    return rung


def changed(graph: IntegerGraph, layer: str) -> IntegerGraph:
    """The graph with one weight or one channel's thresholds of a layer changed."""
    nodes = []
    for node in graph.nodes:
        if node.name == layer and isinstance(node, Conv):
            weights = node.weights.copy()
            weights[0] += 1
            node = replace(node, weights=weights)
        elif node.name == layer and isinstance(node, Threshold):
            node = replace(node, thresholds=node.thresholds + 3)
        nodes.append(node)
    return IntegerGraph(graph.tensors, tuple(nodes), graph.input, graph.output)


def layer_order(graph: IntegerGraph) -> list[str]:
    return [name for node in graph.nodes for name in node.outputs]


def test_equal_forms_have_no_difference(rng: np.random.Generator) -> None:
    graph = random_network(1, SMALL)
    faces = random_faces(rng, 3, SMALL.size)
    again = named(IntegerRung(random_network(1, SMALL)), "again")
    found = compare([(IntegerRung(graph), None), (again, 2)], faces, layer_order(graph))
    assert found.difference is None
    assert [(rung.name, rung.faces, rung.mismatches) for rung in found.rungs] == [("integer", 3, 0), ("again", 2, 0)]


@pytest.mark.parametrize("layer", ["conv1", "conv3_q", "attention1_fc1", "attention2_spatial", "fc3"])
def test_a_change_is_found_in_its_layer(layer: str, rng: np.random.Generator) -> None:
    graph = random_network(2, SMALL)
    faces = random_faces(rng, 3, SMALL.size)
    broken = named(IntegerRung(changed(graph, layer)), "broken")
    last = named(IntegerRung(graph), "never asked")
    found = compare([(IntegerRung(graph), None), (broken, None), (last, None)], faces, layer_order(graph))
    difference = found.difference
    assert difference is not None and len(found.rungs) == 2
    assert (difference.rung, difference.layer) == ("broken", layer)
    sample = faces[difference.sample : difference.sample + 1]
    index = (0, *difference.element)
    assert IntegerRung(graph).codes(sample)[layer][index] == difference.expected
    assert broken.codes(sample)[layer][index] == difference.actual
    assert f"broken differs at layer {layer}, face {difference.sample}, element [" in str(difference)


class OutputOnly(IntegerRung):
    """Shows its accumulators and no layer, as hardware does."""

    name = "output only"

    def codes(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        return {}


def test_a_form_that_shows_no_layers_is_located_at_its_output(rng: np.random.Generator) -> None:
    graph = random_network(3, SMALL)
    faces = random_faces(rng, 2, SMALL.size)
    broken = OutputOnly(changed(graph, "fc3"))
    difference = compare([(IntegerRung(graph), None), (broken, None)], faces, layer_order(graph)).difference
    assert difference is not None
    assert (difference.layer, difference.sample, difference.element) == ("fc3", 0, (0, 0, 0))
