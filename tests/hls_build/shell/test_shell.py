# SPDX-License-Identifier: Apache-2.0
"""The whole shell under cocotbext-axi: frames, counters, checks, resets and self-test."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cocotb_bench
import numpy as np
import pytest
from commands import run_cli
from networks import random_block
from shells import DIGEST, faulty, stub_answers, stub_shell, stub_sources
from standin import BLOCK, block_contract

from board.core.contract import Contract
from board.core.graph import IntegerGraph
from board.driver.debug import Debug, Fault
from board.driver.shell import DEBUG_BASE, IDMA_BASE, ODMA_BASE, WEIGHTS_BASE
from board.executors.numpy_executor import NumpyExecutor
from hls_build.build_folder import BuildFolder
from hls_build.compiler import compile_graph
from hls_build.config.build import BUILDS
from hls_build.config.shells import LEAN_SHELL, OWN_SHELL
from hls_build.rtl.stitch import Stitched, stitch
from hls_build.shell.dma import RTL
from hls_build.shell.of_build import shell_of
from hls_build.shell.spec import FRAME_FILE, TOP, SelfTest, ShellSpec, top_text, write
from hls_build.simulation import verilator

MODULE = "cocotb_shell"


def judge(
    spec: ShellSpec,
    sources: list[Path],
    frames: np.ndarray,
    answers: np.ndarray,
    folder: Path,
    cases: tuple[str, ...] = (),
    timeout_s: float = cocotb_bench.TIMEOUT_S,
    **settings: Any,
) -> None:
    """Hold a shell to all cases, or to some.

    Args:
        spec: The shell.
        sources: All files but for the top.
        frames: Beats, uint8 (N, beats, bytes).
        answers: Bytes, uint8 (N, bytes).
        folder: For what is read meanwhile.
        cases: Names of cases.
        timeout_s: How long they may take.
        settings: Of the cases: seed, count (frames), batch (most frames at once, 4 without), resets, frame_cycles.
    """
    top = folder / f"{TOP}.v"
    top.write_text(faulty(top_text(spec)))
    if spec.self_test is not None:
        (folder / FRAME_FILE).write_text(spec.self_test.text())
    np.savez(folder / "frames.npz", frames=frames.reshape(len(frames), -1), answers=answers)
    (folder / "shell.json").write_text(json.dumps({"streams": spec.streams}))
    values = {
        "frames": str(folder / "frames.npz"), "shell": str(folder / "shell.json"), "digest": spec.digest,
        "fifos": len(spec.fifos), "quiet": spec.quiet_cycles, "axi3": spec.axi3,
        "features": spec.check | (spec.self_test is not None) << 1 | spec.counters << 2,
        "crc": 0 if spec.self_test is None else spec.self_test.crc,
        "in_beats": spec.input_stream.beats_per_frame, "out_beats": spec.output_stream.beats_per_frame, **settings,
    }  # fmt: skip
    executable = cocotb_bench.compiled([*sources, top], TOP, {})
    cocotb_bench.run(executable, TOP, MODULE, values, cases, cwd=folder, timeout_s=timeout_s)


def judge_stub(
    sources: list[Path] | None,
    tmp_path: Path,
    seed: int,
    cases: tuple[str, ...] = (),
    parts: Mapping[str, Any] = MappingProxyType({}),
    **counts: int,
) -> None:
    """Hold the shell round the stand-in, with all parts or some left out, to its cases."""
    spec, frames = stub_shell(np.random.default_rng(1), **parts)
    settings = {"seed": seed, "count": 12, "resets": 6, "frame_cycles": 400, **counts}
    judge(spec, sources or stub_sources(spec), frames, stub_answers(frames), tmp_path, cases, **settings)


@pytest.mark.verilator
@pytest.mark.cocotb
def test_frames_counters_checks_resets_and_self_test(tmp_path: Path, seed: int) -> None:
    judge_stub(None, tmp_path, seed)


LEAN: Mapping[str, Any] = {"self_test": None, "counters": False, "check": False, "fifos": ()}
"""What a lean shell leaves out."""
LEAN_CASES = (
    "it_tells_what_it_is",
    "frames_with_stalls_and_errors",
    "frames_wait_for_each_other_behind_the_fence",
    "a_reset_at_any_time_leaves_all_well",
    "a_hang_shows_where",
)


@pytest.mark.verilator
@pytest.mark.cocotb
def test_a_lean_shell_moves_frames_by_axi3_resets_and_tells_of_a_hang(tmp_path: Path, seed: int) -> None:
    judge_stub(None, tmp_path, seed, LEAN_CASES, {**LEAN, "axi3": True})


def test_a_lean_shell_of_a_build_leaves_out_what_only_tells(tmp_path: Path) -> None:
    graph, rtl = random_block(1), tmp_path / "rtl"
    stitched = stitch(compile_graph(graph, BLOCK), rtl, BLOCK.board.part, BLOCK.clk_period_ns)
    whole, lean = (shell_of(stitched, block_contract(stitched), graph, shell) for shell in (OWN_SHELL, LEAN_SHELL))
    assert lean.self_test is None and lean == dataclasses.replace(whole, **LEAN)
    assert whole.fifos and whole.counters and whole.check and whole.self_test is not None
    write(lean, rtl, tmp_path)
    inner = (tmp_path / "accelerator_watched.sv").read_text()
    assert "maxcount(watch_fill" not in inner and "assign watch_fill = 1'b0;" in inner
    assert json.loads((tmp_path / "shell.json").read_text()) == {"streams": list(stitched.streams), "fifos": []}
    assert not (tmp_path / FRAME_FILE).exists()


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.cocotb
def test_a_hundred_frames_with_stalls_and_errors(tmp_path: Path, seed: int) -> None:
    judge_stub(None, tmp_path, seed, count=400, resets=60)


def judge_accelerator(
    rtl: Path, spec: ShellSpec, contract: Contract, graph: IntegerGraph, tmp_path: Path, seed: int, **settings: Any
) -> None:
    """Hold a build's accelerator in its shell to the cases that know nothing of it, by noise that its graph answers."""
    faces = np.random.default_rng(seed).integers(0, 256, (20, *contract.shape), np.uint8)
    packed = contract.input_stream.lane_rule.pack(faces).reshape(20, -1)
    answers = NumpyExecutor(graph).accumulators(faces)
    told = contract.output_stream.lane_rule.pack(answers).reshape(20, -1)
    sources = [verilator._readable(source, tmp_path, False) for source in write(spec, rtl, tmp_path)[:-1]]
    for path in rtl.glob("*.dat"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    cases = ("frames_with_stalls_and_errors", "the_self_test_passes_and_can_fail", "it_tells_what_it_is")
    judge(spec, sources, packed, told, tmp_path, cases, seed=seed, **settings)


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.cocotb
def test_a_hundred_frames_through_a_real_accelerator(tmp_path: Path, seed: int) -> None:
    rtl, graph = tmp_path / "rtl", random_block(1)
    stitched = stitch(compile_graph(graph, BLOCK), rtl, BLOCK.board.part, BLOCK.clk_period_ns)
    contract = block_contract(stitched)
    spec = dataclasses.replace(shell_of(stitched, contract, graph), quiet_cycles=20_000)
    judge_accelerator(rtl, spec, contract, graph, tmp_path, seed, count=100, frame_cycles=3000)


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.cocotb
def test_frames_through_the_default_accelerator(tmp_path: Path, seed: int) -> None:
    """So many as AUFLOW_SHELL_FRAMES says: each takes as many cycles as all of a smaller one's hundred."""
    folder = BuildFolder(tmp_path / "build")
    built = run_cli("build", "--config", BUILDS / "pynq-z2_w4a4.toml", "--out", folder.root, "--stop-after", "compile")
    assert built.status == 0, built.stderr
    contract, graph = Contract.read(folder.contract), IntegerGraph.load(folder.integer)
    spec = shell_of(Stitched.load(folder.rtl), contract, graph)
    settings = {"count": int(os.environ.get("AUFLOW_SHELL_FRAMES", "100")), "batch": 12, "frame_cycles": 600_000}
    judge_accelerator(folder.rtl, spec, contract, graph, tmp_path, seed, timeout_s=24 * 3600.0, **settings)


@pytest.mark.verilator
def test_a_stitched_accelerator_fits_into_its_shell(tmp_path: Path) -> None:
    rtl = tmp_path / "rtl"
    manifest = stitch(compile_graph(random_block(1), BLOCK), rtl, BLOCK.board.part, BLOCK.clk_period_ns)
    spec = ShellSpec.of(manifest, DIGEST)
    sources = [verilator._readable(source, tmp_path, False) for source in write(spec, rtl, tmp_path)]
    options = ["--lint-only", *verilator.LENIENT]
    verilator._verilate([*options, *verilator._arguments(sources, TOP, {}, {})], tmp_path, TOP)
    inner = (tmp_path / "accelerator_watched.sv").read_text()
    assert inner.count(".maxcount(watch_fill[") == len(manifest.fifos) > 0
    assert json.loads((tmp_path / "shell.json").read_text())["streams"] == list(manifest.streams)


MUTANTS = {
    "the digest is turned round": (
        "debug.sv", "DIGEST[32 * (7 - int'(read_address[2:0])) +: 32]", "DIGEST[32 * int'(read_address[2:0]) +: 32]",
        "it_tells_what_it_is"),
    "a frame is counted twice": (
        "frame_check.sv", "if (out_last) frames_out_q <= frames_out_q + 1'b1;",
        "if (out_last) frames_out_q <= frames_out_q + 2'd2;", "frames_with_stalls_and_errors"),
    "a beat is missed while the scan is there": (
        "stream_counters.sv", "beats_q[stream]  <= (taken ? '0 : beats_q[stream]) +",
        "beats_q[stream]  <= taken ? '0 : beats_q[stream] +", "beats_and_stalls_are_counted"),
    "stalls are beats": (
        "stream_counters.sv", "SMALL_BITS'(valid_i[stream] && !ready_i[stream]", "SMALL_BITS'(valid_i[stream] && 1'b0",
        "beats_and_stalls_are_counted"),
    "counters cannot be cleared": (
        "stream_counters.sv", "clearing_q <= asked_q || clear_i;", "clearing_q <= 1'b0;",
        "beats_and_stalls_are_counted"),
    "an extra beat is not noticed": (
        "frame_check.sv", "else if (out_valid_i && !owed_o) fault", "else if (1'b0) fault",
        "a_lost_or_repeated_beat_is_noticed_in_its_frame"),
    "a lost beat is not noticed": (
        "frame_check.sv", "else if (quiet && owed_o", "else if (1'b0 && owed_o",
        "a_lost_or_repeated_beat_is_noticed_in_its_frame"),
    "the DMA is not told of a fault": (
        "debug.sv", "assign misaligned_o = {noticed_q,", "assign misaligned_o = {1'b0,",
        "a_lost_or_repeated_beat_is_noticed_in_its_frame"),
    "the DMA loses a beat": (
        "read_dma.sv", ".s_axis_tvalid(beat_valid && wants)", ".s_axis_tvalid(beat_valid && wants && beat_q != 5)",
        "frames_with_stalls_and_errors"),
    "frames do not wait for each other": (
        "frame_check.sv", "assign open_o    = !(fence_i", "assign open_o    = !(1'b0 && fence_i",
        "frames_wait_for_each_other_behind_the_fence"),
    "a reset leaves the accelerator alone": (
        "debug.sv", "rst_no <= rst_ni && held_q == '0;", "rst_no <= rst_ni;", "a_reset_at_any_time_leaves_all_well"),
    "a reset does not wait for the bus": (
        "debug.sv", "end else if (busy_i == '0 && !weights_busy_i) begin", "end else begin",
        "a_reset_at_any_time_leaves_all_well"),
    "the self-test plays a beat less": (
        "self_test.sv", "played_q <= at_last;", "played_q <= next_q == INDEX_BITS'(IN_FRAME_BEATS - 2);",
        "the_self_test_passes_and_can_fail"),
    "the CRC has another polynomial": (
        "self_test.sv", "32'hEDB88320", "32'h82F63B78", "the_self_test_passes_and_can_fail"),
    "the self-test always passes": (
        "self_test.sv", "done_q && crc_o == 32'(EXPECTED)", "done_q", "the_self_test_passes_and_can_fail"),
    "the self-test does not wait": (
        "debug.sv", "busy_i == '0 && !owed;", "1'b1;", "the_self_test_passes_and_can_fail"),
    "quiet is never": (
        "frame_check.sv", "else if (!quiet) quiet_q <=", "else if (1'b0) quiet_q <=", "a_hang_shows_where"),
    "interrupts do not depend on their enable": (
        "debug.sv", "(enable_q & pending_q) != '0", "pending_q != '0", "interrupts_tell_of_ends_and_faults"),
}  # fmt: skip
"""By what goes wrong: file, text, its replacement, the case that must notice."""


def planted(mutant: str, folder: Path) -> list[Path]:
    """The stand-in's sources with one mutant in them."""
    file, before, after, _ = MUTANTS[mutant]
    text = (RTL / file).read_text()
    assert text.count(before) == 1, f"{file} must hold {before!r} once"
    (folder / file).write_text(text.replace(before, after))
    spec, _ = stub_shell(np.random.default_rng(1))
    return [folder / file if source.name == file else source for source in stub_sources(spec)]


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.cocotb
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_noticed(mutant: str, tmp_path: Path, seed: int) -> None:
    def hold(sources: list[Path], draw: int) -> None:
        judge_stub(sources, tmp_path, draw, (MUTANTS[mutant][3],))

    sound = stub_sources(stub_shell(np.random.default_rng(1))[0])
    cocotb_bench.assert_noticed(hold, planted(mutant, tmp_path), sound, seed)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_can_be_planted(mutant: str, tmp_path: Path) -> None:
    planted(mutant, tmp_path)


PARTS: dict[str, dict[str, int]] = {
    "all": {"WATCHED": 100, "FIFOS": 14},
    "ends": {},
    "no self-test": {"SELF_TEST": 0},
    "nothing that counts or checks": {"SELF_TEST": 0, "COUNTERS": 0, "CHECK": 0},
    "no debug block": {"DEBUG": 0},
    "wide": {"ADDR_BITS": 40, "WORD_BYTES": 16, "IN_FRAME_BEATS": 1, "OUT_FRAME_BEATS": 1, "WATCHED": 1, "FIFOS": 1},
}


@pytest.mark.verilator
@pytest.mark.parametrize("parts", PARTS)
def test_it_is_clean(parts: str) -> None:
    spec, _ = stub_shell(np.random.default_rng(1))
    verilator.lint(spec.sources, "shell", PARTS[parts])


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"WATCHED": 511}, "need 2 <= STREAMS <= 512"),
        ({"FIFOS": 1025}, "need FIFOS <= 1024"),
        ({"STORED_BYTES": 2}, "need STORED_BYTES to divide IN_BEAT_BYTES"),
        ({"OUT_BITS": 25}, "need 1 <= OUT_BITS"),
        ({"CHECK": 2}, "need CHECK to be 0 or 1"),
        ({"SELF_TEST": 2}, "need SELF_TEST and COUNTERS to be 0 or 1"),
        ({"RESET_CYCLES": 0}, "need RESET_CYCLES >= 1"),
    ],
)
def test_rtl_refuses_an_illegal_parameter(change: dict[str, int], rule: str) -> None:
    spec, _ = stub_shell(np.random.default_rng(1))
    with pytest.raises(RuntimeError, match=rule):
        verilator.lint(spec.sources, "shell", change)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"digest": "00"}, "need a digest of 64 hexadecimal digits, got '00'"),
        ({"streams": ("a",) * 511}, "need at most 510 streams and 1024 FIFOs, got 511 and 1"),
        ({"quiet_cycles": 0}, "need quiet_cycles >= 1, got 0"),
    ],
)
def test_an_illegal_shell_is_told(change: dict[str, Any], rule: str) -> None:
    spec, _ = stub_shell(np.random.default_rng(1))
    with pytest.raises(ValueError, match=rule):
        dataclasses.replace(spec, **change)


def test_the_driver_knows_the_registers() -> None:
    text = (RTL / "debug.sv").read_text()
    places = {name: 4 * int(word, 16) for name, word in re.findall(r"(\w+) = 12'h(\w+)", text)}
    told = {
        name: int(offset, 16) for offset, name in re.findall(r"^///   0x(\w+) (?:\+ \d i +)? +([A-Z_]{2,})", text, re.M)
    }
    known = {register.name: int(register) for register in Debug}
    assert places.items() <= known.items() and told.items() <= known.items()
    assert known.keys() == places.keys() | told.keys() | {"STALLS", "FILL", "BEATS"}
    check = (RTL / "frame_check.sv").read_text()
    codes = dict(re.findall(r"(NONE|INPUT_\w+|OUTPUT_\w+) = (\d)", check))
    assert {name: int(code) for name, code in codes.items()} == {fault.name: int(fault) for fault in Fault}


def test_the_driver_knows_the_places_of_the_blocks() -> None:
    head = (RTL / "shell.sv").read_text().split("module shell")[0]
    told = [int(place, 16) for place in re.findall(r"0x\w+", head)]
    assert told == [DEBUG_BASE, IDMA_BASE, ODMA_BASE, WEIGHTS_BASE]


def test_a_grey_frame_is_stored_once() -> None:
    grey = np.repeat(np.arange(4, dtype=np.uint8)[:, None], 3, axis=1)
    answer = np.array([[1, 2]], np.uint8)
    assert SelfTest.of(grey, answer).text() == "00\n01\n02\n03\n"
    assert SelfTest.of(grey + np.arange(3, dtype=np.uint8), answer).text().startswith("020100\n")
    assert SelfTest.of(grey, answer).crc == 0xB6CC4292  # of bytes 1 and 2, by zlib
