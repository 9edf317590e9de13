# SPDX-License-Identifier: Apache-2.0
"""The stand-in for Vivado and Vitis HLS in tests/support/vivado, and a small project to run it on."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import ZipFile

from networks import random_block
from qonnx.core.modelwrapper import ModelWrapper
from small import small_contract

from board.core.contract import Contract, InputRule
from hls_build.compiler import compile_graph
from hls_build.config.board import board_names, load_board
from hls_build.config.build import BuildConfig
from hls_build.config.folding import DRAM, Folding
from hls_build.config.shells import LEAN_SHELL, OWN_SHELL
from hls_build.rtl import stitch
from hls_build.shell.of_build import shell_of
from hls_build.vivado import project

FOLDER = Path(__file__).parent / "vivado"
BLOCK = BuildConfig("block", "tiny", load_board("Pynq-Z2"), 100.0, None, {"conv1": Folding(pe=2, simd=3)})


def environment(**settings: str) -> dict[str, str]:
    """This process's variables with the stand-in first on PATH, and its settings."""
    path = f"{FOLDER}:{os.environ['PATH']}"
    boards = " ".join(load_board(name).board_part for name in board_names())
    return {**os.environ, "PATH": path, "XILINX_VIVADO": str(FOLDER), "STANDIN_BOARDS": boards, **settings}


@dataclass(frozen=True)
class Written:
    """A project and what it was made of."""

    model: ModelWrapper
    build: BuildConfig
    rtl: Path
    archive: Path


STREAMED = replace(BLOCK, folding={**BLOCK.folding, "fc1": Folding(simd=4, weights=DRAM)}, shell=LEAN_SHELL)
"""The same with a dense layer from memory, for the lean shell."""


def write_project(
    folder: Path, build: BuildConfig = BLOCK, model: ModelWrapper | None = None, own_shell: bool = False
) -> Written:
    """Stitch a graph, the small block unless another is given, and write its project."""
    graph = random_block(1)
    model = compile_graph(graph, build) if model is None else model
    stitched = stitch.stitch(model, folder / "rtl", build.board.part, build.clk_period_ns)
    archive = folder / "vivado" / f"{build.name}-vivado.zip"
    kind = LEAN_SHELL if build.shell == LEAN_SHELL else OWN_SHELL
    shell = shell_of(stitched, block_contract(stitched, build), graph, kind) if own_shell else None
    project.write(model, build, folder / "rtl", archive, shell)
    return Written(model, build, folder / "rtl", archive)


def block_contract(stitched: stitch.Stitched, build: BuildConfig = BLOCK) -> Contract:
    """Contract of the small block."""
    size = random_block(1).tensors["pixels"].shape
    return small_contract(
        build.board.part,
        input=InputRule(size, "uint8", "grey", 0.0),
        input_stream=stitched.input_stream,
        output_stream=stitched.output_stream,
        accumulator=f"INT{stitched.output_stream.bits}",
        weights=stitched.weights,
    )


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a project as a person would."""
    with ZipFile(archive) as packed:
        packed.extractall(folder)
    return folder / archive.stem


def vivado(folder: Path, script: str = "build.tcl", **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder as `vivado -mode batch`."""
    command = ["vivado", "-mode", "batch", "-source", script]
    return subprocess.run(command, cwd=folder, env=environment(**settings), capture_output=True, text=True)
