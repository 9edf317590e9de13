# SPDX-License-Identifier: Apache-2.0
"""MaxPool2x2: the RTL pools tiles as the model does, one beat per cycle, across rows and frames too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from board.core.lanes import Lanes
from hls_build.kernels.max_pool_2x2.spec import MaxPool2x2Spec
from hls_build.simulation import verilator
from hls_build.yosys.tool import synthesise

SPECS = [
    MaxPool2x2Spec(height=4, width=6, channels=8, pe=2, bits=4, signed=True),
    MaxPool2x2Spec(height=2, width=4, channels=4, pe=4, bits=4, signed=False),
    MaxPool2x2Spec(height=4, width=2, channels=3, pe=3, bits=8, signed=True),
    MaxPool2x2Spec(height=6, width=2, channels=2, pe=1, bits=2, signed=False),
    MaxPool2x2Spec(height=2, width=10, channels=3, pe=1, bits=3, signed=True),
    MaxPool2x2Spec(height=2, width=2, channels=1, pe=1, bits=2, signed=True),
]
FULL_SIZE = [
    MaxPool2x2Spec(height=48, width=48, channels=64, pe=4, bits=4, signed=True),
    MaxPool2x2Spec(height=6, width=6, channels=64, pe=1, bits=4, signed=True),
]
FRAMES = 20


def random_frames(spec: MaxPool2x2Spec, rng: np.random.Generator, frames: int = FRAMES) -> np.ndarray:
    """Random frames, of which two hold nothing but the least and nothing but the greatest value."""
    low, high = spec.inputs[0].limits
    x = rng.integers(low, high + 1, (frames, spec.height, spec.width, spec.channels))
    x[1], x[2] = low, high
    return x


def test_maximum_of_each_tile() -> None:
    spec = MaxPool2x2Spec(height=2, width=4, channels=1, pe=1, bits=4, signed=True)
    x = np.array([[-8, -7, 1, 0], [-6, -5, 0, 2]]).reshape(1, 2, 4, 1)
    np.testing.assert_array_equal(spec.model(x), np.array([-5, 2]).reshape(1, 1, 2, 1))


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("stall", ["none", "source", "sink", "both"])
def test_rtl_equals_model(spec: MaxPool2x2Spec, stall: str, rng: np.random.Generator, simulate: Any) -> None:
    x = random_frames(spec, rng)
    np.testing.assert_array_equal(simulate(spec, x, stall), spec.model(x))


@pytest.mark.verilator
@pytest.mark.parametrize("spec", FULL_SIZE, ids=str)
def test_rtl_equals_model_at_full_size(spec: MaxPool2x2Spec, rng: np.random.Generator, simulate: Any) -> None:
    x = random_frames(spec, rng, frames=3)
    np.testing.assert_array_equal(simulate(spec, x, "both"), spec.model(x))


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("place", range(4))
def test_the_maximum_may_stand_anywhere(spec: MaxPool2x2Spec, place: int, simulate: Any) -> None:
    low, high = spec.inputs[0].limits
    x = np.full((1, spec.height, spec.width, spec.channels), low)
    x[:, place // 2 :: 2, place % 2 :: 2] = high
    assert np.all(simulate(spec, x) == high)


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_one_beat_per_cycle_across_frames(spec: MaxPool2x2Spec, rng: np.random.Generator, simulate: Any) -> None:
    result = simulate.run(spec, random_frames(spec, rng)).result
    np.testing.assert_array_equal(result.stamps["s_axis"], np.arange(FRAMES * spec.cycles()))
    assert result.first_out_cycle == spec.latency
    last_of_frame = result.stamps["m_axis"][spec.outputs[0].beats - 1 :: spec.outputs[0].beats]
    assert np.all(np.diff(last_of_frame) == spec.cycles())


@pytest.mark.verilator
def test_two_finished_beats_and_a_third_wait_for_the_sink(rng: np.random.Generator, simulate: Any) -> None:
    spec = SPECS[0]
    stream = spec.inputs[0]
    x = random_frames(spec, rng)
    with simulate.open(spec) as simulation:
        simulation.feed("s_axis", Lanes(stream.lanes, stream.bits, stream.signed).pack(x))
        assert not simulation.step(200)
        assert len(simulation.take("s_axis")[0]) == (spec.width + 1) * spec.channels // spec.pe + 3


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS + FULL_SIZE, ids=str)
def test_rtl_is_clean(spec: MaxPool2x2Spec) -> None:
    verilator.lint(spec.sources, spec.module, spec.rtl_parameters())


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"CHANNELS": 7}, "need PE to divide CHANNELS"),
        ({"WIDTH": 5}, "need WIDTH even and positive"),
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
        ({"height": 3}, "height even and at least 2, got height=3"),
        ({"width": 0}, "width even and at least 2, got width=0"),
        ({"pe": 3}, r"pe to divide channels=8 \(one of \[1, 2, 4, 8\]\), got pe=3"),
        ({"bits": 1}, "2 <= bits <= 24, got bits=1"),
    ],
)
def test_an_illegal_geometry_is_told(change: dict[str, int], rule: str) -> None:
    legal: dict[str, Any] = {
        "height": 4,
        "width": 6,
        "channels": 8,
        "pe": 2,
        "bits": 4,
        "signed": True,
    }
    with pytest.raises(ValueError, match=rule):
        MaxPool2x2Spec(**{**legal, **change})


@pytest.mark.yosys
def test_estimate_is_near_what_yosys_counts() -> None:
    spec = FULL_SIZE[1]
    cells, estimate = synthesise(spec.sources, spec.module, spec.rtl_parameters()), spec.resources()
    assert 0.7 * estimate.lut <= cells.lut <= 1.3 * estimate.lut
    assert 0.7 * estimate.ff <= cells.ff <= 1.3 * estimate.ff
    assert cells.bram18 == cells.dsp == 0
