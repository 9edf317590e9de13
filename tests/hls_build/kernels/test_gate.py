# SPDX-License-Identifier: Apache-2.0
"""Gate: the RTL looks every pair of feature and gate up, one beat per cycle, across frames too."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from board.core.lanes import Lanes
from hls_build.kernels.gate.spec import GateSpec
from hls_build.simulation import verilator
from hls_build.yosys.tool import synthesise

FRAMES = 20


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
SPECS = [gate_spec(kind, *size, **types) for kind in ("channel", "spatial") for size, types in GEOMETRIES]


def label(spec: GateSpec) -> str:
    """Name of a spec without its table."""
    widths = f"{'i' if spec.x_signed else 'u'}{spec.x_bits}-u{spec.g_bits}"
    out = f"{'i' if spec.out_signed else 'u'}{spec.out_bits}"
    return f"{spec.kind}-{spec.pixels}x{spec.channels}-pe{spec.pe}-{widths}-{out}"


def random_frames(spec: GateSpec, rng: np.random.Generator) -> list[np.ndarray]:
    """Random feature maps and gates; two frames hold nothing but least and nothing but greatest values."""
    arrays = []
    for stream in spec.inputs:
        low, high = stream.limits
        array = rng.integers(low, high + 1, (FRAMES, 1, stream.pixels, stream.channels))
        array[1], array[2] = low, high
        arrays.append(array)
    return arrays


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=label)
@pytest.mark.parametrize("stall", ["none", "source", "sink", "both"])
def test_rtl_equals_model(spec: GateSpec, stall: str, rng: np.random.Generator, simulate: Any) -> None:
    x, g = random_frames(spec, rng)
    np.testing.assert_array_equal(simulate(spec, x, g, stall), spec.model(x, g))


@pytest.mark.verilator
@pytest.mark.parametrize("kind", ["channel", "spatial"])
def test_every_entry_of_the_table(kind: str, simulate: Any) -> None:
    codes = np.arange(256)
    if kind == "channel":  # a frame per gate, a pixel per feature
        spec = gate_spec(kind, pixels=16, channels=1, pe=1)
        x, g = (codes % 16).reshape(16, 1, 16, 1) - 8, np.arange(16).reshape(16, 1, 1, 1)
    else:
        spec = gate_spec(kind, pixels=256, channels=1, pe=1)
        x, g = (codes % 16).reshape(1, 1, 256, 1) - 8, (codes // 16).reshape(1, 1, 256, 1)
    table = np.array(spec.table).reshape(16, 16)
    answer = simulate(spec, x, g).ravel()
    np.testing.assert_array_equal(answer, [table[(x - 8) % 16, g] for g in range(16) for x in range(16)])


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=label)
def test_one_beat_per_cycle_across_frames(spec: GateSpec, rng: np.random.Generator, simulate: Any) -> None:
    result = simulate.run(spec, *random_frames(spec, rng)).result
    set_beats = spec.inputs[1].beats if spec.kind == "channel" else 1
    first = max(spec.latency, set_beats + 1)  # the first set of gates arrives together with x
    assert result.first_out_cycle == first
    assert np.all(np.diff(result.stamps["m_axis"]) == 1)
    assert result.cycles == FRAMES * spec.cycles() + first


def beats_of(spec: GateSpec, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Packed beats of both inputs."""
    return {
        stream.port: Lanes(stream.lanes, stream.bits, stream.signed).pack(array)
        for stream, array in zip(spec.inputs, arrays, strict=True)
    }


@pytest.mark.verilator
@pytest.mark.parametrize("spec", [SPECS[0], SPECS[5]], ids=label)
def test_two_sets_of_gates_load_before_x(spec: GateSpec, rng: np.random.Generator, simulate: Any) -> None:
    beats = beats_of(spec, random_frames(spec, rng))
    set_beats = spec.inputs[1].beats if spec.kind == "channel" else 1
    with simulate.open(spec) as simulation:
        simulation.feed("s_axis_gate", beats["s_axis_gate"])
        assert not simulation.step(50)
        assert len(simulation.take("s_axis_gate")[0]) == 2 * set_beats
        start = simulation.cycle
        simulation.feed("s_axis", beats["s_axis"])
        simulation.expect("m_axis", len(beats["s_axis"]))
        assert simulation.step(1000)
        assert simulation.take("m_axis")[1][0] - start == spec.latency
        assert np.all(np.diff(simulation.take("m_axis")[1]) == 1)


@pytest.mark.verilator
@pytest.mark.parametrize("spec", [SPECS[0], SPECS[5]], ids=label)
def test_x_waits_for_a_whole_set_of_gates(spec: GateSpec, rng: np.random.Generator, simulate: Any) -> None:
    beats = beats_of(spec, random_frames(spec, rng))
    set_beats = spec.inputs[1].beats if spec.kind == "channel" else 1
    with simulate.open(spec) as simulation:
        simulation.feed("s_axis", beats["s_axis"])
        simulation.expect("m_axis", len(beats["s_axis"]))
        simulation.feed("s_axis_gate", beats["s_axis_gate"][: set_beats - 1])
        assert not simulation.step(50)
        assert len(simulation.take("s_axis")[0]) == 2
        assert len(simulation.take("m_axis")[0]) == 0
        simulation.feed("s_axis_gate", beats["s_axis_gate"][set_beats - 1 :])
        assert simulation.step(1000)


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=label)
def test_rtl_is_clean(spec: GateSpec) -> None:
    verilator.lint(spec.sources, spec.module, spec.rtl_parameters())


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"CHANNELS": 7}, "PE to divide CHANNELS"),
        ({"PIXELS": 0}, "need PIXELS >= 1"),
        ({"X_BITS": 9}, r"X_BITS \+ G_BITS <= 12"),
    ],
)
def test_rtl_refuses_an_illegal_geometry(change: dict[str, int], rule: str) -> None:
    spec = SPECS[0]
    with pytest.raises(RuntimeError, match=rule):
        verilator.lint(spec.sources, spec.module, {**spec.rtl_parameters(), **change, "TABLE": 0})


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"pixels": 0}, "pixels >= 1"),
        ({"pe": 3}, "pe to divide channels=8"),
        ({"x_bits": 1}, "2 <= x_bits <= 24, got x_bits=1"),
        ({"g_bits": 1}, "2 <= g_bits <= 24"),
        ({"out_bits": 25}, "2 <= out_bits <= 24"),
        ({"x_bits": 9}, r"x_bits \+ g_bits <= 12, got 9 \+ 4"),
        ({"kind": "pixel"}, r"kind in \('channel', 'spatial'\), got kind='pixel'"),
        ({"table": np.zeros(255)}, r"2\*\*\(x_bits \+ g_bits\) table entries, got 255"),
        ({"table": np.full(256, 8)}, "entries from -8 to 7, got 8 to 8"),
        ({"out_signed": False, "table": np.full(256, -1)}, "entries from 0 to 15, got -1 to -1"),
    ],
)
def test_an_illegal_geometry_is_told(change: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        dataclasses.replace(gate_spec("channel", pixels=6, channels=8, pe=2), **change)


@pytest.mark.yosys
@pytest.mark.parametrize("spec", [SPECS[0], SPECS[5]], ids=label)
def test_estimate_is_near_what_yosys_counts(spec: GateSpec) -> None:
    cells, estimate = synthesise(spec.sources, spec.module, spec.rtl_parameters()), spec.resources()
    assert 0.7 * estimate.lut <= cells.lut <= 1.3 * estimate.lut
    assert 0.7 * estimate.ff <= cells.ff <= 1.3 * estimate.ff
    assert cells.bram18 == cells.dsp == 0
