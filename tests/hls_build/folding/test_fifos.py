# SPDX-License-Identifier: Apache-2.0
"""FIFOs sized by simulation: no deeper than the memory they need, as fast as before, and nothing is taken on trust."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import run_cli
from networks import random_block, random_faces

from board.simulation.harness import Simulation
from hls_build.build import shipped
from hls_build.compiler import compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig, load_build
from hls_build.config.folding import Folding
from hls_build.dataflow import rules
from hls_build.finn_adapter import operator
from hls_build.finn_settings import finn_settings
from hls_build.folding import fifos, results
from hls_build.simulation import verilator

pytestmark = pytest.mark.verilator

FOLDING = {"conv1": Folding(pe=2, simd=9), "attention1_spatial": Folding(simd=14, window_simd=2)}
BUILD = BuildConfig("block", "tiny", load_board("Pynq-Z2"), 100.0, None, FOLDING)


def depths_in(build: BuildConfig) -> dict[str, int]:
    """Depths of the FIFOs that the compiler makes."""
    nodes = compile_graph(random_block(1), build).graph.node
    return {node.name: operator(node).get_nodeattr("depth") for node in nodes if node.op_type == "StreamingFIFO_rtl"}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> fifos.Sizing:
    faces = random_faces(np.random.default_rng(5), 5, 8)
    return fifos.size(random_block(1), BUILD, faces, tmp_path_factory.mktemp("sizing"), lambda _: None)


def test_the_build_gets_the_depths(found: fifos.Sizing) -> None:
    before = depths_in(BUILD)
    assert {name: rule for name, (rule, _) in found.depths.items()} == before
    assert all(sized <= rule for rule, sized in found.depths.values())
    assert any(0 < sized < rule for rule, sized in found.depths.values())
    assert depths_in(found.config) == {name: sized for name, (_, sized) in found.depths.items() if sized}
    assert found.bits[1] < found.bits[0]
    assert found.interval_cycles >= found.slowest_layer_cycles


def test_the_file_of_a_sizing_is_its_build(found: fifos.Sizing, tmp_path: Path) -> None:
    path = tmp_path / "sized.toml"
    for config in (found.config, replace(found.config, attention=True)):
        path.write_text(results.toml(config, "sized"))
        assert load_build(path) == config


def test_the_command_names_the_weights_from_wherever_it_writes(
    found: fifos.Sizing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint is relative to its build's file, so in another folder the same words once named none."""
    path, out = tmp_path / "mine.toml", tmp_path / "elsewhere" / "sized.toml"
    path.write_text(results.toml(replace(BUILD, checkpoint="mine.safetensors"), "mine"))
    asked: list[Path] = []
    monkeypatch.setattr(shipped, "integer_graph", lambda checkpoint, attention: asked.append(checkpoint))
    sized = replace(found.config, checkpoint="mine.safetensors")
    monkeypatch.setattr(fifos, "size", lambda *_: replace(found, config=sized))
    done = run_cli("fifos", "--config", path, "--out", out, "--json", tmp_path / "sized.json")
    assert done.status == 0, done.stderr
    assert asked == [tmp_path / "mine.safetensors"]
    assert shipped.checkpoint_of(out, load_build(out)) == asked[0]
    assert json.loads((tmp_path / "sized.json").read_text())["config"] == str(out)


def test_too_shallow_fifos_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fifos, "_needed", lambda name, depth, fill: 2)
    faces = random_faces(np.random.default_rng(5), 5, 8)
    with pytest.raises(RuntimeError, match=r"with sized FIFOs a frame takes .* cycles, need at most|deadlock in cycle"):
        fifos.size(random_block(1), BUILD, faces, tmp_path, lambda _: None)


def test_two_faces_show_no_steady_rate(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="need at least 3 faces to see a steady rate, got 2"):
        fifos.size(random_block(1), BUILD, random_faces(np.random.default_rng(5), 2, 8), tmp_path)


def capacities(depths: list[int], folder: Path) -> list[int]:
    """Beats that FINN+'s FIFOs of some depths hold in block RAM, counted."""
    ports = "".join(
        f", input logic [7:0] s{i}_tdata, input logic s{i}_tvalid, output logic s{i}_tready" for i in range(len(depths))
    )
    instances = "".join(
        f"""
  fifo #(.DEPTH({depth}), .DATA_WIDTH(8), .RAM_STYLE("block")) fifo{i} (
    .clk(ap_clk), .rst(!ap_rst_n), .idat(s{i}_tdata), .ivld(s{i}_tvalid), .irdy(s{i}_tready),
    .odat(), .ovld(), .ordy(1'b0), .count(), .maxcount());"""
        for i, depth in enumerate(depths)
    )
    top = folder / "top.sv"
    top.write_text(f"module top (input logic ap_clk, input logic ap_rst_n{ports});{instances}\nendmodule\n")
    library = verilator.build([Path(finn_settings().finn_rtllib) / "fifo" / "hdl" / "fifo.sv", top], "top")
    with Simulation(library) as simulation:
        for i in range(len(depths)):
            simulation.feed(f"s{i}", np.zeros((5000, 1), np.uint8))
        simulation.step(6000)
        return [len(simulation.take(f"s{i}")[0]) for i in range(len(depths))]


def test_whole_memories_hold_what_they_say(tmp_path: Path) -> None:
    """No more memory than for the depth asked for, and the next beat would need more."""
    asked = [300, 513, 600, 1100, 1600, 2100]
    whole = [rules.whole_memory_depth(depth) for depth in asked]
    held = capacities([*asked, *whole, *(depth + 1 for depth in whole)], tmp_path)
    assert held[:6] == held[6:12]
    assert all(more > enough >= depth for more, enough, depth in zip(held[12:], held[6:12], asked, strict=True))
