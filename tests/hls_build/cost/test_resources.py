# SPDX-License-Identifier: Apache-2.0
"""The model of resources against synthesis: what was synthesised before, and a few blocks afresh."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from hls_build.cost.fifo import Fifo
from hls_build.cost.resources import auto_memory, block_rams, block_roms, dual_port_luts, single_port_luts
from hls_build.cost.thresholding import stages, threshold
from hls_build.finn_adapter import use_build_folder
from hls_build.yosys import calibrate, calibration_cases, tool
from hls_build.yosys.calibrate import Specimen
from hls_build.yosys.synthesis import Counts, Design

LUT_SHARE, LUT_FEW = 0.10, 12
"""LUTs may be off by a tenth, or by a dozen in a small block."""
NOT_A_TENTH = {"threshold": (0.25, LUT_FEW), "quantizer": (0.25, 65)}
"""Share and LUTs of kinds that select among constants. Yosys finds that logic more or less well: a block by another
name takes up to 11 % more of it, and of two trained blocks with as many inputs one takes 158 LUTs and one 257."""
MEMORY_OF_ROWS = "memory_4608_32_block"
"""Selecting among nine block RAMs takes a quarter more than the formula has."""
LIVE = ("fifo_40_8_auto", "padding_48_3_32_2_4", "stream_fork_4_64_2_4_1_2", "lane_converter_4_16_4_1_4_0")

SPECIMENS = calibrate.load()


@pytest.fixture(scope="module", autouse=True)
def build_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    use_build_folder(tmp_path_factory.mktemp("finn"))


@pytest.mark.parametrize(("specimen", "counts"), SPECIMENS, ids=lambda value: getattr(value, "name", ""))
def test_the_model_says_what_synthesis_found(specimen: Specimen, counts: Counts) -> None:
    found = specimen.modelled()
    assert (found.dsp, found.bram18) == (counts.resources.dsp, counts.resources.bram18)
    share, few = NOT_A_TENTH.get(specimen.kind, (LUT_SHARE, LUT_FEW))
    share = 0.25 if specimen.name == MEMORY_OF_ROWS else share
    again = "new weights have other thresholds: python -m hls_build.yosys.calibrate" * (specimen.kind == "quantizer")
    assert abs(found.lut - counts.resources.lut) <= max(share * counts.resources.lut, few), again
    assert abs(found.ff - counts.resources.ff) <= max(0.2 * counts.resources.ff, LUT_FEW), again


def test_no_kind_is_off_as_a_whole() -> None:
    lut: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for specimen, counts in SPECIMENS:
        lut[specimen.kind][0] += specimen.modelled().lut
        lut[specimen.kind][1] += counts.resources.lut
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


@pytest.mark.parametrize("channels", [48, 64])
def test_thresholds_that_all_channels_share_are_no_logic(channels: int) -> None:
    alike = np.tile(np.arange(-7, 8), (channels, 1))
    apart = alike * np.random.default_rng(0).integers(1, 60, (channels, 1))
    same, other = (threshold(table, pe=1, width=10, block_from=1 << 20).lut for table in (alike, apart))
    assert same < other / 2
    assert same == threshold(alike[:1], pe=1, width=10, block_from=1 << 20).lut


def test_all_that_is_wanted_was_synthesised() -> None:
    assert [specimen.name for specimen in calibrate.wanted()] == [specimen.name for specimen, _ in SPECIMENS]
    assert {specimen.kind for specimen, _ in SPECIMENS} == set(calibrate.GRIDS)


@pytest.mark.yosys
def test_yosys_still_counts_what_it_counted() -> None:
    known = {specimen.name: (specimen.design(), counts) for specimen, counts in SPECIMENS if specimen.name in LIVE}
    designs: list[Design] = [design for design, _ in known.values()]
    sources = {name: text for design in designs for name, text in design.sources.items()}
    found = tool.cells(sources, [design.top for design in designs])
    for design, counts in known.values():
        assert Counts.of(found[design.top]) == counts


@pytest.mark.parametrize(
    ("depth", "width", "rams"),
    [(512, 36, 1), (513, 36, 2), (1024, 18, 1), (16384, 1, 1), (16384, 2, 2), (64, 1152, 32), (100, 72, 2)],
)
def test_block_rams_have_one_aspect_ratio(depth: int, width: int, rams: int) -> None:
    assert block_rams(depth, width) == rams


@pytest.mark.parametrize(
    ("depth", "width", "rams"),
    [(512, 37, 2), (2048, 20, 3), (4096, 9, 2), (4096, 13, 3), (4096, 64, 15), (8192, 13, 6), (16384, 16, 15)],
)
def test_roms_have_several_aspect_ratios(depth: int, width: int, rams: int) -> None:
    """What Yosys 0.70 takes for random words."""
    assert block_roms(depth, width) == rams


def test_memories_of_luts() -> None:
    assert single_port_luts(64, 10) == 4 * 3  # RAM64X1S come by the four
    assert single_port_luts(256, 16) == 64
    assert single_port_luts(144, 64) == 3 * 64 + 64
    assert dual_port_luts(32, 12) == 8
    assert dual_port_luts(128, 3) == 8 + 3 + 2


def test_a_memory_of_open_style_goes_where_it_is_cheaper() -> None:
    assert auto_memory(64, 200).bram18 == 0
    assert auto_memory(128, 20).bram18 == 0
    assert auto_memory(128, 24).bram18 == 1
    assert auto_memory(512, 4).bram18 == 0


def test_ultra_ram_is_not_modelled() -> None:
    with pytest.raises(ValueError, match="need a FIFO of shift registers, LUTs or block RAM, got style ultra"):
        Fifo(4000, 8, "ultra").resources()
