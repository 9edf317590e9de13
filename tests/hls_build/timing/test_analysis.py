# SPDX-License-Identifier: Apache-2.0
"""Static timing: delays that can be added up by hand, over netlists of a few cells."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from netlists import CLOCK, FAST, block, cell, register

from hls_build.timing.analysis import Timing, analyse
from hls_build.timing.cell_delays import cell_delays
from hls_build.timing.graph import build_graph
from hls_build.timing.net_delays import NetModel
from hls_build.yosys.netlist import Cell, Netlist


def timed(blocks: Mapping[str, Netlist], scale: float = 1.0, **periods_ps: float) -> Timing:
    """The timing of blocks, at 10 ns."""
    clocks = {"ap_clk": 10_000.0, **periods_ps}
    return analyse(build_graph(blocks, tuple(clocks)), clocks, NetModel(scale))


CHAIN = block(
    register("0", 10),
    cell("LUT1", I0=10, O=11),
    cell("LUT2", I0=11, I1="1", O=12),
    register(12, 13),
    names={"source": 10, "target": 13},
)


@pytest.mark.parametrize(
    ("scale", "delay_ps"),
    [(0.0, 362 + 127 + 238), (1.0, 362 + 450 + 127 + 450 + 238), (2.0, 362 + 900 + 127 + 900 + 238)],
)
def test_a_chain_of_tables_adds_up(scale: float, delay_ps: float) -> None:
    """The last table's net stays in the slice with the flip-flop."""
    found = timed({"chain": CHAIN}, scale)
    (end,) = found.endpoints
    assert (end.delay_ps, end.slack_ps) == (delay_ps, 10_000 - delay_ps)
    path = found.path(end)
    assert [(stage.point.cell, stage.point.pin, stage.name) for stage in path] == [
        ("FDRE", "Q", "source"), ("LUT1", "I0", ""), ("LUT2", "I0", ""), ("FDRE", "D", "target"),
    ]  # fmt: skip
    assert path[-1].ps == delay_ps
    assert sum(stage.net_ps for stage in path) == 900 * scale


def test_a_carry_chain_takes_no_nets() -> None:
    """From a table into S and from carry to carry nothing leaves the slices."""
    low, high = [[20, 21, 22, 23], [24, 25, 26, 27]]
    found = timed(
        {
            "adder": block(
                register("0", 10),
                cell("LUT2", I0="0", I1=10, O=11),
                cell("CARRY4", CI="0", CYINIT="0", DI=["0"] * 4, S=[11, "0", "0", "0"], CO=low, O=["x"] * 4),
                cell("CARRY4", CI=23, CYINIT="0", DI=["0"] * 4, S=["0"] * 4, CO=high, O=[28, 29, 30, 31]),
                register(31, 40),
            )
        }
    )
    assert found.worst.delay_ps == 362 + 450 + 127 + 508 + 313
    assert len(found.path(found.worst)) == 5


def test_a_ready_is_followed_from_block_to_block() -> None:
    """Its fan-out counts in both: a table of its own block and three pins of the other."""
    window = block(
        register("0", 10), cell("LUT1", I0=10, O=11), cell("LUT1", I0=11, O=12), register(12, 13), x_TREADY=("out", 11)
    )
    pads = [register("0", 20 + place, CE=10) for place in range(3)]
    found = timed({"window": window, "pad": block(*pads, x_TREADY=("in", 10))})
    enables = [end for end in found.endpoints if end.capture.point.block == "pad"]
    assert {end.delay_ps for end in enables} == {362 + 450 + 127 + (450 + 2 * 150) + 109}
    assert [stage.point[:3] for stage in found.path(enables[0])] == [
        ("window", "FDRE", "Q"), ("window", "LUT1", "I0"), ("pad", "FDRE", "CE"),
    ]  # fmt: skip


def test_a_port_that_is_passed_through_is_one_net() -> None:
    inner = block(a_TDATA=("in", 10), b_TDATA=("out", 10))
    found = timed(
        {
            "first": block(register("0", 10), a_TDATA=("out", 10)),
            "inner": inner,
            "last": block(register(10, 11), b_TDATA=("in", 10)),
        }
    )
    assert [end.delay_ps for end in found.endpoints] == [362 + 450]


def test_what_enters_and_leaves_has_flip_flops_outside() -> None:
    found = timed({"wire": block(cell("LUT1", I0=10, O=11), in0_TDATA=("in", 10), out0_TDATA=("out", 11))})
    (end,) = found.endpoints
    assert end.delay_ps == 362 + 450 + 127 + 450
    assert {stage.point.block for stage in found.path(end)} == {"outside", "wire"}


def test_a_port_is_a_pin_of_its_net() -> None:
    shared = block(register("0", 10), register(10, 11), out0_TDATA=("out", 10))
    assert {end.delay_ps for end in timed({"shared": shared}).endpoints} == {362 + 450 + 150}


def test_a_table_shares_a_slice_with_one_flip_flop() -> None:
    """Two that it feeds cannot both be behind it."""
    twice = block(register("0", 10), cell("LUT1", I0=10, O=11), register(11, 12), register(11, 13))
    assert {end.delay_ps for end in timed({"twice": twice}).endpoints} == {362 + 450 + 127 + 450 + 150}


def test_a_port_of_a_memory_without_a_clock_is_unused() -> None:
    memory = cell(
        "RAMB18E1", CLKARDCLK=CLOCK, CLKBWRCLK="0", ADDRARDADDR=[10], ADDRBWRADDR=["0"], DOADO=[11], DOBDO=[12]
    )
    found = timed({"memory": block(register("0", 10), memory, register(11, 13), register(12, 14))})
    assert sorted(end.delay_ps for end in found.endpoints) == [362 + 450 + 566, 2454 + 450]


@pytest.mark.parametrize(("table", "delay_ps"), [(0xE8E8E8E8, 362 + 631), (0xFF00FF00, 362 + 3 * 238)])
def test_a_path_goes_only_where_a_table_looks(table: int, delay_ps: int) -> None:
    """The carry of three bits, out of O5, does not wait for the fourth input; another function of it does."""
    adder = block(
        register("0", 10),
        cell("LUT2", I0=10, I1="0", O=11),
        cell("LUT2", I0=11, I1="0", O=12),
        cell("LUT6_2", {"INIT": f"{table:064b}"}, I0=10, I1="0", I2="0", I3=12, I4="0", I5="1", O5=13),
        register(13, 14),
    )
    assert timed({"adder": adder}, 0.0).worst.delay_ps == delay_ps


def test_the_faster_of_two_clocks_sets_the_time() -> None:
    pumped = block(register("0", 10), register(10, 11, FAST), register(11, 12), ap_clk2x=("in", FAST))
    slacks = [end.slack_ps for end in timed({"pumped": pumped}, ap_clk2x=5_000.0).endpoints]
    assert slacks == [5_000 - 812, 5_000 - 812]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([cell("LUT2", I0=10, I1=11, O=11)], "needs a register in every circle, got none around loop"),
        ([cell("GTX", I=10)], "knows no delays of the cell GTX"),
        ([register(10, 11, 12)], "needs a cell's clock to be one of ap_clk, got another at C of a FDRE in odd"),
        ([cell("FDRE", {"IS_C_INVERTED": "1"}, C=CLOCK, D=10, Q=11)], "knows rising edges, got a FDRE with IS_C_INV"),
        ([cell("DSP48E1", {"AREG": "1"}, A=[10], P=[11])], r"slice with the registers \['ADREG'.*got \['AREG'\]"),
    ],
)
def test_what_cannot_be_timed_is_refused(cells: list[Cell], message: str) -> None:
    with pytest.raises(RuntimeError, match=f"timing .*{message}"):
        timed({"odd": block(register("0", 10), *cells, names={"loop": 11})})


def test_a_negative_net_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="net scale >= 0, got -1"):
        NetModel(-1)


@pytest.mark.parametrize(
    ("one", "through", "launched", "captured"),
    [
        (cell("RAM64M", ADDRA=[1] * 6, DOA=2, DIA=3, ADDRD=[1] * 6, WE=4, WCLK=5), 642, {1190}, {461, 616, 654}),
        (cell("RAM64X1S", A0=1, A5=1, O=2, D=3, WE=4, WCLK=5), 642, {1190}, {461, 616, 654}),
        (cell("RAM128X1D", A=[1] * 7, DPRA=[1] * 7, SPO=2, DPO=3, D=4, WE=5, WCLK=6), 1039, {1587}, {461, 616, 654}),
        (cell("RAM256X1S", A=[1] * 8, O=2, D=4, WE=5, WCLK=6), 1143, {1691}, {461, 616, 654}),
        (cell("SRL16E", A0=1, A1=1, A2=1, A3=1, D=2, CE=3, CLK=4, Q=5), 631, {1472}, {173, 109}),
        (cell("SRLC32E", A=[1] * 5, D=2, CE=3, CLK=4, Q=5, Q31=6), 642, {1472, 1114}, {173, 109}),
        (cell("RAMB18E1", {"DOA_REG": "1"}, DOADO=[1], ADDRARDADDR=[2], CLKARDCLK=3), 0, {882}, {566}),
        (cell("RAMB18E1", {"DOA_REG": "0"}, DOADO=[1], ADDRARDADDR=[2], CLKARDCLK=3), 0, {2454}, {566}),
        (cell("RAMB36E1", {"DOB_REG": "1"}, DOBDO=[1], DIBDI=[2], ENBWREN=4, CLKBWRCLK=3), 0, {882}, {737, 443}),
        (cell("LUT6_2", I0=1, I5=2, O5=3, O6=4), 642, set(), set()),
    ],
    ids=lambda value: value.type if isinstance(value, Cell) else "",
)
def test_memories_have_their_figures(one: Cell, through: int, launched: set[int], captured: set[int]) -> None:
    found = cell_delays(one)
    assert max((ps for _, _, ps in found.arcs), default=0) == through
    assert {ps for _, _, ps in found.launches} == launched
    assert {ps for _, _, ps in found.captures} == captured
