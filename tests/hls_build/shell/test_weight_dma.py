# SPDX-License-Identifier: Apache-2.0
"""The weights' DMA under cocotbext-axi, with a memory of realistic latency: rounds, stalls, errors, aborts."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cocotb_bench
import pytest

from board.core.weights import Weights, WeightStream
from hls_build.cost.resources import Resources
from hls_build.cost.weight_stream import cycles, weight_stream
from hls_build.shell.dma import RTL
from hls_build.shell.weights import MODULE, WeightDmaSpec, packed
from hls_build.simulation import verilator
from hls_build.yosys.tool import synthesise

SUPPORT = Path(cocotb_bench.__file__).parent
SPEC = WeightDmaSpec(Weights("0" * 64, (WeightStream("fc1", 0, 1, 800), WeightStream("fc2", 4096, 3, 240))))
SOURCES = [*SPEC.sources, SUPPORT / "rtl/weight_bench.sv"]
USUAL = {
    "WORD_BYTES": 8,
    "BURST": 16,
    "DEPTH": 64,
    "BYTES0": 1,
    "BYTES1": 3,
    "OFFSET1": 4096,
    "WORDS0": 100,
    "WORDS1": 90,
}
WIDE = {
    "WORD_BYTES": 16,
    "BURST": 4,
    "DEPTH": 16,
    "BYTES0": 2,
    "BYTES1": 32,
    "OFFSET1": 8192,
    "WORDS0": 300,
    "WORDS1": 22,
}


def judge(
    values: dict[str, int], sources: list[Path], seed: int, cases: tuple[str, ...] = (), starves: int = 0
) -> None:
    """Hold the DMA to all cases, or to some."""
    executable = cocotb_bench.compiled(sources, "weight_bench", values)
    settings = {**values, "seed": seed, "aborts": 12, "starves": starves}
    cocotb_bench.run(executable, "weight_bench", "cocotb_weights", settings, cases)


@pytest.mark.verilator
@pytest.mark.cocotb
def test_rounds_errors_and_aborts(seed: int) -> None:
    judge(USUAL, SOURCES, seed)


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.cocotb
def test_rounds_errors_and_aborts_of_wide_streams(seed: int) -> None:
    judge(WIDE, SOURCES, seed, starves=100_000)  # 2 bytes a cycle in bursts of 64 are more than this memory gives


MUTANTS = {
    "a region ends a burst early": (
        "weight_reader.sv", "(32'(rest) <= 32'(BURST)) ?", "(32'(rest) <= 32'(2 * BURST)) ?",
        "streams_go_round_their_regions"),
    "a burst goes beyond its region": (
        "weight_reader.sv", "? 5'(rest) : 5'(BURST);", "? 5'(BURST) : 5'(BURST);", "streams_go_round_their_regions"),
    "it asks for more than there is room for": (
        "weight_reader.sv", "taken_q <= (PLACE + 1)'(DEPTH - BURST);", "taken_q <= (PLACE + 1)'(DEPTH);",
        "a_stream_that_waits_keeps_no_other_waiting"),
    "words are for whoever asks now": (
        "weight_dma.sv", "comes[whose[answered_q]] =", "comes[turn_q] =", "streams_go_round_their_regions"),
    "a stream that waits keeps its turn": (
        "weight_dma.sv", "turn_q    <= (turn_q", "if (request) turn_q <= (turn_q",
        "a_stream_that_waits_keeps_no_other_waiting"),
    "a request is changed while it waits": (
        "weight_dma.sv", "!abort_i && !arvalid_q && asks", "!abort_i && asks", "streams_go_round_their_regions"),
    "one burst at a time": (
        "weight_reader.sv", "DEPTH - BURST);", "0);", "a_narrow_stream_never_starves"),
    "error responses are not seen": (
        "weight_dma.sv", "take && m_axi_weights_rresp[1] && running_q", "1'b0",
        "an_error_response_is_told_and_streams_go_on"),
    "the address of an error is the next one's": (
        "weight_dma.sv", "= whence[answered_q];", "= next_address[31:0];",
        "an_error_response_is_told_and_streams_go_on"),
    "an abort forgets what was requested": (
        "weight_dma.sv", "!arvalid_q && pending_q == '0) draining_q", "!arvalid_q) draining_q",
        "an_abort_ends_it_and_a_start_begins_anew"),
    "an abort keeps words": (
        "weight_dma.sv", ".rst_ni(rst_ni && running_q),\n      .asks_o", ".rst_ni(rst_ni),\n      .asks_o",
        "an_abort_ends_it_and_a_start_begins_anew"),
    "an aborted one goes on": (
        "weight_dma.sv", "else if (abort_i) running_q <= 1'b0;", "",
        "an_abort_ends_it_and_a_start_begins_anew"),
    "any address is taken": (
        "weight_dma.sv", ".WORD_BYTES(ALIGNMENT)) registers", ".WORD_BYTES(WORD_BYTES)) registers",
        "an_address_between_pages_is_refused"),
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
        judge(USUAL, sources, draw, (MUTANTS[mutant][3],))

    cocotb_bench.assert_noticed(hold, planted(mutant, tmp_path), SOURCES, seed)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_can_be_planted(mutant: str, tmp_path: Path) -> None:
    planted(mutant, tmp_path)


@pytest.mark.verilator
def test_it_is_clean() -> None:
    verilator.lint(SPEC.sources, MODULE, SPEC.rtl_parameters())


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"STREAMS": 0}, "need 1 <= STREAMS <= 8"),
        ({"BURST": 12}, "need BURST to be a power of two up to 16"),
        ({"DEPTH": 16}, "need DEPTH to be a power of two and at least two bursts"),
        ({"WORDS": packed([100, 91])}, "a region of whole beats"),
    ],
)
def test_rtl_refuses_an_illegal_parameter(change: dict[str, int | str], rule: str) -> None:
    with pytest.raises(RuntimeError, match=rule):
        verilator.lint(SPEC.sources, MODULE, {**SPEC.rtl_parameters(), **change})


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"word_bytes": 12}, "need word_bytes to be a power of two up to 128, got 12"),
        ({"word_bytes": 32, "weights": Weights("0" * 64, (WeightStream("fc1", 0, 1, 16),))}, "got one of 16"),
        ({"burst": 12}, "need burst to be a power of two up to 16, got 12"),
        ({"depth": 16}, "need depth >= 2 \\* burst, got 16 and 16"),
        ({"addr_bits": 31}, "need 32 <= addr_bits <= 64, got 31"),
        (
            {"weights": Weights("0" * 64, tuple(WeightStream(f"fc{i}", 4096 * i, 1, 16) for i in range(9)))},
            "need at most 8 streams of weights, got 9",
        ),
    ],
)
def test_an_illegal_geometry_is_told(change: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        dataclasses.replace(SPEC, **change)


def test_what_a_beat_takes() -> None:
    assert [cycles(10, size, 8) for size in (1, 3, 8, 16, 12)] == [10, 30, 10, 20, 30]


@pytest.mark.yosys
def test_the_estimate_is_what_yosys_counts() -> None:
    """Of two streams; in the shell they have no block RAM and no DSP."""
    streams = WeightStream("fc1", 0, 1, 16384), WeightStream("fc2", 65536, 1, 16384)
    spec = WeightDmaSpec(Weights("0" * 64, streams))
    counted = synthesise(spec.sources, MODULE, spec.rtl_parameters())
    estimated = sum((weight_stream(stream.bytes_per_beat, spec.word_bytes) for stream in streams), Resources())
    assert counted.lut == pytest.approx(estimated.lut, rel=0.03)
    assert counted.ff == pytest.approx(estimated.ff, rel=0.03)
    assert counted.bram18 == counted.dsp == estimated.bram18 == estimated.dsp == 0
