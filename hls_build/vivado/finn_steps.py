# SPDX-License-Identifier: Apache-2.0
"""Run FINN+'s Zynq build on a dataflow graph, its calls of Vivado and Vitis HLS put off."""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path

from finn.transformation.fpgadataflow import create_stitched_ip
from finn.transformation.fpgadataflow.make_zynq_proj import ZynqBuild
from finn.util import basic as finn_boards
from finn.util.settings import get_settings
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from hls_build.config.board import Board
from hls_build.finn_adapter import fast_packing, is_pumped, operator
from hls_build.kernels import kernel_spec
from hls_build.kernels.kernel_node import KernelNode
from hls_build.rtl.stitch import streams_weights
from hls_build.vivado import deferring_tool

PORT_BITS, ZYNQMP_PORT_BITS = 64, 128
"""Width of a high-performance port of Zynq-7000 (AMD UG585) and of Zynq UltraScale+ (AMD UG1085)."""
TOOLS = ("vivado", "vitis_hls")
RTLLIB, KERNELS = "links/rtllib", "links/kernels"
"""Where a workspace shows FINN+'s library and our kernels, since FINN+ takes no blanks in their paths."""


@dataclass(frozen=True)
class Call:
    """One call of a vendor's tool that FINN+ would have made.

    Attributes:
        tool: "vivado" or "vitis_hls".
        folder: Where it would have run.
        arguments: The last one is its Tcl script.
    """

    tool: str
    folder: Path
    arguments: tuple[str, ...]

    @property
    def script(self) -> Path:
        """The Tcl script."""
        return self.folder / self.arguments[-1]


def zynq_build(model: ModelWrapper, board: Board, clk_period_ns: float, rtl: Path, workspace: Path) -> list[Call]:
    """Let FINN+ write everything that its Zynq build gives to Vivado and Vitis HLS.

    The nodes keep the RTL of the simulation: what is generated here is compared with it, file by file.

    Args:
        model: What compile_graph made; it stays as it is.
        board: Where it shall run.
        clk_period_ns: Clock period.
        rtl: RTL folder of the build, which was simulated.
        workspace: New folder for all that is written; its path is plain, see board.core.files.plain_folder.

    Returns:
        The calls in their order, with absolute paths into the workspace and FINN+'s library.

    Raises:
        RuntimeError: FINN+ made something else of the graph or of its RTL than what was simulated.
    """
    model = ModelWrapper(model.model, make_deepcopy=True)
    with fast_packing():
        for node in model.graph.node:
            _generate(model, node, board.part, clk_period_ns, rtl, workspace / "nodes" / node.name)
    notes = workspace / "calls"
    finn_boards.pynq_part_map[board.name] = board.part
    finn_boards.pynq_native_port_width[board.name] = ZYNQMP_PORT_BITS if board.is_zynqmp else PORT_BITS
    with _deferred(workspace, notes), chdir(workspace):  # where FINN+'s scripts go back to, without quotes
        build = ZynqBuild(board.name, clk_period_ns, partition_model_dir=workspace / "partitions")
        linked = model.transform(build)
    _check_graph(model, linked)
    calls = [json.loads(line) for line in notes.read_text().splitlines()]
    return [Call(call["tool"], Path(call["folder"]), tuple(call["arguments"])) for call in calls]


def _generate(model: ModelWrapper, node: NodeProto, part: str, clk_period_ns: float, rtl: Path, folder: Path) -> None:
    """Generate one node, whose folder FINN+ will then find filled, and compare it with what was simulated."""
    folder.mkdir(parents=True)
    op = operator(node)
    op.set_nodeattr("code_gen_dir_ipgen", str(folder))
    op.generate_hdl(model, part, clk_period_ns)
    op.set_nodeattr("ipgen_path", str(folder))
    op.set_nodeattr("ip_path", str(folder))
    (folder / "input_1.npy").unlink(missing_ok=True)
    if streamed := streams_weights(node):
        (folder / "memblock.dat").unlink()
    weights = f"{node.name}_weights.dat"
    for path in sorted(folder.iterdir()):
        content = path.read_text().replace(f"{folder}/memblock.dat", f"./{weights}")
        simulated = rtl / (weights if path.name == "memblock.dat" else path.name)
        if not simulated.is_file() or simulated.read_text() != content:
            raise RuntimeError(
                f"Vivado must get the RTL that was simulated, got another {simulated.name} of {node.name}"
                f" than in {rtl}: build without --resume"
            )
    if streamed:  # or FINN+'s shell would get a DMA for it, which AUFlow's has
        op.set_nodeattr("mem_mode", "internal_decoupled")
        op.generate_hdl(model, part, clk_period_ns)
        (folder / "input_1.npy").unlink()


def _check_graph(model: ModelWrapper, linked: ModelWrapper) -> None:
    """FINN+ may put DMAs around the graph, nothing into it."""
    kinds: list[str] = []
    for partition in linked.get_nodes_by_op_type("StreamingDataflowPartition"):
        inner = ModelWrapper(operator(partition).get_nodeattr("model"))
        kinds += [node.op_type for node in inner.graph.node]
    expected = [node.op_type for node in model.graph.node]
    if sorted(kinds) != sorted([*expected, "IODMA_hls", "IODMA_hls"]):
        raise RuntimeError(
            f"FINN+'s Zynq build must leave the {len(expected)} nodes of the graph and add two DMAs,"
            f" got {len(kinds)} nodes: use the pinned finn-plus"
        )


@contextmanager
def _deferred(workspace: Path, notes: Path) -> Iterator[None]:
    """FINN+'s settings and tools meanwhile: all it writes lies in the workspace, no tool of the vendor runs."""
    shims = workspace / "shims"
    shims.mkdir()
    for tool in TOOLS:
        shim = shims / tool
        words = sys.executable, deferring_tool.__file__, str(notes), tool
        shim.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        shim.chmod(0o755)
    settings, environment = get_settings(), dict(os.environ)
    before = settings.finn_build_dir, settings.finn_deps, settings.num_default_workers, settings.finn_rtllib
    (workspace / RTLLIB).parent.mkdir()
    (workspace / RTLLIB).symlink_to(settings.finn_rtllib)
    (workspace / KERNELS).symlink_to(kernel_spec.FOLDER)
    settings.finn_rtllib = str(workspace / RTLLIB)
    ours = KernelNode.code_generation_ipi

    def through_link(node: KernelNode) -> list[str]:
        return [line.replace(str(kernel_spec.FOLDER), str(workspace / KERNELS)) for line in ours(node)]

    settings.finn_build_dir, settings.finn_deps = workspace / "finn", workspace / "deps"
    settings.num_default_workers = 1  # in this process, which knows our nodes
    settings.finn_build_dir.mkdir()
    os.environ |= {"FINN_TOOL_DIR_OVERRIDE": str(shims), "XILINX_VIVADO": "2022.2"}
    os.environ["NUM_DEFAULT_WORKERS"] = "1"
    waits, create_stitched_ip.wait_for_file = create_stitched_ip.wait_for_file, _is_there
    KernelNode.code_generation_ipi = through_link  # type: ignore[assignment, method-assign] # meanwhile
    knows = create_stitched_ip.CreateStitchedIP.is_double_pumped
    create_stitched_ip.CreateStitchedIP.is_double_pumped = lambda _, node: is_pumped(node)  # FINN+ asks its own alone
    logging.disable(logging.WARNING)  # FINN+ advises FIFOs that the compiler has put where they are needed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # qonnx guesses layouts, which nothing here reads
            yield
    finally:
        logging.disable(logging.NOTSET)
        create_stitched_ip.wait_for_file = waits
        KernelNode.code_generation_ipi = ours  # type: ignore[method-assign]
        create_stitched_ip.CreateStitchedIP.is_double_pumped = knows
        settings.finn_build_dir, settings.finn_deps, settings.num_default_workers, settings.finn_rtllib = before
        os.environ.clear()
        os.environ.update(environment)
        shutil.rmtree(shims)


def _is_there(path: Path, timeout: float) -> bool:
    """In place of FINN+'s, which sleeps before it looks, for slow network disks: 18 s for a tiny graph."""
    del timeout
    return path.is_file()
