# SPDX-License-Identifier: Apache-2.0
"""The stitched RTL: a folder that travels, and under Verilator the same integers as the integer graph."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from appended import with_codes
from networks import TINY, random_block, random_faces, random_network

from board.core.graph import IntegerGraph
from board.core.node import Node
from board.simulation.streams import DeadlockError
from hls_build.compiler import compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BUILDS, BuildConfig, load_build
from hls_build.config.folding import Folding
from hls_build.estimate import estimate
from hls_build.rtl import stitch
from hls_build.simulation import verilator
from hls_build.simulation.open_rtl import open_rtl

BLOCK = BuildConfig("block", "tiny", load_board("Pynq-Z2"), 100.0, None, {"conv1": Folding(pe=2, simd=3)})


def stitched(graph: IntegerGraph, build: BuildConfig, folder: Path) -> stitch.Stitched:
    return stitch.stitch(compile_graph(graph, build), folder, build.board.part, build.clk_period_ns)


@pytest.fixture
def tools() -> None:
    """Skip without Verilator or a compiler."""
    try:
        verilator.verilator_root()
        verilator.compiler()
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RTL of the small block."""
    path = tmp_path_factory.mktemp("build") / "rtl"
    stitched(random_block(1), BLOCK, path)
    return path


def test_the_folder_travels(folder: Path) -> None:
    manifest = stitch.Stitched.load(folder)
    assert manifest.sources[-1] == "accelerator.sv"
    for name in (*manifest.sources, manifest.monitor):
        text = (folder / name).read_text()
        assert str(folder) not in text and "site-packages" not in text, name
        for memory in re.findall(r'"\./(.*?\.dat)"', text):
            assert (folder / memory).is_file(), f"{name} reads {memory}"
    assert not (folder / "memblock.dat").exists()
    assert {path.suffix for path in folder.iterdir()} == {".v", ".sv", ".dat", ".json"}


def test_packages_are_read_before_their_users(folder: Path) -> None:
    names = stitch.Stitched.load(folder).sources
    packages = [name for name in names if name.endswith("_pkg.sv")]
    assert packages and names[: len(packages)] == tuple(packages)


def test_the_manifest_survives_a_file(folder: Path, tmp_path: Path) -> None:
    manifest = stitch.Stitched.load(folder)
    manifest.save(tmp_path)
    assert stitch.Stitched.load(tmp_path) == manifest
    assert manifest.input_stream.bytes_per_beat == 3
    assert manifest.output_stream.bits % 8 == 0
    assert "attention1_channel_q_in0_fifo" in manifest.fifos
    assert "conv1_window->conv1" in manifest.streams


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must be a file, got none at .*stitch\.json: build again"):
        stitch.Stitched.load(tmp_path)


def test_every_source_is_library_or_generated_for_a_layer(folder: Path) -> None:
    model = compile_graph(random_block(1), BLOCK)
    top = (folder / "accelerator.sv").read_text()
    for node in model.graph.node:
        assert len(re.findall(rf"^  {node.name} {node.name}_i \(", top, re.MULTILINE)) == 1


def test_stitching_leaves_the_model_alone(tmp_path: Path) -> None:
    model = compile_graph(random_block(1), BLOCK)
    before = model.model.SerializeToString()
    stitch.stitch(model, tmp_path / "rtl", BLOCK.board.part, BLOCK.clk_period_ns)
    assert model.model.SerializeToString() == before


def test_a_layer_called_like_a_module_is_refused(tmp_path: Path) -> None:
    graph = random_block(1)
    nodes = tuple(replace(node, name="fifo") if node.name == "conv1" else node for node in graph.nodes)
    with pytest.raises(ValueError, match="must not be called like an RTL module, got 'fifo'"):
        stitched(replace_nodes(graph, nodes), replace(BLOCK, folding={}), tmp_path / "rtl")


@pytest.mark.parametrize("name", ["conv1_memory", "conv1_window"])
def test_a_layer_called_like_another_ones_hardware_is_refused(name: str, tmp_path: Path) -> None:
    graph = random_block(1)
    nodes = tuple(replace(node, name=name) if node.name == "conv1_q" else node for node in graph.nodes)
    with pytest.raises(ValueError, match=f"must not be called like another one's hardware, got two of '{name}'"):
        stitched(replace_nodes(graph, nodes), BLOCK, tmp_path / "rtl")


def replace_nodes(graph: IntegerGraph, nodes: tuple[Node, ...]) -> IntegerGraph:
    return IntegerGraph(graph.tensors, nodes, graph.input, graph.output)


@pytest.mark.verilator
@pytest.mark.parametrize("stall", ["none", "source", "sink", "both"])
def test_a_block_equals_the_integer_graph(
    folder: Path, stall: str, seed: int, rng: np.random.Generator, tools: None
) -> None:
    faces = random_faces(rng, 12, 8)
    with open_rtl(folder) as live:
        run = live.run(faces, stall, seed)
    np.testing.assert_array_equal(run.accumulators, random_block(1).run(faces).reshape(len(faces), -1))
    assert len(run.interval_cycles) == 11
    assert run.streams["conv1->conv1_q"].beats == 12 * 64 * 2


APPENDED = with_codes(random_block(1), "attention1_spatial_gate_q")
"""The small block with its spatial gate's codes in the output."""


@pytest.mark.verilator
@pytest.mark.parametrize("depth", [None, 64], ids=["by rule", "one frame"])
def test_attention_in_the_output_equals_the_integer_graph(
    depth: int | None, tmp_path: Path, seed: int, rng: np.random.Generator, tools: None
) -> None:
    """One frame of codes is the least that may wait: the next one stops the network, and it goes on."""
    faces = random_faces(rng, 8, 8)
    expected = APPENDED.run(faces).reshape(len(faces), -1)
    folding = {} if depth is None else {"output_frame": Folding(fifo_depths=(0, depth))}
    manifest = stitched(APPENDED, replace(BLOCK, folding={**BLOCK.folding, **folding}), tmp_path / "rtl")
    assert (manifest.output_stream.lanes, manifest.output_stream.beats_per_frame) == (1, 3 + 64)
    assert manifest.output_stream.bits % 8 == 0 and "output_frame_in1_fifo" in manifest.fifos
    with open_rtl(tmp_path / "rtl") as live:
        for stall in ("none", "source", "sink", "both"):
            run = live.run(faces, stall, seed)
            np.testing.assert_array_equal(run.accumulators, expected)
        assert run.streams["attention1_spatial_gate_q_fork->attention1_spatial_q"].beats == 8 * 64


@pytest.mark.verilator
def test_a_sink_that_waits_for_long_is_survived(tmp_path: Path, rng: np.random.Generator, tools: None) -> None:
    """Every FIFO fills meanwhile; nothing inside may wait in a circle for what comes behind."""
    faces = random_faces(rng, 6, 8)
    stitched(APPENDED, BLOCK, tmp_path / "rtl")
    with open_rtl(tmp_path / "rtl") as live:
        live.simulation.feed("in0", live.input_stream.lane_rule.pack(faces))
        live.simulation.expect("out0", 1)
        for _ in range(3):
            live.simulation.idle(20_000)
        live.simulation.expect("out0", live.output_stream.beats_per_frame * len(faces))
        assert live.simulation.step(200_000)
        beats = live.output_stream.lane_rule.unpack(live.simulation.take("out0")[0])
    np.testing.assert_array_equal(beats.reshape(6, -1), APPENDED.run(faces).reshape(6, -1))


def test_an_append_whose_tail_cannot_wait_is_refused() -> None:
    """Its network would stop for ever: the accumulators need what the codes keep from coming."""
    for depth in (0, 63):
        build = replace(BLOCK, folding={"output_frame": Folding(fifo_depths=(0, depth))})
        with pytest.raises(ValueError, match=f"output_frame needs at least 64 beats at its second .*, got {depth}"):
            compile_graph(APPENDED, build)
    with pytest.raises(ValueError, match=r"pe of output_frame must divide its 1 channels \(one of \[1\]\), got 3"):
        compile_graph(APPENDED, replace(BLOCK, folding={"output_frame": Folding(pe=3)}))
    with pytest.raises(ValueError, match="fifo_depths of output_frame needs 2 depths, one per input, got 1"):
        compile_graph(APPENDED, replace(BLOCK, folding={"output_frame": Folding(fifo_depths=(64,))}))


PUMPED = replace(
    BLOCK,
    name="pumped",
    folding={
        "conv1": Folding(pe=2, simd=9, window_simd=1, pumped=True),  # an odd simd, and a window slower than it
        "attention1_spatial": Folding(simd=14, window_simd=2, pumped=True),
    },
)


@pytest.mark.verilator
def test_pumped_multipliers_equal_the_integer_graph(
    tmp_path: Path, seed: int, rng: np.random.Generator, tools: None
) -> None:
    graph, faces = random_block(1), random_faces(rng, 6, 8)
    manifest = stitched(graph, PUMPED, tmp_path / "rtl")
    assert {"conv1_window_fifo", "attention1_spatial_window_fifo"} & set(manifest.fifos) == {"conv1_window_fifo"}
    with open_rtl(tmp_path / "rtl") as live:
        for stall in ("none", "both"):
            run = live.run(faces, stall, seed)
            np.testing.assert_array_equal(run.accumulators, graph.run(faces).reshape(6, -1))


def test_only_pumped_multipliers_see_the_second_clock(tmp_path: Path) -> None:
    stitched(random_block(1), PUMPED, tmp_path / "rtl")
    top = (tmp_path / "rtl" / "accelerator.sv").read_text()
    assert "input  logic ap_clk2x," in top
    clocked = re.findall(r"^  (\w+) \w+_i \((?:(?!\);).)*?\.ap_clk2x\(ap_clk2x\)", top, re.MULTILINE | re.DOTALL)
    assert clocked == ["conv1", "attention1_spatial"]
    stitched(random_block(1), BLOCK, tmp_path / "rtl")
    assert "ap_clk2x," not in (tmp_path / "rtl" / "accelerator.sv").read_text()


def test_one_product_a_cycle_cannot_be_pumped() -> None:
    build = replace(BLOCK, folding={"fc1": Folding(pumped=True)})
    with pytest.raises(ValueError, match="fc1 can run its DSPs at twice the clock with a simd of at least 2, got 1"):
        compile_graph(random_block(1), build)


@pytest.mark.verilator
def test_runs_follow_each_other(folder: Path, rng: np.random.Generator, tools: None) -> None:
    faces = random_faces(rng, 3, 8)
    expected = random_block(1).run(faces).reshape(3, -1)
    with open_rtl(folder) as live:
        for _ in range(2):
            np.testing.assert_array_equal(live.run(faces).accumulators, expected)


@pytest.mark.verilator
def test_a_wrong_picture_is_refused(folder: Path, tools: None) -> None:
    with open_rtl(folder) as live:
        with pytest.raises(ValueError, match=r"need uint8 pictures of 192 elements, got uint8 \(1, 9, 9, 3\)"):
            live.run(np.zeros((1, 9, 9, 3), np.uint8))
        with pytest.raises(ValueError, match="got float64"):
            live.run(np.zeros((1, 8, 8, 3)))


@pytest.mark.verilator
def test_a_shallow_bypass_names_the_stuck_stream(tmp_path: Path, rng: np.random.Generator, tools: None) -> None:
    folding = {**BLOCK.folding, "attention1_channel_q": Folding(fifo_depths=(8, 0))}
    stitched(random_block(1), replace(BLOCK, folding=folding), tmp_path / "rtl")
    with open_rtl(tmp_path / "rtl") as live, pytest.raises(DeadlockError, match="is stuck: valid, never ready") as e:
        live.run(random_faces(rng, 2, 8))
    assert "conv1_q_fork->attention1_channel_q_in0_fifo" in str(e.value)


@pytest.mark.verilator
def test_the_whole_network_equals_the_integer_graph_at_full_rate(
    tmp_path: Path, seed: int, rng: np.random.Generator, tools: None
) -> None:
    build = load_build(BUILDS / "pynq-z2_tiny.toml")
    graph, faces = random_network(2, TINY), random_faces(rng, 5)
    expected = graph.run(faces).reshape(5, -1)
    stitched(graph, build, tmp_path / "rtl")
    slowest = estimate(compile_graph(graph, build), build).slowest_layer_cycles
    with open_rtl(tmp_path / "rtl") as live:
        run = live.run(faces)
        np.testing.assert_array_equal(run.accumulators, expected)
        assert run.interval_cycles.max() <= 1.01 * slowest
        np.testing.assert_array_equal(live.run(faces[:3], "both", seed).accumulators, expected[:3])
