# SPDX-License-Identifier: Apache-2.0
"""Gate: every pair of feature and gate is looked up, and features wait for their gates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernel_cases import FRAMES, Cases, NodeCase, label, random_inputs
from kernels import Simulate, lanes
from onnx import helper
from qonnx_models import BRANCH, QonnxCase, channel_branch, quant, refuse

from hls_build.kernels.gate.spec import GateSpec


def gate_spec(kind: str, pixels: int, channels: int, pe: int, **types: Any) -> GateSpec:
    """Spec with a random table; types overrides the widths and signs of a 4-bit gate."""
    fields: dict[str, Any] = {"x_bits": 4, "x_signed": True, "g_bits": 4, "out_bits": 4, "out_signed": True, **types}
    out_bits = fields["out_bits"]
    low = -(1 << (out_bits - 1)) if fields["out_signed"] else 0
    shape = (1 << fields["x_bits"], 1 << fields["g_bits"])
    table = np.random.default_rng(7).integers(low, low + (1 << out_bits), shape)
    return GateSpec(pixels=pixels, channels=channels, pe=pe, kind=kind, table=table, **fields)


GEOMETRIES: list[tuple[tuple[int, int, int], dict[str, Any]]] = [
    ((6, 8, 2), {}),
    ((5, 3, 3), {"x_signed": False, "out_signed": False}),
    ((1, 1, 1), {}),
    ((1, 6, 1), {"x_bits": 3, "g_bits": 5, "out_bits": 2}),
    ((9, 6, 3), {"x_bits": 8, "g_bits": 3, "out_bits": 7, "out_signed": False}),
]
CHANNEL, SPATIAL = ([gate_spec(kind, *size, **types) for size, types in GEOMETRIES] for kind in ("channel", "spatial"))
NODE = {"x_bits": 2, "out_bits": 3}
TINY = {"x_bits": 1, "g_bits": 2, "out_bits": 3}
CASES = Cases(
    specs=[*CHANNEL, *SPATIAL],
    illegal=[
        ({"pixels": 0}, "pixels >= 1"),
        ({"pe": 3}, "pe to divide channels=8"),
        ({"x_bits": 0}, "1 <= x_bits <= 24, got x_bits=0"),
        ({"g_bits": 0}, "1 <= g_bits <= 24"),
        ({"out_bits": 25}, "1 <= out_bits <= 24"),
        ({"x_bits": 9}, r"x_bits \+ g_bits <= 12, got 9 \+ 4"),
        ({"kind": "pixel"}, r"kind in \('channel', 'spatial'\), got kind='pixel'"),
        ({"table": np.zeros(255)}, r"2\*\*\(x_bits \+ g_bits\) table entries, got 255"),
        ({"table": np.full(256, 8)}, "entries from -8 to 7, got 8 to 8"),
        ({"out_signed": False, "table": np.full(256, -1)}, "entries from 0 to 15, got -1 to -1"),
    ],
    illegal_rtl=[
        ({"CHANNELS": 7, "TABLE": 0}, "PE to divide CHANNELS"),
        ({"PIXELS": 0, "TABLE": 0}, "need PIXELS >= 1"),
        ({"X_BITS": 9, "TABLE": 0}, r"X_BITS \+ G_BITS <= 12"),
        ({"SPATIAL": 2}, "need SPATIAL to be 0 or 1"),
    ],
    nodes=[
        NodeCase(gate_spec("channel", 6, 4, 2, **NODE), [[1, 2, 3, 4], [1, 1, 1, 4]], [[1, 2, 3, 4]]),
        NodeCase(gate_spec("spatial", 6, 4, 4, **NODE, x_signed=False), [[1, 2, 3, 4], [1, 2, 3, 1]], [[1, 2, 3, 4]]),
    ],
    synthesised=[CHANNEL[0], SPATIAL[0]],
    qonnx=[
        QonnxCase(
            [
                *channel_branch("eight", signed=0),
                helper.make_node("Unsqueeze", ["branch", "axes_2_3"], ["gate"], name="map"),
                helper.make_node("Mul", ["x", "gate"], ["product"], name="product"),
                quant("product", "y", 4, scale="large", signed=1),
            ],
            (4, 12, 12),
            {**BRANCH, "eight": np.array(8.0), "large": np.array(32.0)},
            scale=32.0,
        ),
        QonnxCase(
            [
                quant("spatial", "spatial_q", 2, signed=1, narrow=1),
                helper.make_node("Conv", ["x", "spatial_q"], ["heat"], name="heat", kernel_shape=[1, 1]),
                quant("heat", "gate", 4, signed=0),
                helper.make_node("Mul", ["gate", "x"], ["product"], name="product"),
                quant("product", "y", 4, scale="large", signed=1),
            ],
            (4, 12, 12),
            {"spatial": np.array([1, -1, 1, 1], np.float32).reshape(1, 4, 1, 1), "large": np.array(8.0)},
            scale=8.0,
        ),
    ],
    proved=[
        gate_spec("channel", 2, 2, 1, **TINY),
        gate_spec("channel", 1, 4, 2, **TINY),
        gate_spec("spatial", 1, 4, 2, **TINY),
    ],
    proved_slowly=[
        gate_spec("channel", 4, 4, 2, x_bits=2, g_bits=2, out_bits=2),
        gate_spec("spatial", 2, 6, 2, x_bits=2, g_bits=2, out_bits=2),
    ],
)
each_kind = pytest.mark.parametrize("spec", [CHANNEL[0], SPATIAL[0]], ids=label)


def set_beats(spec: GateSpec) -> int:
    """Beats of a set of gates."""
    return spec.inputs[1].beats if spec.kind == "channel" else 1


def beats_of(spec: GateSpec, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Packed beats of random frames for both inputs."""
    arrays = random_inputs(spec, rng, FRAMES)
    return {port.prefix: lanes(port).pack(array) for port, array in zip(spec.inputs, arrays, strict=True)}


@pytest.mark.verilator
@pytest.mark.parametrize("kind", ["channel", "spatial"])
def test_every_entry_of_the_table(kind: str, simulate: Simulate) -> None:
    codes = np.arange(256)
    if kind == "channel":  # a frame per gate, a pixel per feature
        spec = gate_spec(kind, pixels=16, channels=1, pe=1)
        x, g = (codes % 16).reshape(16, 1, 16, 1) - 8, np.arange(16).reshape(16, 1, 1, 1)
    else:
        spec = gate_spec(kind, pixels=256, channels=1, pe=1)
        x, g = (codes % 16).reshape(1, 1, 256, 1) - 8, (codes // 16).reshape(1, 1, 256, 1)
    table = np.array(spec.table).reshape(16, 16)
    (answer,) = simulate.run(spec, x, g).outputs
    np.testing.assert_array_equal(answer.ravel(), [table[(x - 8) % 16, g] for g in range(16) for x in range(16)])


@pytest.mark.verilator
@each_kind
def test_two_sets_of_gates_load_before_x(spec: GateSpec, rng: np.random.Generator, simulate: Simulate) -> None:
    beats = beats_of(spec, rng)
    with simulate.open(spec) as simulation:
        simulation.feed("s_axis_gate", beats["s_axis_gate"])
        assert not simulation.step(50)
        assert len(simulation.take("s_axis_gate")[0]) == 2 * set_beats(spec)
        start = simulation.cycle
        simulation.feed("s_axis", beats["s_axis"])
        simulation.expect("m_axis", len(beats["s_axis"]))
        assert simulation.step(2000)
        stamps = simulation.take("m_axis")[1]
        assert stamps[0] - start == 2  # the register of x and the output's
        assert np.all(np.diff(stamps) == 1)


@pytest.mark.verilator
@each_kind
def test_x_waits_for_a_whole_set_of_gates(spec: GateSpec, rng: np.random.Generator, simulate: Simulate) -> None:
    beats = beats_of(spec, rng)
    whole = set_beats(spec)
    with simulate.open(spec) as simulation:
        simulation.feed("s_axis", beats["s_axis"])
        simulation.expect("m_axis", len(beats["s_axis"]))
        simulation.feed("s_axis_gate", beats["s_axis_gate"][: whole - 1])
        assert not simulation.step(50)
        assert len(simulation.take("s_axis")[0]) == 2
        assert len(simulation.take("m_axis")[0]) == 0
        simulation.feed("s_axis_gate", beats["s_axis_gate"][whole - 1 :])
        assert simulation.step(2000)


def test_a_product_that_is_no_gate_is_refused() -> None:
    square = helper.make_node("Mul", ["x", "x"], ["y"], name="square")
    supported = "supported are a feature map by one gate per channel or one per pixel; one edge of sums with constants"
    refuse([square], rf"square \(Mul\) of x \(12, 12, 4\), x \(12, 12, 4\) has no hardware; {supported}$")


def test_a_gate_without_a_quantizer_is_refused() -> None:
    spatial = [
        quant("spatial", "spatial_q", 2, signed=1, narrow=1),
        helper.make_node("Conv", ["x", "spatial_q"], ["heat"], name="heat", kernel_shape=[1, 1]),
        helper.make_node("Sigmoid", ["heat"], ["gate"], name="sigmoid"),
    ]
    constants = {"spatial": np.ones((1, 4, 1, 1))}
    product = helper.make_node("Mul", ["x", "gate"], ["y"], name="product")
    refuse([*spatial, product], r"product \(Mul\) reads gate, which is not quantized: put a Quant", constants)
    product = helper.make_node("Mul", ["x", "heat"], ["y"], name="product")
    refuse([*spatial[:2], product], r"product \(Mul\) reads heat, which is not quantized: put a Quant", constants)


def test_a_channel_gate_is_made_a_map_or_refused() -> None:
    turn = helper.make_node("Unsqueeze", ["branch", "axis_1"], ["y"], name="turn")
    nodes = [*channel_branch("sixteenth", signed=0), turn]
    refuse(nodes, r"turn \(Unsqueeze\) adds axes \[1\] to a vector, supported are axes 2 and 3", BRANCH)
