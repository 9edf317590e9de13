# SPDX-License-Identifier: Apache-2.0
"""GlobalPool: the RTL reduces frames as the model does, one beat per cycle, from frame to frame too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from board.core.lanes import Lanes
from hls_build.kernels.global_pool.spec import GlobalPoolSpec
from hls_build.simulation import verilator
from hls_build.yosys.tool import synthesise


def describe(pixels: int, channels: int, pe: int, bits: int, signed: bool, shift: int) -> GlobalPoolSpec:
    """Spec of the mode that gives sums and maxima."""
    return GlobalPoolSpec(pixels, channels, pe, bits, signed, "descriptors", shift)


def add(pixels: int, channels: int, pe: int, bits: int, signed: bool) -> GlobalPoolSpec:
    """Spec of the mode that gives sums alone."""
    return GlobalPoolSpec(pixels, channels, pe, bits, signed, "sum")


SPECS = [
    describe(9, 8, 2, bits=4, signed=True, shift=3),
    describe(5, 9, 3, bits=3, signed=False, shift=0),
    describe(2, 4, 4, bits=4, signed=True, shift=1),
    describe(3, 2, 2, bits=8, signed=True, shift=5),
    describe(2, 5, 1, bits=2, signed=False, shift=2),
    add(2, 8, 1, bits=16, signed=True),
    add(5, 3, 3, bits=5, signed=False),
]
ONE_PIXEL = [
    describe(1, 4, 2, bits=4, signed=True, shift=2),
    describe(1, 1, 1, bits=2, signed=False, shift=0),
    add(1, 6, 2, bits=4, signed=True),
]
FULL_SIZE = [
    describe(576, 128, 4, bits=4, signed=True, shift=9),
    describe(9, 64, 1, bits=4, signed=True, shift=3),
    add(2, 128, 1, bits=20, signed=True),
]
FRAMES = 20


def random_frames(spec: GlobalPoolSpec, rng: np.random.Generator, frames: int = FRAMES) -> np.ndarray:
    """Random frames, of which two hold nothing but the least and nothing but the greatest value."""
    low, high = spec.inputs[0].limits
    x = rng.integers(low, high + 1, (frames, 1, spec.pixels, spec.channels))
    x[1], x[2] = low, high
    return x


def test_descriptors_of_two_pixels() -> None:
    spec = describe(2, 2, 1, bits=4, signed=True, shift=3)
    assert spec.outputs[0].datatype == "INT7"
    x = np.array([[[[-8, 7], [-3, 6]]]])
    np.testing.assert_array_equal(spec.model(x), [[[[-11, 13], [-24, 56]]]])


def test_sum_of_two_pixels() -> None:
    spec = add(2, 2, 1, bits=4, signed=False)
    assert spec.outputs[0].datatype == "UINT5"
    np.testing.assert_array_equal(spec.model(np.array([[[[15, 1], [15, 2]]]])), [[[[30, 3]]]])


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS + ONE_PIXEL, ids=str)
@pytest.mark.parametrize("stall", ["none", "source", "sink", "both"])
def test_rtl_equals_model(spec: GlobalPoolSpec, stall: str, rng: np.random.Generator, simulate: Any) -> None:
    x = random_frames(spec, rng)
    np.testing.assert_array_equal(simulate(spec, x, stall), spec.model(x))


@pytest.mark.verilator
@pytest.mark.parametrize("spec", FULL_SIZE, ids=str)
def test_rtl_equals_model_at_full_size(spec: GlobalPoolSpec, rng: np.random.Generator, simulate: Any) -> None:
    x = random_frames(spec, rng, frames=3)
    np.testing.assert_array_equal(simulate(spec, x, "both"), spec.model(x))


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_one_beat_per_cycle_across_frames(spec: GlobalPoolSpec, rng: np.random.Generator, simulate: Any) -> None:
    result = simulate.run(spec, random_frames(spec, rng)).result
    np.testing.assert_array_equal(result.stamps["s_axis"], np.arange(FRAMES * spec.cycles()))
    assert result.first_out_cycle == spec.latency
    frames = result.stamps["m_axis"].reshape(FRAMES, spec.outputs[0].beats)
    assert np.all(np.diff(frames, axis=1) == 1)
    assert np.all(np.diff(frames, axis=0) == spec.cycles())


@pytest.mark.verilator
@pytest.mark.parametrize("spec", ONE_PIXEL, ids=str)
def test_a_frame_of_one_pixel_leaves_one_beat_per_cycle(
    spec: GlobalPoolSpec, rng: np.random.Generator, simulate: Any
) -> None:
    result = simulate.run(spec, random_frames(spec, rng)).result
    beats = FRAMES * spec.cycles()
    np.testing.assert_array_equal(result.stamps["m_axis"], spec.latency + np.arange(beats))


@pytest.mark.verilator
@pytest.mark.parametrize("spec", [SPECS[0], SPECS[5]], ids=str)
def test_a_blocked_sink_stops_the_second_frame_at_its_last_pixel(
    spec: GlobalPoolSpec, rng: np.random.Generator, simulate: Any
) -> None:
    stream = spec.inputs[0]
    x = random_frames(spec, rng)
    in_output_register = 0 if spec.mode == "descriptors" else 1  # a word leaves its queue with its maximum
    with simulate.open(spec) as simulation:
        simulation.feed("s_axis", Lanes(stream.lanes, stream.bits, stream.signed).pack(x))
        assert not simulation.step(1000)
        fold = spec.channels // spec.pe
        assert len(simulation.take("s_axis")[0]) == (2 * spec.pixels - 1) * fold + in_output_register + 1


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS + ONE_PIXEL + FULL_SIZE, ids=str)
def test_rtl_is_clean(spec: GlobalPoolSpec) -> None:
    verilator.lint(spec.sources, spec.module, spec.rtl_parameters())


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"CHANNELS": 7}, "need PE to divide CHANNELS"),
        ({"PIXELS": 0}, "need PIXELS >= 1"),
        ({"BITS": 0}, "need BITS >= 1"),
        ({"DESCRIPTORS": 2}, "need SIGNED and DESCRIPTORS to be 0 or 1"),
    ],
)
def test_rtl_refuses_an_illegal_geometry(change: dict[str, int], rule: str) -> None:
    spec = SPECS[0]
    with pytest.raises(RuntimeError, match=rule):
        verilator.lint(spec.sources, spec.module, {**spec.rtl_parameters(), **change})


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"pixels": 0}, "pixels >= 1, got pixels=0"),
        ({"pe": 3}, r"pe to divide channels=8 \(one of \[1, 2, 4, 8\]\), got pe=3"),
        ({"bits": 1}, "2 <= bits <= 24, got bits=1"),
        ({"mode": "mean"}, r"mode in \('descriptors', 'sum'\), got mode='mean'"),
        ({"shift": -1}, "shift >= 0, got shift=-1"),
        ({"mode": "sum"}, "shift = 0 in mode 'sum', got shift=3"),
        ({"shift": 21}, "2 <= out_bits <= 24, got out_bits=25"),
    ],
)
def test_an_illegal_geometry_is_told(change: dict[str, Any], rule: str) -> None:
    legal: dict[str, Any] = {
        "pixels": 9,
        "channels": 8,
        "pe": 2,
        "bits": 4,
        "signed": True,
        "mode": "descriptors",
        "shift": 3,
    }
    with pytest.raises(ValueError, match=rule):
        GlobalPoolSpec(**{**legal, **change})


@pytest.mark.yosys
@pytest.mark.parametrize("spec", [SPECS[0], SPECS[5]], ids=str)
def test_estimate_is_near_what_yosys_counts(spec: GlobalPoolSpec) -> None:
    cells, estimate = synthesise(spec.sources, spec.module, spec.rtl_parameters()), spec.resources()
    assert 0.7 * estimate.lut <= cells.lut <= 1.3 * estimate.lut
    assert 0.7 * estimate.ff <= cells.ff <= 1.3 * estimate.ff
    assert cells.bram18 == cells.dsp == 0
