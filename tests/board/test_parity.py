# SPDX-License-Identifier: Apache-2.0
"""Parity counts every wrong integer, names the first where it is, and asks what no grey face asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from packages import faces, small_graph, write_package

from board import executors, parity
from board.core.facs import AU_NAMES
from board.core.graph import IntegerGraph
from board.core.layers.conv import Conv
from board.core.layers.threshold import Threshold
from board.deployment import Deployment
from board.executors.numpy_executor import NumpyExecutor
from board.parity import PATTERNS, Level, Parity, compare, levels_of


class Named(NumpyExecutor):
    """The integer graph under another name."""

    def __init__(self, name: str, graph: IntegerGraph | None = None) -> None:
        super().__init__(graph or small_graph())
        self.name = name
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class OutputOnly:
    """Shows its accumulators and no layer, as hardware does; `change` makes them wrong."""

    description = "wrong on purpose"
    output = "stream out0"

    def __init__(self, name: str, change: Callable[[np.ndarray], None]) -> None:
        self.name, self.change = name, change
        self.closed = 0

    def accumulators(self, x: np.ndarray) -> np.ndarray:
        out = NumpyExecutor(small_graph()).accumulators(x)
        self.change(out)
        return out

    def close(self) -> None:
        self.closed += 1


class SwapsRedAndBlue(Named):
    """Reads BGR where RGB is meant."""

    def accumulators(self, x: np.ndarray) -> np.ndarray:
        return super().accumulators(np.ascontiguousarray(x[..., ::-1]))


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(write_package(tmp_path / "deploy"))


def changed(layer: str) -> IntegerGraph:
    """The small graph with other weights or thresholds in one layer."""
    graph = small_graph()
    nodes = []
    for node in graph.nodes:
        if node.name == layer and isinstance(node, Conv):
            node = replace(node, weights=node.weights + 1)
        elif node.name == layer and isinstance(node, Threshold):
            node = replace(node, thresholds=node.thresholds + 400)
        nodes.append(node)
    return IntegerGraph(graph.tensors, tuple(nodes), graph.input, graph.output)


def grey(count: int) -> np.ndarray:
    """Faces as a grey contract has them."""
    return np.repeat(faces(count)[..., :1], 3, axis=3)


def counts(found: Parity) -> list[tuple[str, int, int]]:
    return [(one.executor, one.faces, one.mismatches) for one in found.executors]


def test_equal_executors_have_no_difference() -> None:
    found = compare([Level.of(Named("first")), Level.of(Named("again"), 1)], faces(3), AU_NAMES)
    assert found.difference is None
    assert counts(found) == [("first", 9, 0), ("again", 7, 0)]
    assert found.verdict() == (
        "Equal, 0 differences: 3 faces and 6 test patterns in first; 1 face and 6 test patterns in again."
    )


@pytest.mark.parametrize("layer", ["conv", "conv_q", "heat_conv", "heat_q", "dense"])
def test_a_change_is_found_in_its_layer(layer: str) -> None:
    broken = Named("broken", changed(layer))
    levels = [Level.of(Named("first")), Level.of(Named("second")), Level.of(broken), Level.of(Named("last"))]
    found = compare(levels, faces(3), AU_NAMES)
    difference = found.difference
    assert difference is not None and difference.executor == "broken"
    node = next(node for node in small_graph().nodes if node.name == layer)
    assert (difference.layer,) == node.outputs and difference.agreed == ("first", "second")
    sample = faces(3)[difference.face : difference.face + 1]
    index = (0, *difference.element)
    assert Named("again").layers(sample)[node.outputs[0]][index] == difference.expected
    assert broken.layers(sample)[node.outputs[0]][index] == difference.actual
    text = f"broken differs at layer {node.outputs[0]}, face {difference.face}, element ["
    assert str(difference).startswith(text) and str(difference).endswith("on which first and second agree")
    assert found.executors[-1].mismatches == 0, "those that follow are asked too"


def test_a_wrong_attention_code_is_named_by_its_place(tmp_path: Path) -> None:
    deployment = Deployment(write_package(tmp_path / "deploy", attention=True))
    right = NumpyExecutor(small_graph(attention=True))

    class Wrong(OutputOnly):
        def accumulators(self, x: np.ndarray) -> np.ndarray:
            out = right.accumulators(x)
            out[:, 13 + 24 * 2 + 5] ^= 1
            return out

    rtl = Wrong("rtl", lambda out: None)
    found = compare([*levels_of(deployment, []), Level.of(rtl)], faces(2), deployment.contract.output_names)
    assert "its output, stream out0, face 0, attention code [2, 5]: got" in str(found.difference)
    assert counts(found) == [("numpy", 8, 0), ("rtl", 8, 8)]


def test_an_executor_without_layers_is_said_to_differ_at_its_output_alone() -> None:
    def change(out: np.ndarray) -> None:
        out[1, 4] += 1
        out[2, 0] -= 1

    rtl = OutputOnly("rtl", change)
    found = compare([Level.of(Named("numpy")), Level.of(Named("dataflow")), Level.of(rtl)], faces(5), AU_NAMES)
    right = int(NumpyExecutor(small_graph()).accumulators(faces(5))[1, 4])
    assert found.difference is not None and found.difference.layer is None
    assert str(found.difference) == (
        f"rtl differs at its output, stream out0, face 1, {AU_NAMES[4]}: got {right + 1}, need {right},"
        " on which numpy and dataflow agree"
    )
    assert counts(found)[-1] == ("rtl", 11, 2)
    assert found.verdict().startswith("Not equal, rtl differs on 2 of 11: 5 faces and 6 test patterns in numpy, ")


def test_grey_faces_do_not_hide_that_red_and_blue_are_swapped() -> None:
    swaps = SwapsRedAndBlue("swaps")
    expected = NumpyExecutor(small_graph()).accumulators(grey(4))
    np.testing.assert_array_equal(swaps.accumulators(grey(4)), expected)  # no grey face shows it
    found = compare([Level.of(Named("first")), Level.of(swaps, 1)], grey(4), AU_NAMES)
    assert found.difference is not None
    assert (found.difference.face, found.difference.pattern) == (4, "noise")
    assert "test pattern noise" in str(found.difference)


def test_the_patterns_are_all_colours_and_their_extremes() -> None:
    made = dict(zip(PATTERNS, parity.patterns((4, 5, 3)), strict=True))
    assert (made["black"] == 0).all() and (made["white"] == 255).all()
    for channel, name in enumerate(("red", "green", "blue")):
        assert (made[name][..., channel] == 255).all() and made[name].sum() == 255 * 4 * 5
    assert len(np.unique(made["noise"])) > 30
    np.testing.assert_array_equal(made["noise"], parity.patterns((4, 5, 3))[0])


def test_executors_are_closed_and_progress_ends_full() -> None:
    seen: dict[str, list[tuple[int, int]]] = {}
    first, second = Named("first"), OutputOnly("second", lambda out: None)
    closed_before_the_third: list[int] = []

    def third() -> Named:
        closed_before_the_third.extend((first.closed, second.closed))
        return Named("third")

    levels = [Level.of(first), Level.of(second, 20, batch=None), Level("third", third, 1)]
    compare(levels, faces(40), AU_NAMES, lambda name, done, asked: seen.setdefault(name, []).append((done, asked)))
    assert seen["first"] == [(0, 46), (16, 46), (16, 46), (14, 46)]
    assert seen["second"] == [(0, 26), (26, 26)]
    for steps in seen.values():
        assert sum(done for done, _ in steps) == steps[0][1]
    assert closed_before_the_third == [0, 1] and (first.closed, second.closed) == (1, 1)


def test_a_baseline_takes_all_faces() -> None:
    with pytest.raises(ValueError, match="the baseline must take all faces, got at most 2"):
        compare([Level.of(Named("first"), 2)], faces(3), AU_NAMES)


def test_faces_of_another_type_are_refused() -> None:
    shares: np.ndarray = faces(3) / 255
    with pytest.raises(ValueError, match="faces must be uint8 of shape"):
        compare([Level.of(Named("first"))], shares, AU_NAMES)


def test_numpy_is_first_and_what_is_missing_is_said(deployment: Deployment) -> None:
    found = compare(levels_of(deployment, ("rtl", "numpy")), faces(40), AU_NAMES)
    numpy, rtl = found.executors
    assert (numpy.executor, numpy.faces, numpy.mismatches) == ("numpy", 46, 0)
    assert rtl.faces == 0 and rtl.description.startswith("deployment ")
    assert found.verdict() == "Nothing was compared: only numpy ran."


def test_the_executors_of_a_deployment_are_held_against_numpy(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(out: np.ndarray) -> None:
        out[0, 2] += 7

    monkeypatch.setitem(executors.EXECUTORS, "onnx", lambda deployment: OutputOnly("onnx", change))
    found = compare(levels_of(deployment, ["onnx"]), faces(5), AU_NAMES)
    assert counts(found) == [("numpy", 11, 0), ("onnx", 11, 1)]
    content = found.as_json()
    assert content["baseline"] == "numpy" and content["faces"] == 5 and content["patterns"] == list(PATTERNS)
    assert content["difference"] == content["executors"][1]["difference"]
    assert content["difference"]["action_unit"] == AU_NAMES[2] and content["difference"]["face"] == 0


def test_a_limit_of_none_starts_nothing(deployment: Deployment) -> None:
    found = compare(levels_of(deployment, ("onnx", "rtl"), {"onnx": 2, "rtl": 0}), faces(5), AU_NAMES)
    assert [(one.executor, one.faces) for one in found.executors[1:]] == [("onnx", 0), ("rtl", 0)]
    assert found.executors[2].description == "not asked" != found.executors[1].description, "no onnx was packed"


def test_an_unknown_executor_is_named(deployment: Deployment) -> None:
    with pytest.raises(ValueError, match="an executor must be one of fpga, numpy, onnx, rtl, got 'gpu'"):
        levels_of(deployment, ("gpu",))
