# SPDX-License-Identifier: Apache-2.0
"""Activation thresholds: searching and evaluating everything find the same, in little memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, helper
from qonnx_models import quant

from board.core.quantizer import Quantizer
from hls_build.lowering.abstract_values import Edge
from hls_build.lowering.activation_thresholds import ScalarFunction, find
from hls_build.lowering.order import keeps_order
from hls_build.lowering.scalars import SCALAR_OPS

OPSET, CHANNELS, MOST = 20, 6, 40_000
QUANT = quant("real", "y", 4)


def edge(layout: Any, rng: np.random.Generator) -> Edge:
    """Sums of some channels, each of its own range and scale."""
    low, high = -rng.integers(0, MOST, CHANNELS), rng.integers(1, MOST, CHANNELS)
    return Edge(
        "sums", (4, 4, CHANNELS), np.exp2(rng.integers(-12, -8, CHANNELS)).astype(np.float64), low, high, layout
    )


def chain(kinds: list[str], layout: str, rng: np.random.Generator) -> tuple[list[NodeProto], dict[str, np.ndarray]]:
    """Nodes of these kinds from `sums` on, and their constants, of either sign where that keeps order."""
    shape = {"map": (CHANNELS, 1, 1), "pixels": (CHANNELS,), "vector": (CHANNELS,)}[layout]
    nodes, constants, value = [], {}, "sums"
    for index, kind in enumerate(kinds):
        sides = {"Add": (-9, 9), "Sub": (-9, 9), "Mul": (-2, 2), "Div": (-3, 3), "PRelu": (0, 1)}.get(kind)
        names = []
        if sides:
            names = [f"c{index}"]
            constants[names[0]] = rng.uniform(*sides, shape).astype(np.float32)
        elif kind == "BatchNormalization":
            names = [f"{part}{index}" for part in ("gain", "bias", "mean", "variance")]
            ranges = [(-2, 2), (-3, 3), (-9, 9), (0.1, 3)]
            constants |= {n: rng.uniform(*r, CHANNELS).astype(np.float32) for n, r in zip(names, ranges, strict=True)}
        nodes.append(helper.make_node(kind, [value, *names], [f"v{index}"], name=f"n{index}"))
        value = f"v{index}"
    return nodes, constants


CHAINS = [
    [],
    ["Relu"],
    ["BatchNormalization", "Relu"],
    ["Relu", "BatchNormalization"],
    ["Add", "Mul", "LeakyRelu", "Div"],
    ["PRelu", "Sub", "Neg", "HardSigmoid"],
    ["Mul", "Round", "Add", "Floor", "Mul", "Ceil"],
]


@pytest.mark.parametrize("layout", ["map", "pixels", "vector"])
@pytest.mark.parametrize("kinds", CHAINS, ids="-".join)
def test_a_search_finds_what_evaluating_everything_finds(
    kinds: list[str], layout: str, rng: np.random.Generator
) -> None:
    if layout == "pixels" and "BatchNormalization" in kinds:
        pytest.skip("ONNX's BatchNormalization has no channels behind the pixels")
    source = edge(layout, rng)
    varied = False
    for quantizer in (Quantizer(np.array(1 / 8), 4, True), Quantizer(np.array(1 / 16), 6, False)):
        nodes, constants = chain(kinds, layout, rng)
        function = ScalarFunction("sums", nodes, constants, OPSET)
        assert function.keeps_order
        falling, thresholds = find(QUANT, source, function, quantizer, CHANNELS)
        function.keeps_order = False
        seen, tabulated = find(QUANT, source, function, quantizer, CHANNELS)
        np.testing.assert_array_equal(falling, seen)
        low, high = np.where(seen, -source.high, source.low), np.where(seen, -source.low, source.high)
        within = np.clip(tabulated, low[:, None], high[:, None] + 1)  # beyond a channel's range its last code repeats
        np.testing.assert_array_equal(np.clip(thresholds, low[:, None], high[:, None] + 1), within)
        varied |= bool((np.diff(within, axis=1) > 0).any())
    assert varied, "thresholds that are all alike show nothing"


@pytest.mark.parametrize("kind", sorted({kind for kinds in CHAINS for kind in kinds} | {"Clip"}))
def test_what_keeps_order_does(kind: str, rng: np.random.Generator) -> None:
    nodes, constants = chain([kind], "map", rng)
    assert keeps_order(nodes[0], constants)
    x = np.sort(rng.normal(0, 3, (1, CHANNELS, 100_000, 1)).astype(np.float32), axis=2)
    steps = np.diff(ScalarFunction("sums", nodes, constants, OPSET)(x)[0, :, :, 0], axis=1)
    assert (((steps >= 0).all(axis=1)) | ((steps <= 0).all(axis=1))).all()


def test_what_is_not_proven_is_evaluated() -> None:
    one, minus = {"c": np.array([1.0])}, {"c": np.array([-1.0])}
    assert not keeps_order(helper.make_node("Div", ["c", "x"], ["y"]), one)
    assert not keeps_order(helper.make_node("Div", ["x", "c"], ["y"]), {"c": np.array([1.0, 0.0])})
    assert not keeps_order(helper.make_node("PRelu", ["x", "c"], ["y"]), minus)
    assert not keeps_order(helper.make_node("LeakyRelu", ["x"], ["y"], alpha=-0.5), {})
    statistics = {"g": np.ones(2), "b": np.ones(2), "m": np.ones(2), "v": np.array([1.0, -1.0])}
    assert not keeps_order(helper.make_node("BatchNormalization", ["x", *statistics], ["y"]), statistics)
    assert not any(keeps_order(helper.make_node(kind, ["x"], ["y"]), {}) for kind in ("Sigmoid", "Tanh", "Elu", "Exp"))
    assert {"Erf", "Selu", "Softplus", "Softsign"} < set(SCALAR_OPS)


@pytest.mark.parametrize("kind", ["Relu", "Exp"])
def test_wide_sums_take_little_memory(kind: str) -> None:
    """A table of every code of these sums would take 64 MB; the codes of Exp are few, and so are the places to err."""
    most = 500_000
    source = Edge("sums", (4, 4, 8), np.full(8, 2.0**-16), np.full(8, -most), np.full(8, most))
    function = ScalarFunction("sums", [helper.make_node(kind, ["sums"], ["real"])], {}, OPSET)
    tracemalloc.start()
    try:
        find(QUANT, source, function, Quantizer(np.array(1 / 2), 3, False), 8)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()
