# SPDX-License-Identifier: Apache-2.0
"""ChannelPool: the RTL reduces pixels as the model does, one beat per cycle, from pixel to pixel too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from board.core.lanes import Lanes
from hls_build.kernels.channel_pool.spec import ChannelPoolSpec
from hls_build.simulation import verilator
from hls_build.yosys.tool import synthesise

SPECS = [
    ChannelPoolSpec(pixels=5, channels=8, pe=2, bits=4, signed=True, shift=3),
    ChannelPoolSpec(pixels=6, channels=4, pe=4, bits=4, signed=False, shift=2),
    ChannelPoolSpec(pixels=4, channels=6, pe=3, bits=3, signed=True, shift=0),
    ChannelPoolSpec(pixels=3, channels=5, pe=1, bits=2, signed=False, shift=5),
    ChannelPoolSpec(pixels=1, channels=1, pe=1, bits=2, signed=True, shift=0),
    ChannelPoolSpec(pixels=4, channels=16, pe=16, bits=8, signed=True, shift=4),
]
FULL_SIZE = [
    ChannelPoolSpec(pixels=576, channels=128, pe=4, bits=4, signed=True, shift=7),
    ChannelPoolSpec(pixels=9, channels=64, pe=16, bits=4, signed=True, shift=6),
]
FRAMES = 20


def random_frames(spec: ChannelPoolSpec, rng: np.random.Generator, frames: int = FRAMES) -> np.ndarray:
    """Random frames, of which two hold nothing but the least and nothing but the greatest value."""
    low, high = spec.inputs[0].limits
    x = rng.integers(low, high + 1, (frames, 1, spec.pixels, spec.channels))
    x[1], x[2] = low, high
    return x


def test_descriptors_of_one_pixel() -> None:
    spec = ChannelPoolSpec(pixels=1, channels=3, pe=1, bits=4, signed=True, shift=1)
    assert spec.outputs[0].datatype == "INT6"
    np.testing.assert_array_equal(spec.model(np.array([[[[-8, -3, -5]]]])), [[[[-16, -6]]]])


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("stall", ["none", "source", "sink", "both"])
def test_rtl_equals_model(spec: ChannelPoolSpec, stall: str, rng: np.random.Generator, simulate: Any) -> None:
    x = random_frames(spec, rng)
    np.testing.assert_array_equal(simulate(spec, x, stall), spec.model(x))


@pytest.mark.verilator
@pytest.mark.parametrize("spec", FULL_SIZE, ids=str)
def test_rtl_equals_model_at_full_size(spec: ChannelPoolSpec, rng: np.random.Generator, simulate: Any) -> None:
    x = random_frames(spec, rng, frames=3)
    np.testing.assert_array_equal(simulate(spec, x, "both"), spec.model(x))


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_one_beat_per_cycle_across_frames(spec: ChannelPoolSpec, rng: np.random.Generator, simulate: Any) -> None:
    result = simulate.run(spec, random_frames(spec, rng)).result
    np.testing.assert_array_equal(result.stamps["s_axis"], np.arange(FRAMES * spec.cycles()))
    assert result.first_out_cycle == spec.latency
    assert np.all(np.diff(result.stamps["m_axis"]) == spec.channels // spec.pe)


@pytest.mark.verilator
def test_two_finished_pixels_and_a_third_wait_for_the_sink(rng: np.random.Generator, simulate: Any) -> None:
    spec = SPECS[0]
    stream = spec.inputs[0]
    x = random_frames(spec, rng)
    with simulate.open(spec) as simulation:
        simulation.feed("s_axis", Lanes(stream.lanes, stream.bits, stream.signed).pack(x))
        assert not simulation.step(200)
        assert len(simulation.take("s_axis")[0]) == 3 * spec.channels // spec.pe


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS + FULL_SIZE, ids=str)
def test_rtl_is_clean(spec: ChannelPoolSpec) -> None:
    verilator.lint(spec.sources, spec.module, spec.rtl_parameters())


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"CHANNELS": 7}, "need PE to divide CHANNELS"),
        ({"BITS": 0}, "need BITS >= 1"),
        ({"SIGNED": 2}, "need SIGNED to be 0 or 1"),
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
        ({"shift": -1}, "shift >= 0, got shift=-1"),
        ({"shift": 21}, "2 <= out_bits <= 24, got out_bits=25"),
    ],
)
def test_an_illegal_geometry_is_told(change: dict[str, int], rule: str) -> None:
    legal: dict[str, Any] = {"pixels": 5, "channels": 8, "pe": 2, "bits": 4, "signed": True, "shift": 3}
    with pytest.raises(ValueError, match=rule):
        ChannelPoolSpec(**{**legal, **change})


@pytest.mark.yosys
def test_estimate_is_near_what_yosys_counts() -> None:
    spec = SPECS[0]
    cells, estimate = synthesise(spec.sources, spec.module, spec.rtl_parameters()), spec.resources()
    assert 0.7 * estimate.lut <= cells.lut <= 1.3 * estimate.lut
    assert 0.7 * estimate.ff <= cells.ff <= 1.3 * estimate.ff
    assert cells.bram18 == cells.dsp == 0
