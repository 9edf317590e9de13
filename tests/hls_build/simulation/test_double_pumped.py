# SPDX-License-Identifier: Apache-2.0
"""FINN+'s multiplier at twice the clock equals numpy from the first pixel after a reset on.

Without a replay buffer (NF = 1) a pixel meets the fast registers directly: half of it is taken at the slow clock's
falling edge. A beat that is offered later than that, as no register of the slow clock offers it, is half lost.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from finn_multiplier import SOURCES

from board.core.lanes import Lanes
from board.simulation.harness import Simulation
from hls_build.simulation import verilator

pytestmark = pytest.mark.verilator

BITS, ACCUMULATOR_BITS, PIXELS = 4, 16, 9
FOLDS = (  # rows and columns of the matrix, PE, SIMD
    (4, 32, 4, 16),  # NF = 1, SF = 2
    (9, 32, 9, 32),  # NF = 1, SF = 1
    (8, 32, 4, 16),  # NF = 2, SF = 2
)
MORE_FOLDS = [(nf * pe, sf * simd, pe, simd) for nf, sf, pe, simd in product((1, 2, 3), (1, 2), (4, 18), (2, 15, 16))]


def check(fold: tuple[int, int, int, int], pumped: bool, rng: np.random.Generator, seed: int) -> None:
    """Hold a multiplier to numpy: after the first reset, after others of every length, and after one in mid-frame."""
    rows, columns, pe, simd = fold
    parameters = {
        **{"IS_MVU": 1, "VERSION": 1, "MW": columns, "MH": rows, "PE": pe, "SIMD": simd},
        **{"ACTIVATION_WIDTH": BITS, "WEIGHT_WIDTH": BITS, "ACCU_WIDTH": ACCUMULATOR_BITS, "NARROW_WEIGHTS": 1},
        "PUMPED_COMPUTE": int(pumped),
    }
    weights = rng.integers(-7, 8, (rows, columns))
    pixels = rng.integers(0, 16, (PIXELS, columns))
    folded = weights.reshape(rows // pe, pe, columns // simd, simd).transpose(0, 2, 1, 3)
    beats = {
        "s_axis_input": Lanes(simd, BITS, False).pack(pixels.reshape(-1, simd)),
        "s_axis_weights": Lanes(pe * simd, BITS, True).pack(np.tile(folded.reshape(-1, pe * simd), (PIXELS, 1))),
    }
    expected = (pixels @ weights.T).reshape(-1, pe)
    with Simulation(verilator.build(SOURCES, "mvu_vvu_axi", parameters, random_start=True), seed=seed) as simulation:
        for cycles in (None, 1, 2, 3, 16):  # of reset; none after the one that the simulation begins with
            if cycles is not None:
                simulation.reset(cycles)
            for _ in range(2):  # the second without a reset between
                got = simulation.run(beats, {"m_axis_output": len(expected)}).outputs["m_axis_output"]
                np.testing.assert_array_equal(Lanes(pe, ACCUMULATOR_BITS, True).unpack(got), expected)
            for name, values in beats.items():
                simulation.feed(name, values)
            simulation.idle(5)  # under way when the next reset comes


@pytest.mark.parametrize("fold", FOLDS, ids=str)
def test_two_clocks_equal_numpy(fold: tuple[int, int, int, int], rng: np.random.Generator, seed: int) -> None:
    check(fold, True, rng, seed)


@pytest.mark.slow
@pytest.mark.parametrize("pumped", [False, True], ids=["one clock", "two clocks"])
@pytest.mark.parametrize("fold", MORE_FOLDS, ids=str)
def test_every_fold_equals_numpy(
    fold: tuple[int, int, int, int], pumped: bool, rng: np.random.Generator, seed: int
) -> None:
    check(fold, pumped, rng, seed)
