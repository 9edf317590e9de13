# SPDX-License-Identifier: Apache-2.0
"""Both DMAs under cocotbext-axi, a judge that is independent of ours: frames, bursts, errors, aborts, interrupts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cocotb_bench
import pytest

from hls_build.shell.dma import PARTS, READ, RTL, WRITE, DmaSpec
from hls_build.simulation import verilator
from hls_build.yosys.tool import synthesise

SUPPORT = Path(cocotb_bench.__file__).parent
SOURCES = [*PARTS, RTL / "read_dma.sv", RTL / "write_dma.sv", SUPPORT / "rtl/dma_bench.sv"]
TOP, MODULE = "dma_bench", "cocotb_dma"
TRANSFERS, MANY_TRANSFERS = 4, 40
"""Per case, with another stall pattern each."""


@dataclass(frozen=True)
class Geometry:
    """Both DMAs of a bench: bytes per beat and beats per frame of either stream, bytes per word, longest burst."""

    incoming: tuple[int, int]
    outgoing: tuple[int, int]
    word_bytes: int = 8
    burst: int = 16
    addr_bits: int = 32

    @property
    def read(self) -> DmaSpec:
        return DmaSpec(READ, *self.incoming, self.word_bytes, self.addr_bits, self.burst)

    @property
    def write(self) -> DmaSpec:
        return DmaSpec(WRITE, *self.outgoing, self.word_bytes, self.addr_bits, self.burst)

    def parameters(self) -> dict[str, int | str]:
        """Of dma_bench.sv."""
        return {
            "ADDR_BITS": self.addr_bits, "WORD_BYTES": self.word_bytes, "BURST": self.burst,
            "IN_BEAT_BYTES": self.incoming[0], "IN_FRAME_BEATS": self.incoming[1],
            "OUT_BEAT_BYTES": self.outgoing[0], "OUT_FRAME_BEATS": self.outgoing[1],
        }  # fmt: skip

    def __str__(self) -> str:
        return "-".join(f"{value}" for value in self.parameters().values())


USUAL = Geometry((3, 99), (3, 7))
"""Of whose last word less is left over than the converters behind it take in."""
OTHERS = (
    Geometry((8, 40), (8, 40)),  # a word is a beat
    Geometry((16, 9), (16, 3)),  # a beat is two words
    Geometry((1, 1), (1, 1)),  # the shortest frame
    Geometry((3, 700), (2, 600), burst=16),  # frames of several bursts
    Geometry((5, 13), (6, 11), word_bytes=4, burst=3, addr_bits=40),
    Geometry((2, 30), (2, 31), word_bytes=16, burst=1),
    Geometry((4, 50), (1, 50), word_bytes=1),
)


def judge(geometry: Geometry, sources: list[Path], seed: int, transfers: int, cases: tuple[str, ...] = ()) -> None:
    """Hold both DMAs of a geometry to all cases, or to some."""
    parameters = geometry.parameters()
    executable = cocotb_bench.compiled(sources, TOP, parameters)
    settings = {**parameters, "seed": seed, "transfers": transfers}
    cocotb_bench.run(executable, TOP, MODULE, settings, cases)


@pytest.mark.verilator
@pytest.mark.cocotb
def test_frames_errors_and_aborts(seed: int) -> None:
    judge(USUAL, SOURCES, seed, TRANSFERS)


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.cocotb
@pytest.mark.parametrize("geometry", [USUAL, *OTHERS], ids=str)
def test_frames_errors_and_aborts_of_every_geometry(geometry: Geometry, seed: int) -> None:
    judge(geometry, SOURCES, seed, MANY_TRANSFERS if geometry is USUAL else TRANSFERS)


MUTANTS = {
    "a burst may cross 4 KiB": (
        "read_dma.sv", "if (page_left < 13'(words)) words", "if (page_left == 13'd0) words", "frames_reach_the_stream"),
    "a written burst may cross 4 KiB": ("write_dma.sv", "(ends_page || ", "(", "frames_reach_memory"),
    "the next frame is forgotten": (
        "read_dma.sv", "frames_q <= frames_q - 1'b1;", "frames_q <= '0;", "frames_reach_the_stream"),
    "more than the frames is read": (
        "read_dma.sv", "<= left_q + LEFT_BITS'(FRAME_BYTES)", "<= left_q + LEFT_BITS'(FRAME_BYTES + 8)",
        "frames_reach_the_stream"),
    "the rest of the last word is sent": (
        "read_dma.sv", "assign wants      = to_go_q != '0;", "assign wants      = 1'b1;", "frames_reach_the_stream"),
    "the end of a frame is marked a beat early": (
        "read_dma.sv", "BEAT_BITS'(FRAME_BEATS - 1)", "BEAT_BITS'(FRAME_BEATS - 2)", "frames_reach_the_stream"),
    "it ends before the stream took all": (
        "read_dma.sv", "!wants && !m_axis_tvalid;", "!wants;", "an_abort_leaves_the_bus_in_order"),
    "the rest of the last word stays on the bus": (
        "read_dma.sv", "(word_ready || !wants)", "word_ready", "frames_reach_the_stream"),
    "a request is changed while it waits": (
        "read_dma.sv", "!arvalid_q && left_q", "left_q", "frames_reach_the_stream"),
    "error responses to reads are not seen": (
        "read_dma.sv", "take && m_axi_gmem_rresp[1]", "1'b0", "an_error_response_is_told_and_the_transfer_ends"),
    "the address of an error is the last": (
        "dma_control.sv", "if (error_i && !failed_q)", "if (error_i)",
        "an_error_response_is_told_and_the_transfer_ends"),
    "an error stays for ever": (
        "dma_control.sv", "(failed_q && !start_o && !abort_i) || error_i", "failed_q || error_i",
        "an_error_response_is_told_and_the_transfer_ends"),
    "an abort keeps errors": (
        "dma_control.sv",
        "else if (abort_i) refused_q <= 1'b0;",
        "",
        "an_address_that_does_not_fit_is_refused",
    ),
    "error responses to writes are not seen": (
        "write_dma.sv", "m_axi_gmem_bvalid && m_axi_gmem_bresp[1]", "1'b0",
        "an_error_response_is_told_and_the_transfer_ends"),
    "the address of a burst moves on before its answer": (
        "write_dma.sv", "if (m_axi_gmem_bready && m_axi_gmem_bvalid) burst_q", "if (m_axi_gmem_bready) burst_q",
        "an_error_response_is_told_and_the_transfer_ends"),
    "shared words are written whole": (
        "write_dma.sv", "strobe_q <= (ends_word || ends_frame) ? '0 : strobe;",
        "strobe_q <= ends_word ? '0 : strobe;", "frames_reach_memory"),
    "a frame waits for the next": (
        "write_dma.sv", "assign ends_burst = ends_frame ||", "assign ends_burst = (ends_frame && to_go_q == 32'd1) ||",
        "a_frame_reaches_memory_before_the_next_one_begins"),
    "the next frame's beat is eaten": (
        "write_dma.sv", "state_q == FILL && to_go_q != '0;", "state_q == FILL;",
        "what_follows_the_last_frame_stays_in_the_stream"),
    "data are offered after they were taken": (
        "write_dma.sv", "if (m_axi_gmem_wready && m_axi_gmem_wlast) wvalid_q <= 1'b0;",
        "if (m_axi_gmem_wready) wvalid_q <= 1'b0;", "frames_reach_memory"),
    "the last word is not marked": (
        "write_dma.sv", "m_axi_gmem_wlast  = index_q == count_q", "m_axi_gmem_wlast  = &index_q",
        "frames_reach_memory"),
    "it ends before memory answered": (
        "write_dma.sv", "if (sent) state_q <= ANSWER;", "if (sent) state_q <= FILL;", "frames_reach_memory"),
    "an address beyond memory is taken": (
        "dma_control.sv", "assign fits         = !beyond_q;", "assign fits         = 1'b1 || beyond_q;",
        "an_address_that_does_not_fit_is_refused"),
    "an odd address is taken": (
        "dma_control.sv", "(low_q & 32'(WORD_BYTES - 1)) == '0;", "1'b1;",
        "an_address_that_does_not_fit_is_refused"),
    "a start while busy starts": (
        "dma_control.sv", "write_data[0] && !busy_i;", "write_data[0];", "a_start_while_busy_changes_nothing"),
    "reading keeps done": (
        "dma_control.sv", "start_o || (read && read_address == CONTROL)", "start_o", "frames_reach_memory"),
    "interrupts cannot be disabled": (
        "dma_control.sv", "global_q && pending_q != '0;", "pending_q != '0;",
        "an_end_interrupts_where_it_is_enabled"),
    "an abort forgets what was requested": (
        "read_dma.sv", "!arvalid_q && due_q == '0) draining_q", "!arvalid_q) draining_q",
        "an_abort_leaves_the_bus_in_order"),
    "an abort waits for ever": (
        "read_dma.sv", "= draining_q || (running_q", "= (running_q", "an_abort_leaves_the_bus_in_order"),
    "an abort breaks a burst off": (
        "write_dma.sv", "if (sent) state_q <= ANSWER;", "if (sent || abort_i) state_q <= ANSWER;",
        "an_abort_leaves_the_bus_in_order"),
    "an aborted transfer goes on": (
        "write_dma.sv", "if (abort_i || aborting_q || to_go_q", "if (to_go_q", "an_abort_leaves_the_bus_in_order"),
    "single bytes write whole registers": (
        "axi_lite_slave.sv", "s_axi_wvalid && &s_axi_wstrb;", "s_axi_wvalid;", "a_write_of_single_bytes_is_refused"),
}  # fmt: skip
"""By what goes wrong: file, text, its replacement, the case that must notice."""


def planted(mutant: str, folder: Path) -> list[Path]:
    """The bench's sources with one mutant in them."""
    file, before, after, _ = MUTANTS[mutant]
    text = (RTL / file).read_text()
    assert text.count(before) == 1, f"{file} must hold {before!r} once"
    (folder / file).write_text(text.replace(before, after))
    return [folder / file if source.name == file else source for source in SOURCES]


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.cocotb
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_noticed(mutant: str, tmp_path: Path, seed: int) -> None:
    def hold(sources: list[Path], draw: int) -> None:
        for geometry in (USUAL, OTHERS[0]):  # a beat that is cut is kept until its last part is gone
            judge(geometry, sources, draw, 2 * TRANSFERS, (MUTANTS[mutant][3],))

    cocotb_bench.assert_noticed(hold, planted(mutant, tmp_path), SOURCES, seed)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_can_be_planted(mutant: str, tmp_path: Path) -> None:
    planted(mutant, tmp_path)


@pytest.mark.verilator
@pytest.mark.parametrize("geometry", [USUAL, *OTHERS], ids=str)
def test_it_is_clean(geometry: Geometry) -> None:
    for spec in (geometry.read, geometry.write):
        verilator.lint(spec.sources, spec.module, spec.rtl_parameters())


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"BEAT_BYTES": 0}, "need BEAT_BYTES >= 1"),
        ({"FRAME_BEATS": 0}, "need .*FRAME_BEATS >= 1"),
        ({"BURST": 17}, "need 1 <= BURST <= 16"),
        ({"WORD_BYTES": 12}, "need WORD_BYTES to be a power of two"),
        ({"ADDR_BITS": 65}, "need 32 <= ADDR_BITS <= 64"),
    ],
)
def test_rtl_refuses_an_illegal_parameter(change: dict[str, int], rule: str) -> None:
    for spec in (USUAL.read, USUAL.write):
        with pytest.raises(RuntimeError, match=rule):
            verilator.lint(spec.sources, spec.module, {**spec.rtl_parameters(), **change})


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"module": "dma"}, "need module read_dma or write_dma, got 'dma'"),
        ({"beat_bytes": 0}, f"need beat_bytes >= 1 and frame_beats >= 1, got 0 and {USUAL.incoming[1]}"),
        ({"frame_beats": 0}, "got 3 and 0"),
        ({"word_bytes": 12}, "need word_bytes to be a power of two up to 128, got 12"),
        ({"word_bytes": 256}, "got 256"),
        ({"addr_bits": 31}, "need 32 <= addr_bits <= 64, got 31"),
        ({"burst": 17}, "need 1 <= burst <= 16, got 17"),
    ],
)
def test_an_illegal_geometry_is_told(change: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        dataclasses.replace(USUAL.read, **change)


@pytest.mark.yosys
def test_yosys_reads_both() -> None:
    """What they cost stands in docs/shell.md; no block RAM, no DSP."""
    for spec, most_luts in ((DmaSpec(READ, 3, 2304), 500), (DmaSpec(WRITE, 3, 20), 460)):
        cells = synthesise(spec.sources, spec.module, spec.rtl_parameters())
        assert cells.lut <= most_luts and cells.bram18 == cells.dsp == 0, cells
