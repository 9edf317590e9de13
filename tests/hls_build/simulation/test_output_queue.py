# SPDX-License-Identifier: Apache-2.0
"""FINN+'s multiplier under a consumer that takes some results at full rate and then none for long.

Its output queue is an entry too short for a sum in every cycle (SIMD = MW), so hls_build.dataflow.rules leaves that
folding out. The day that FINN+ mends it, the last test fails, and the rule can go.
"""

from __future__ import annotations

import numpy as np
import pytest
from finn_multiplier import SOURCES

from board.core.lanes import Lanes
from board.simulation.harness import Simulation
from hls_build.dataflow import rules
from hls_build.simulation import verilator

pytestmark = pytest.mark.verilator

BITS, ACCUMULATOR_BITS, PIXELS = 4, 16, 40


def held_back(rows: int, columns: int, simd: int, rng: np.random.Generator) -> None:
    """Take a few results, none for long, then the rest; hold all to numpy."""
    parameters = {
        **{"IS_MVU": 1, "VERSION": 1, "MW": columns, "MH": rows, "PE": 1, "SIMD": simd, "PUMPED_COMPUTE": 0},
        **{"ACTIVATION_WIDTH": BITS, "WEIGHT_WIDTH": BITS, "ACCU_WIDTH": ACCUMULATOR_BITS, "NARROW_WEIGHTS": 1},
    }
    weights, pixels = rng.integers(-7, 8, (rows, columns)), rng.integers(0, 16, (PIXELS, columns))
    beats = {
        "s_axis_input": Lanes(simd, BITS, False).pack(pixels.reshape(-1, simd)),
        "s_axis_weights": Lanes(simd, BITS, True).pack(np.tile(weights.reshape(-1, simd), (PIXELS, 1))),
    }
    expected = (pixels @ weights.T).reshape(-1, 1)
    library = verilator.build(SOURCES, "mvu_vvu_axi", parameters)
    for taken in (1, 3, 8, 20):
        found = []
        with Simulation(library) as simulation:
            for name, values in beats.items():
                simulation.feed(name, values)
            for results, cycles in (
                (taken, 20 * columns + taken),
                (len(expected) - taken, 8 * columns * len(expected)),
            ):
                simulation.expect("m_axis_output", results)
                simulation.step(cycles)
                found.append(simulation.take("m_axis_output")[0])
        np.testing.assert_array_equal(Lanes(1, ACCUMULATOR_BITS, True).unpack(np.concatenate(found)), expected)


@pytest.mark.parametrize(("rows", "columns", "simd"), [(2, 2, 1), (1, 8, 4)])
def test_no_result_is_lost_with_two_beats_per_sum(rows: int, columns: int, simd: int, rng: np.random.Generator) -> None:
    assert simd in rules.simds(columns, "finn")
    held_back(rows, columns, simd, rng)


@pytest.mark.parametrize(("rows", "columns"), [(2, 1), (1, 4)])
def test_a_result_is_lost_with_one_beat_per_sum(rows: int, columns: int, rng: np.random.Generator) -> None:
    assert columns not in rules.simds(columns, "finn")
    with pytest.raises(RuntimeError, match="mvu_vvu_axi"):
        held_back(rows, columns, columns, rng)
