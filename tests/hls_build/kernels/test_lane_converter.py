# SPDX-License-Identifier: Apache-2.0
"""LaneConverter: the RTL keeps every element in its place, a part per cycle, whoever stalls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hls_build.kernels.lane_converter.spec import LaneConverterSpec
from hls_build.simulation import verilator
from hls_build.yosys.tool import synthesise

SPECS = [
    LaneConverterSpec(pixels=6, channels=8, lanes_in=8, lanes_out=2, bits=5, signed=True),
    LaneConverterSpec(pixels=4, channels=12, lanes_in=2, lanes_out=12, bits=4, signed=False),
    LaneConverterSpec(pixels=3, channels=3, lanes_in=3, lanes_out=1, bits=8, signed=False),
    LaneConverterSpec(pixels=2, channels=2, lanes_in=1, lanes_out=2, bits=19, signed=True),
]
FRAMES = 40


def random_frames(spec: LaneConverterSpec, rng: np.random.Generator) -> np.ndarray:
    low, high = spec.inputs[0].limits
    return rng.integers(low, high + 1, (FRAMES, 1, spec.pixels, spec.channels))


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("stall", ["none", "source", "sink", "both"])
def test_rtl_equals_model(spec: LaneConverterSpec, stall: str, rng: np.random.Generator, simulate: Any) -> None:
    x = random_frames(spec, rng)
    np.testing.assert_array_equal(simulate(spec, x, stall), spec.model(x))


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_one_part_per_cycle_across_frames(spec: LaneConverterSpec, rng: np.random.Generator, simulate: Any) -> None:
    result = simulate.run(spec, random_frames(spec, rng)).result
    assert result.first_out_cycle == spec.latency
    assert result.cycles == FRAMES * spec.cycles() + 1
    narrow = "m_axis" if spec.lanes_out < spec.lanes_in else "s_axis"
    assert np.all(np.diff(result.stamps[narrow]) == 1)


@pytest.mark.verilator
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_rtl_is_clean(spec: LaneConverterSpec) -> None:
    verilator.lint(spec.sources, spec.module, spec.rtl_parameters())


@pytest.mark.verilator
def test_rtl_refuses_equal_widths() -> None:
    with pytest.raises(RuntimeError, match="need WIDTH >= 1 and RATIO >= 2"):
        verilator.lint(SPECS[0].sources, SPECS[0].module, {"WIDTH": 8, "RATIO": 1})


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"lanes_out": 8}, "a whole ratio of at least 2, got 8 and 8"),
        ({"channels": 24, "lanes_out": 3}, "a whole ratio of at least 2, got 8 and 3"),
        ({"lanes_out": 3}, r"pe to divide channels=8 \(one of \[1, 2, 4, 8\]\), got pe=3"),
        ({"pixels": 0}, "pixels >= 1, got pixels=0"),
        ({"bits": 1}, "2 <= bits <= 24, got bits=1"),
    ],
)
def test_an_illegal_geometry_is_told(change: dict[str, int], rule: str) -> None:
    legal: dict[str, Any] = {
        "pixels": 6,
        "channels": 8,
        "lanes_in": 8,
        "lanes_out": 2,
        "bits": 5,
        "signed": True,
    }
    with pytest.raises(ValueError, match=rule):
        LaneConverterSpec(**{**legal, **change})


@pytest.mark.yosys
@pytest.mark.parametrize("spec", SPECS[:2], ids=str)
def test_estimate_is_what_yosys_counts(spec: LaneConverterSpec) -> None:
    cells = synthesise(spec.sources, spec.module, spec.rtl_parameters())
    estimate = spec.resources()
    assert cells.ff == estimate.ff
    assert abs(cells.lut - estimate.lut) <= max(4, 0.1 * cells.lut), cells
    assert cells.bram18 == cells.dsp == 0
