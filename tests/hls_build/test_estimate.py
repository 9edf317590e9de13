# SPDX-License-Identifier: Apache-2.0
"""Estimates: the multiplier's lane rule, the slowest layer, and that the shipped builds fit their boards."""

from dataclasses import replace
from pathlib import Path

import pytest
from networks import SMALL, TINY, Sizes, random_network

from hls_build.compiler import compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BUILDS, BuildConfig, load_build
from hls_build.config.folding import Folding
from hls_build.config.shells import FINN_SHELL, SHELLS
from hls_build.cost.multiplier import Multiplier
from hls_build.cost.resources import Resources
from hls_build.estimate import Estimate, dsp_port, estimate

DEFAULT = BUILDS / "pynq-z2_w4a4.toml"


def dsp_lanes(part: str, weight_bits: int, activation_bits: int) -> int:
    """Products per DSP slice on a part."""
    return Multiplier(1, 1, weight_bits, activation_bits, 16, 1, 1, a_width=dsp_port(part)).lanes


def shipped(path: Path, sizes: Sizes) -> Estimate:
    build = load_build(path)
    return estimate(compile_graph(random_network(1, sizes), build), build)


@pytest.mark.parametrize(
    ("weights", "activations", "lanes"), [(4, 4, 4), (3, 3, 5), (2, 4, 5), (2, 3, 6), (2, 2, 8), (8, 8, 2)]
)
def test_lanes_per_dsp_follow_the_rtl(weights: int, activations: int, lanes: int) -> None:
    assert dsp_lanes("xc7z020clg400-1", weights, activations) == lanes


def test_a_wider_dsp_packs_more() -> None:
    assert dsp_lanes("xczu7ev-ffvc1156-2-e", 4, 5) == 3
    assert dsp_lanes("xc7z020clg400-1", 3, 6) == 3
    assert dsp_lanes("xczu7ev-ffvc1156-2-e", 3, 6) == 4


def test_the_default_build_fits_at_678_frames_per_second() -> None:
    found = shipped(DEFAULT, Sizes())
    board = found.board
    assert found.slowest_layer_cycles == 147_456
    assert found.total.beyond(board.usable(FINN_SHELL)) == ()


def test_seven_outputs_more_take_one_block_ram_and_no_time_of_the_slowest_layer() -> None:
    paper, found = (shipped(DEFAULT, Sizes(outputs=outputs)) for outputs in (13, 20))
    assert found.slowest_layer_cycles == paper.slowest_layer_cycles
    assert found.nodes["fc3"].cycles == 20 * 512 // 2
    assert found.total.bram18 == paper.total.bram18 + 1 and found.total.dsp == paper.total.dsp
    assert abs(found.total.lut - paper.total.lut) < 50
    assert found.total.beyond(found.board.usable(FINN_SHELL)) == ()


def test_the_tiny_build_fits() -> None:
    found = shipped(BUILDS / "pynq-z2_tiny.toml", TINY)
    assert found.over_budget == ()
    assert found.slowest_layer_cycles == 28_224


def test_a_smaller_board_is_over_budget() -> None:
    found = shipped(DEFAULT, Sizes())
    small = replace(found, board=replace(found.board, budget=replace(found.board.budget, bram18=200, lut=20_000)))
    assert small.over_budget == ("lut", "bram18")


def test_the_shell_counts_for_the_budget() -> None:
    found = shipped(DEFAULT, Sizes())
    for shell in SHELLS:
        budget = found.total + found.board.allowance(shell)
        built = replace(found, shell=shell, board=replace(found.board, budget=budget))
        assert built.over_budget == () and built.as_json()["shell"] == shell
        less = replace(built.board, budget=built.board.budget - Resources(lut=1))
        assert replace(built, board=less).over_budget == ("lut",)


def test_totals_are_sums_and_the_report_holds_every_node() -> None:
    build = BuildConfig("test", "tiny", load_board("Pynq-Z2"), 50.0, None, {"conv2": Folding(pe=4, simd=4)})
    found = estimate(compile_graph(random_network(1, SMALL), build), build)
    report = found.as_json()
    assert report["total"]["dsp"] == sum(node["dsp"] for node in report["nodes"].values())
    assert report["total"]["bram18"] == sum(node["bram18"] for node in report["nodes"].values())
    assert report["nodes"]["conv2"]["dsp"] == 4  # four 4-bit lanes per DSP
    assert report["nodes"]["conv2"]["cycles"] == 32 * 32 * 36 * 4 // 16
    assert report["nodes"]["conv2_window"]["cycles"] == 32 * 32 * 36 // 4
    assert report["frames_per_second"] == 50e6 / report["slowest_layer_cycles"]
    assert report["slowest_layer_cycles"] == max(
        node["cycles"] for node in report["nodes"].values() if node["op_type"].startswith(("MVAU", "Convolution"))
    )


def test_weights_in_luts_cost_luts() -> None:
    build = BuildConfig("test", "tiny", load_board("Pynq-Z2"), 100.0)
    nodes = {
        style: estimate(
            compile_graph(random_network(1, TINY), replace(build, folding={"fc1": Folding(ram_style=style)})), build
        ).nodes["fc1"]
        for style in ("block", "distributed")
    }
    assert nodes["block"].resources.bram18 > nodes["distributed"].resources.bram18 == 0
    assert nodes["block"].resources.lut < nodes["distributed"].resources.lut
