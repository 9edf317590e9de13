# SPDX-License-Identifier: Apache-2.0
"""The skid buffer that kernels share: beats keep their order, one per cycle, and two wait for a blocked sink."""

from __future__ import annotations

import numpy as np
import pytest

from board.simulation.harness import Simulation
from hls_build.kernels.kernel_spec import FOLDER
from hls_build.simulation import verilator

pytestmark = pytest.mark.verilator

SOURCE, TOP = FOLDER / "skid_buffer.sv", "skid_buffer"
GEOMETRIES = [(8, 1), (3, 1), (72, 1), (13, 3)]
each_geometry = pytest.mark.parametrize(("width", "copies"), GEOMETRIES)
BEATS = 200


def opened(width: int, copies: int, seed: int) -> Simulation:
    """A live simulation whose registers start with random bits."""
    library = verilator.build([SOURCE], TOP, {"WIDTH": width, "COPIES": copies}, random_start=True)
    return Simulation(library, seed=seed)


def beats(width: int, rng: np.random.Generator) -> np.ndarray:
    """Random beats, of which one is all zeros and one all ones."""
    bits = rng.integers(0, 2, (BEATS, width), np.uint8)
    bits[1], bits[2] = 0, 1
    return np.packbits(bits, axis=1, bitorder="little")


def outputs(copies: int) -> list[str]:
    """What the harness calls the outputs."""
    return ["m_axis"] if copies == 1 else [f"m_axis_{copy}" for copy in range(copies)]


@each_geometry
@pytest.mark.parametrize("stall", ["none", "source", "sink", "both"])
def test_beats_keep_their_order(width: int, copies: int, stall: str, seed: int, rng: np.random.Generator) -> None:
    sent = beats(width, rng)
    with opened(width, copies, seed) as simulation:
        result = simulation.run({"s_axis": sent}, {name: BEATS for name in outputs(copies)}, stall=stall, seed=seed)
    for name in outputs(copies):
        np.testing.assert_array_equal(result.outputs[name], sent)


@each_geometry
def test_a_beat_leaves_one_cycle_after_it_came(width: int, copies: int, seed: int, rng: np.random.Generator) -> None:
    with opened(width, copies, seed) as simulation:
        result = simulation.run({"s_axis": beats(width, rng)}, {name: BEATS for name in outputs(copies)})
    for name in outputs(copies):
        np.testing.assert_array_equal(result.stamps[name] - result.stamps["s_axis"], np.ones(BEATS))
        assert np.all(np.diff(result.stamps[name]) == 1)


@each_geometry
def test_two_beats_wait_for_a_blocked_sink(width: int, copies: int, seed: int, rng: np.random.Generator) -> None:
    with opened(width, copies, seed) as simulation:
        simulation.feed("s_axis", beats(width, rng))
        assert not simulation.step(20)
        assert len(simulation.take("s_axis")[0]) == 2


@each_geometry
def test_it_is_clean(width: int, copies: int) -> None:
    verilator.lint([SOURCE], TOP, {"WIDTH": width, "COPIES": copies})


@pytest.mark.parametrize("change", [{"WIDTH": 0}, {"COPIES": 0}])
def test_nothing_is_no_stream(change: dict[str, int]) -> None:
    with pytest.raises(RuntimeError, match="need WIDTH >= 1 and COPIES >= 1"):
        verilator.lint([SOURCE], TOP, change)
