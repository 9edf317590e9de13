# SPDX-License-Identifier: Apache-2.0
"""Resources add up and compare with a budget; memories take the block RAMs and LUTs that synthesis takes."""

from math import inf

import pytest

from hls_build.cost.resources import (
    LABELS,
    Resources,
    auto_memory,
    block_rams,
    block_roms,
    dual_port_luts,
    single_port_luts,
)


def test_resources_add_up() -> None:
    parts = [Resources(1, 2, 3, 4), Resources(lut=10), Resources(dsp=5)]
    assert sum(parts, Resources()) == Resources(lut=11, ff=2, bram18=3, dsp=9)
    assert Resources(11, 2, 3, 9) - parts[0] == Resources(10, 0, 0, 5)


def test_resources_come_back_from_json() -> None:
    one = Resources(lut=1, ff=2, bram18=3, dsp=4)
    assert one.as_json() == {"lut": 1, "ff": 2, "bram18": 3, "dsp": 4}
    assert list(one.as_json()) == list(LABELS)
    assert Resources.from_json({"op_type": "x", **one.as_json()}) == one


def test_shares_are_of_a_budget() -> None:
    budget = Resources(lut=10, ff=4, bram18=0, dsp=0)
    assert Resources(lut=5, ff=5, dsp=1).shares(budget) == {"lut": 0.5, "ff": 1.25, "bram18": 0, "dsp": inf}


def test_what_is_beyond_a_budget_is_named() -> None:
    budget = Resources(lut=10, ff=4, bram18=2, dsp=1)
    assert Resources(lut=10, ff=5, bram18=3, dsp=1).beyond(budget) == ("ff", "bram18")
    assert budget.beyond(budget) == ()


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
