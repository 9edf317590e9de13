# SPDX-License-Identifier: Apache-2.0
"""Facts of a build, gathered from its folder for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from qonnx.core.modelwrapper import ModelWrapper

from board.core.contract import Contract
from board.core.graph import IntegerGraph
from board.core.plain_contract import PlainContract, read_contract
from board.core.reading import parsing
from board.simulation.streams import Counters
from hls_build.build_folder import BuildFolder, Report
from hls_build.config.board import Board, load_board
from hls_build.cost.resources import Resources
from hls_build.estimate import NodeEstimate
from hls_build.finn_adapter import operator
from hls_build.report.layers import Layer, gather
from hls_build.yosys import synthesis_report
from qnn.network import checkpoint as checkpoints
from qnn.network.checkpoint import Card
from qnn.network.presets import checkpoint_of


@dataclass(frozen=True)
class Facts:
    """One build that has been simulated.

    Attributes:
        folder: Where it lies.
        contract: Its accelerator.json.
        board: Whose device counts.
        shell: Round the accelerator, one of hls_build.config.shells.
        card: Of its checkpoint; None of a user's own model.
        simulation: Its report/simulation.json.
        parity: Its report/parity.json.
        nodes: Resources and cycles of every hardware node, of its report/estimate.json; where the build was
            synthesised, resources are those of report/synthesis.json.
        synthesised: Whether they are.
        timing: Its report/timing.json; None where it was not timed.
        layers: In stream order.
        edges: (stream, node that gives it, node that takes it); the accelerator's own ends are empty strings.
        fifo_depths: In beats.
        weight_bytes: Of all weights.
    """

    folder: BuildFolder
    contract: Contract | PlainContract
    board: Board
    shell: str
    card: Card | None
    simulation: Mapping[str, Any]
    parity: Mapping[str, Any]
    nodes: Mapping[str, NodeEstimate]
    synthesised: bool
    timing: Mapping[str, Any] | None
    layers: list[Layer]
    edges: list[tuple[str, str, str]]
    fifo_depths: Mapping[str, int]
    weight_bytes: int

    @property
    def name(self) -> str:
        """Of the build's folder."""
        return self.folder.root.resolve().name

    @property
    def action_units(self) -> Contract | None:
        """The contract of a network of action units; None of another."""
        return self.contract if isinstance(self.contract, Contract) else None

    @property
    def interval_cycles(self) -> int:
        """Cycles per frame, simulated."""
        return int(self.simulation["interval_cycles"])

    @property
    def frames_per_second(self) -> float:
        """At the clock that it is built for."""
        return self.contract.clock_mhz * 1e6 / self.interval_cycles

    @property
    def latency_ms(self) -> float:
        """From the first pixel of a frame to its first accumulator, simulated."""
        return float(self.simulation["first_out_cycles"] / self.contract.clock_mhz / 1000)

    @property
    def resources(self) -> Resources:
        """Of the accelerator without the shell around it."""
        return sum((layer.resources for layer in self.layers), Resources())

    @property
    def mismatches(self) -> int:
        """Faces or frames on which an executor differed from the first one, over all executors."""
        return sum(int(one["mismatches"]) for one in self.parity["executors"])

    @cached_property
    def streams(self) -> dict[str, Counters]:
        """Counters of every stream in the simulated run."""
        return {name: Counters(**counters) for name, counters in self.simulation["streams"].items()}


def read(root: Path) -> Facts:
    """Gather all of a build.

    Raises:
        ValueError: There is no build, it was not simulated, a file of it has changed, or its checkpoint is gone.
    """
    folder = BuildFolder(root)
    folder.check_finished("simulate")
    folder.check_unchanged()
    names: tuple[Report, ...] = ("estimate", "simulation", "parity")
    reports = {name: folder.read_report(name) for name in names}
    contract, graph = read_contract(folder.contract), IntegerGraph.load(folder.integer)
    model = folder.read_dataflow()
    nodes = {name: NodeEstimate.from_json(node) for name, node in reports["estimate"]["nodes"].items()}
    synthesised = synthesis_report.read(folder)
    if synthesised is not None:
        with parsing(folder.report_file("synthesis"), *synthesis_report.REPORT):
            nodes = {name: replace(node, resources=synthesised[name]) for name, node in nodes.items()}
    layers = gather(graph, model, nodes, contract.part)
    checkpoint = folder.read_state().checkpoint
    multipliers = [layer.multiplier for layer in layers if layer.multiplier]
    return Facts(
        folder=folder,
        contract=contract,
        board=load_board(contract.board),
        shell=reports["estimate"]["shell"],
        card=checkpoints.read_card(checkpoint_of(checkpoint, folder.root)) if checkpoint else None,
        simulation=reports["simulation"],
        parity=reports["parity"],
        nodes=nodes,
        synthesised=synthesised is not None,
        timing=folder.read_report("timing") if folder.report_file("timing").is_file() else None,
        layers=layers,
        edges=_edges(model),
        fifo_depths={
            node.name: operator(node).get_nodeattr("depth") for node in model.graph.node if "FIFO" in node.op_type
        },
        weight_bytes=sum(one.weights * one.weight_bits for one in multipliers) // 8,
    )


def _edges(model: ModelWrapper) -> list[tuple[str, str, str]]:
    """Every stream between two nodes, with the accelerator's own two."""
    first, last = model.graph.node[0].name, model.graph.node[-1].name
    weights = {initializer.name for initializer in model.graph.initializer}
    source = {name: node.name for node in model.graph.node for name in node.output}
    inner = [
        (f"{source[name]}->{node.name}", source[name], node.name)
        for node in model.graph.node
        for name in node.input
        if name in source and name not in weights
    ]
    return [("in0", "", first), *inner, ("out0", last, "")]
