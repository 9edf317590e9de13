# SPDX-License-Identifier: Apache-2.0
"""Blocks after synthesis equal their RTL under stalls; a wrong netlist is told by stream, beat and cycle."""

from __future__ import annotations

import json
import re

import pytest
from commands import Ran, refused, run_cli
from networks import random_block
from packages import small_contract

from hls_build.build_folder import BuildFolder
from hls_build.compiler import compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.parity import netlist
from hls_build.rtl import stitch
from hls_build.yosys import synthesis_report
from hls_build.yosys.synthesis import Design

pytestmark = [pytest.mark.verilator, pytest.mark.yosys]

BOARD = load_board("Pynq-Z2")
SAMPLE = ("conv1_in0_dwc", "conv1_q_fork", "attention1_spatial_descriptors", "conv1_memory")
"""Kernels and a memory, in one run of Yosys."""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> BuildFolder:
    """A small network's folder, as the compile step leaves it: a convolution, attention and a dense layer."""
    folder = BuildFolder(tmp_path_factory.mktemp("build"))
    model = compile_graph(random_block(1), BuildConfig("small", "tiny", BOARD, 100.0))
    stitch.stitch(model, folder.rtl, BOARD.part, 10.0)
    small_contract().write(folder.contract)
    return folder


def compared(build: BuildFolder) -> Ran:
    """The sample by `auflow parity --netlist`; its JSON lies in the build's folder."""
    words = [word for name in SAMPLE for word in ("--module", name)]
    done = run_cli("parity", "--build", build.root, "--netlist", *words, "--json", build.root / "netlists.json")
    assert done.status == 0, done.stderr
    return done


def test_netlists_equal_the_rtl(build: BuildFolder) -> None:
    done = compared(build)
    assert "Equal, 0 differences: 4 blocks after synthesis" in done.stdout
    found = json.loads((build.root / "netlists.json").read_text())["blocks"]
    assert {block["name"] for block in found} == set(SAMPLE)
    assert all(block["beats"] >= netlist.MIN_BEATS and not block["difference"] for block in found)
    rows = re.findall(r"│ (\w+) +│ +([\d,]+) │ +([\d,]+) │ equal", done.stdout)
    assert sorted(rows) == sorted((one["name"], f"{one['cycles']:,}", f"{one['beats']:,}") for one in found)


def test_what_was_found_equal_is_not_run_again(build: BuildFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    compared(build)
    before = json.loads((build.root / "netlists.json").read_text())["blocks"]
    monkeypatch.setattr(netlist, "_compared", None)
    assert compared(build).stdout.count("equal, found before") == len(SAMPLE)
    after = json.loads((build.root / "netlists.json").read_text())["blocks"]
    assert all(block["kept"] for block in after)
    assert [{**block, "kept": True} for block in before] == after
    with pytest.raises(TypeError):  # other stalls were not
        list(netlist.compare(build, synthesis_report.designs(build, SAMPLE[:1]), seed=2))


@pytest.mark.parametrize("fault", ["a LUT that inverts", "a register that is never reset"])
def test_a_wrong_netlist_is_noticed(fault: str, build: BuildFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = synthesis_report.designs(build, ["conv1_q_fork"])
    right = Design.verilog

    def planted(design: Design) -> str:
        text = right(design)
        if fault == "a LUT that inverts":
            text, times = re.subn(r"\.INIT\((\d+)'h(\w+)\)\n  \) (_\d+_) \(\n    \.I0", inverted, text, count=1)
        else:
            text, times = re.subn(r"\.R\([^)]*\)", ".R(1'h0)", text)
        assert times
        return text

    monkeypatch.setattr(Design, "verilog", planted)
    for _ in range(2):  # a difference is not kept
        (found,) = netlist.compare(build, wanted)
        assert re.match(r"stream \w+, beat \d+: RTL .*, netlist ", found.difference) and not found.kept
    assert netlist.verdict([found]).startswith("1 of 1 blocks differ after synthesis:\n  conv1_q_fork: stream ")


def inverted(found: re.Match[str]) -> str:
    """A table of the other values."""
    bits = int(found[1])
    return found[0].replace(f"{bits}'h{found[2]}", f"{bits}'h{int(found[2], 16) ^ (1 << bits) - 1:x}")


@pytest.mark.slow
def test_a_whole_accelerator_equals_its_netlists(build: BuildFolder) -> None:
    done = run_cli("parity", "--build", build.root, "--netlist", "--stalls", 5)
    assert done.status == 0, done.stdout + done.stderr
    assert f"Equal, 0 differences: {len(synthesis_report.designs(build))} blocks" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--netlist",), "parity --netlist needs --build"),
        (("--netlist", "--build", "b", "--faces", "f.npy"), "takes neither --faces nor --executors"),
        (("--module", "conv1"), "--module goes with --netlist"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(words: tuple[object, ...], said: str) -> None:
    assert said in refused("parity", *words)
