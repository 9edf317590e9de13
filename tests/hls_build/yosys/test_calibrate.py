# SPDX-License-Identifier: Apache-2.0
"""The cost models against synthesis: calibration cases that were synthesised before, and a few afresh."""

from __future__ import annotations

from collections import defaultdict

import pytest

from hls_build.cost.thresholding import stages
from hls_build.finn_adapter import use_build_folder
from hls_build.yosys import calibrate, calibration_cases, tool
from hls_build.yosys.calibrate import CalibrationCase
from hls_build.yosys.synthesis import Counts, Design

LUT_SHARE, LUT_FEW = 0.10, 12
"""LUTs may be off by a tenth, or by a dozen in a small block."""
NOT_A_TENTH = {"threshold": (0.25, LUT_FEW), "quantizer": (0.25, 65)}
"""Share and LUTs of kinds that select among constants. Yosys finds that logic more or less well: a block by another
name takes up to 11 % more of it, and of two trained blocks with as many inputs one takes 158 LUTs and one 257."""
MEMORY_OF_ROWS = "memory_4608_32_block"
"""Selecting among nine block RAMs takes a quarter more than the formula has."""
LIVE = ("fifo_40_8_auto", "padding_48_3_32_2_4", "stream_fork_4_64_2_4_1_2", "lane_converter_4_16_4_1_4_0")

CASES = calibrate.load()


@pytest.fixture(scope="module", autouse=True)
def build_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    use_build_folder(tmp_path_factory.mktemp("finn"))


@pytest.mark.parametrize(("case", "counts"), CASES, ids=lambda value: getattr(value, "name", ""))
def test_the_model_says_what_synthesis_found(case: CalibrationCase, counts: Counts) -> None:
    found = case.modelled()
    assert (found.dsp, found.bram18) == (counts.resources.dsp, counts.resources.bram18)
    share, few = NOT_A_TENTH.get(case.kind, (LUT_SHARE, LUT_FEW))
    share = 0.25 if case.name == MEMORY_OF_ROWS else share
    assert abs(found.lut - counts.resources.lut) <= max(share * counts.resources.lut, few)
    assert abs(found.ff - counts.resources.ff) <= max(0.2 * counts.resources.ff, LUT_FEW)


def test_no_kind_is_off_as_a_whole() -> None:
    lut: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for case, counts in CASES:
        lut[case.kind][0] += case.modelled().lut
        lut[case.kind][1] += counts.resources.lut
    for kind, (model, synthesis) in lut.items():
        assert abs(model - synthesis) <= 0.06 * synthesis, kind


def test_the_model_knows_the_memories_of_a_threshold_search() -> None:
    parameters = {"channels": 16, "pe": 2, "bits": 4, "input_bits": 12}
    model = calibration_cases.NODES["threshold"]("block", **parameters)
    table = model.get_initializer("t").astype(int)
    memories = calibration_cases.design("threshold", parameters, "block").memories
    modelled = iter(stages(table, pe=2))
    for lane in range(2):
        for stage in range(4):
            (text,) = (data for name, data in memories.items() if name.endswith(f"threshs_{lane}_{stage}.dat"))
            assert [int(word, 16) for word in text.split()] == [value % (1 << 12) for value in next(modelled).ravel()]
    assert next(modelled, None) is None


def test_all_that_is_wanted_was_synthesised() -> None:
    assert [case.name for case in calibrate.wanted()] == [case.name for case, _ in CASES]
    assert {case.kind for case, _ in CASES} == set(calibrate.GRIDS)


@pytest.mark.yosys
def test_yosys_still_counts_what_it_counted() -> None:
    known = {case.name: (case.design(), counts) for case, counts in CASES if case.name in LIVE}
    designs: list[Design] = [design for design, _ in known.values()]
    sources = {name: text for design in designs for name, text in design.sources.items()}
    found = tool.modules(sources, [design.top for design in designs])
    for design, counts in known.values():
        assert Counts.of(found[design.top].netlist.cells_by_type) == counts
