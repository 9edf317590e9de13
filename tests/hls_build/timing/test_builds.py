# SPDX-License-Identifier: Apache-2.0
"""Timing of stitched accelerators: a sliding window's ready goes no further than the slice before it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import run_cli
from networks import random_block

from hls_build.build_folder import BuildFolder
from hls_build.compiler import compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.finn_adapter import use_build_folder
from hls_build.rtl import stitch
from hls_build.timing.report import of_designs
from hls_build.yosys import synthesis_report

SLACK_NS = {"w4a4": 0.0, "w2a2": 0.0}
"""Slack budget of shipped builds at their clock, nets at their nominal delay."""


@pytest.mark.yosys
def test_no_path_goes_from_a_window_into_its_padding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "cache"))
    folder, board, network = BuildFolder(tmp_path / "build"), load_board("Pynq-Z2"), random_block(1)
    use_build_folder(folder.finn)
    network.save(folder.integer)
    model = compile_graph(network, BuildConfig("small", "tiny", board, 100.0))
    stitch.stitch(model, folder.rtl, board.part, 10.0)
    (pad, *_) = (node.name for node in model.graph.node if node.op_type == "FMPadding_rtl")
    window = pad.replace("_pad", "_window")
    designs = synthesis_report.designs(folder, [pad, f"{pad}_slice", window])
    synthesis_report.run(designs, lambda _: None, lambda _: None)
    timing = of_designs(folder, designs, 100.0).timing
    starts: dict[str, set[str]] = {}
    for end in timing.endpoints:
        starts.setdefault(end.capture.point.block, set()).add(timing.path(end)[0].point.block)
    assert starts[pad] <= {pad, f"{pad}_slice", "outside"}
    assert window in starts[f"{pad}_slice"]
    assert starts[window] <= {window, f"{pad}_slice", "outside"}


@pytest.mark.yosys
@pytest.mark.slow
@pytest.mark.parametrize("name", SLACK_NS)
def test_shipped_builds_keep_their_slack(name: str, tmp_path: Path) -> None:
    config, out = f"hls_build/config/builds/pynq-z2_{name}.toml", tmp_path / name
    built = run_cli("build", "--config", config, "--out", out, "--stop-after", "compile")
    assert built.status == 0, built.stderr
    timed = run_cli("synth", "--build", out, "--timing", "--min-slack", SLACK_NS[name])
    assert timed.status == 0, timed.stderr
    found = json.loads((out / "report" / "timing.json").read_text())
    assert found["failing"] == 0
    assert found["endpoints"] > 80_000
    assert len((out / "report" / "timing.csv").read_text().splitlines()) == len(found["layers"]) + 1
