# SPDX-License-Identifier: Apache-2.0
"""StreamFork: the RTL copies every beat to every output, one per cycle, whoever stalls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hls_build.kernels.stream_fork.spec import StreamForkSpec
from hls_build.simulation import verilator
from hls_build.yosys.tool import synthesise

SPECS = [
    StreamForkSpec(pixels=6, channels=8, pe=2, bits=5, signed=True, copies=3),
    StreamForkSpec(pixels=4, channels=4, pe=4, bits=4, signed=False),
    StreamForkSpec(pixels=1, channels=1, pe=1, bits=2, signed=True),
    StreamForkSpec(pixels=3, channels=24, pe=24, bits=3, signed=False),
]
FRAMES = 40


def random_frames(spec: StreamForkSpec, rng: np.random.Generator) -> np.ndarray:
    """Random frames, of which two hold nothing but the least and nothing but the greatest value."""
    low, high = spec.inputs[0].limits
    x = rng.integers(low, high + 1, (FRAMES, 1, spec.pixels, spec.channels))
    x[1], x[2] = low, high
    return x


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("stall", ["none", "source", "sink", "both"])
def test_rtl_equals_model(spec: StreamForkSpec, stall: str, rng: np.random.Generator, simulate: Any) -> None:
    x = random_frames(spec, rng)
    for copy, expected in zip(simulate(spec, x, stall), spec.model(x), strict=True):
        np.testing.assert_array_equal(copy, expected)


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_one_beat_per_cycle_across_frames(spec: StreamForkSpec, rng: np.random.Generator, simulate: Any) -> None:
    result = simulate.run(spec, random_frames(spec, rng)).result
    assert result.first_out_cycle == spec.latency
    assert result.cycles == FRAMES * spec.cycles() + spec.latency
    for copy in range(spec.copies):
        assert np.all(np.diff(result.stamps[f"m_axis_{copy}"]) == 1)


@pytest.mark.verilator
def test_a_copy_runs_two_beats_ahead_of_a_blocked_one(rng: np.random.Generator, simulate: Any) -> None:
    spec = StreamForkSpec(pixels=10, channels=1, pe=1, bits=8, signed=False)
    x = rng.integers(0, 256, (10, 1), np.uint8)
    with simulate.open(spec) as simulation:
        simulation.feed("s_axis", x)
        simulation.expect("m_axis_0", 10)
        assert not simulation.step(50)
        np.testing.assert_array_equal(simulation.take("m_axis_0")[0], x[:2])
        simulation.expect("m_axis_0", 8)
        simulation.expect("m_axis_1", 10)
        assert simulation.step(50)
        np.testing.assert_array_equal(simulation.take("m_axis_0")[0], x[2:])
        np.testing.assert_array_equal(simulation.take("m_axis_1")[0], x)


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_rtl_is_clean(spec: StreamForkSpec) -> None:
    verilator.lint(spec.sources, spec.module, spec.rtl_parameters())


@pytest.mark.verilator
def test_rtl_refuses_a_single_copy() -> None:
    with pytest.raises(RuntimeError, match="need WIDTH >= 1 and COPIES >= 2"):
        verilator.lint(SPECS[0].sources, SPECS[0].module, {"WIDTH": 8, "COPIES": 1})


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"copies": 1}, "copies >= 2, got copies=1"),
        ({"pe": 3}, r"pe to divide channels=8 \(one of \[1, 2, 4, 8\]\), got pe=3"),
        ({"pe": 0}, "got pe=0"),
        ({"pixels": 0}, "pixels >= 1, got pixels=0"),
        ({"bits": 1}, "2 <= bits <= 24, got bits=1"),
    ],
)
def test_an_illegal_geometry_is_told(change: dict[str, int], rule: str) -> None:
    legal: dict[str, Any] = {"pixels": 6, "channels": 8, "pe": 2, "bits": 5, "signed": True}
    with pytest.raises(ValueError, match=rule):
        StreamForkSpec(**{**legal, **change})


@pytest.mark.yosys
def test_estimate_is_what_yosys_counts() -> None:
    spec = SPECS[0]
    cells = synthesise(spec.sources, spec.module, spec.rtl_parameters())
    estimate = spec.resources()
    assert cells.ff == estimate.ff
    assert 0.7 * estimate.lut <= cells.lut <= 1.3 * estimate.lut
    assert cells.bram18 == cells.dsp == 0
