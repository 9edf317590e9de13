# SPDX-License-Identifier: Apache-2.0
"""Write the RTL of a dataflow graph into one self-contained folder, under one structural top."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from board.core.contract import StreamPacking
from board.core.files import sha256
from board.core.reading import parsing, read_json
from board.core.stuck import BETWEEN
from board.core.weights import ALIGNMENT, WHOLE_BYTES, Weights, WeightStream
from board.core.weights import FILE as WEIGHTS
from hls_build.finn_adapter import fast_packing, is_pumped, operator

TOP, MONITOR = "accelerator", "accelerator_monitor"
OUTSIDE = "outside"
"""The end of a stream that is no node."""
MANIFEST = "stitch.json"
_AXILITE_INPUTS = ("AWVALID", "AWADDR", "AWPROT", "WVALID", "WDATA", "WSTRB", "BREADY", "ARVALID", "ARADDR", "ARPROT")
_AXILITE: dict[str, tuple[str, ...]] = {
    "FMPadding_rtl": tuple(name for name in (*_AXILITE_INPUTS, "RREADY") if not name.endswith("PROT")),
    "Thresholding_rtl": tuple(name for name in (*_AXILITE_INPUTS, "RREADY") if not name.endswith("PROT")),
    "MVAU_rtl": (*_AXILITE_INPUTS, "RREADY"),
}
"""Inputs of the configuration port, which no accelerator of ours uses, by node type."""


@dataclass(frozen=True)
class Stitched:
    """What the RTL folder holds.

    Attributes:
        sources: Files in the order that compilers want, relative to the folder: packages first, the top last.
        monitor: Simulation top around the accelerator that shows what happens inside, relative to the folder.
        streams: Internal streams in the bit order of mon_valid and mon_ready, upstream first; then those of weights.
        fifos: FIFOs in the order of mon_fill.
        input_stream: Packing of the accelerator's input.
        output_stream: Packing of the accelerator's output.
        weights: Those that enter as streams, of the file weights.bin in the folder; None where there are none.
    """

    sources: tuple[str, ...]
    monitor: str
    streams: tuple[str, ...]
    fifos: tuple[str, ...]
    input_stream: StreamPacking
    output_stream: StreamPacking
    weights: Weights | None = None

    def save(self, folder: Path) -> None:
        """Write the manifest into the RTL folder."""
        content = asdict(self)
        if self.weights is None:
            del content["weights"]
        (folder / MANIFEST).write_text(json.dumps(content, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Stitched:
        """Read the manifest of an RTL folder.

        Raises:
            ValueError: There is none, or it is broken.
        """
        path, what, remedy = folder / MANIFEST, "the manifest of a build's RTL", "build again"
        values = read_json(path, what, remedy)
        with parsing(path, what, remedy):
            for key in ("sources", "streams", "fifos"):
                values[key] = tuple(values[key])
            for key in ("input_stream", "output_stream"):
                values[key] = StreamPacking(**values[key])
            if "weights" in values:
                values["weights"] = Weights.parse(values["weights"])
            return cls(**values)


@dataclass(frozen=True)
class Wire:
    """One stream between two nodes, or between a node and the outside.

    Attributes:
        name: Of its signals.
        width: Bits of a beat, padded to whole bytes.
        source: Node that it leaves, OUTSIDE, or the file of weights.
        sink: Node that it enters, or OUTSIDE.
    """

    name: str
    width: int
    source: str
    sink: str

    @property
    def is_inner(self) -> bool:
        """Whether it runs between two nodes."""
        return OUTSIDE not in (self.source, self.sink)

    @property
    def stream(self) -> str:
        """What reports and counters call it."""
        return f"{self.source}{BETWEEN}{self.sink}" if self.is_inner else self.name.removesuffix("_V")


def stitch(model: ModelWrapper, folder: Path, part: str, clk_period_ns: float) -> Stitched:
    """Generate the RTL of every node, copy all sources flat into a folder and write the tops.

    Memory files are named relative to the folder, which is to be the working directory of a simulation.

    Args:
        model: What compile_graph made; it stays as it is.
        folder: Emptied first.
        part: FPGA part, which decides the DSP slices.
        clk_period_ns: Clock period.

    Raises:
        ValueError: A layer is called like a module of the RTL library, or like hardware that belongs to another.
    """
    model = ModelWrapper(model.model, make_deepcopy=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sources: dict[str, None] = {}
    with fast_packing():
        for node in model.graph.node:
            sources |= dict.fromkeys(_generate(model, node, folder, part, clk_period_ns))
    modules = {Path(name).stem for name in sources if name.endswith(".sv")} | {TOP, MONITOR}
    if taken := [node.name for node in model.graph.node if node.name in modules]:
        raise ValueError(f"a layer must not be called like an RTL module, got {taken[0]!r}")
    names = Counter(name for node in model.graph.node for name in _instance_names(node))
    if repeated := [name for name, number in names.items() if number > 1]:
        raise ValueError(f"a layer must not be called like another one's hardware, got two of {repeated[0]!r}")
    wires = wires_of(model)
    (folder / f"{TOP}.sv").write_text(_top(model, wires))
    weights = [Wire(port, width, WEIGHTS, node) for node, (port, width) in _weight_ports(model).items()]
    streams = [*(wire for wire in wires.values() if wire.is_inner), *weights]
    fifos = [node.name for node in model.graph.node if node.op_type == "StreamingFIFO_rtl"]
    (folder / f"{MONITOR}.sv").write_text(_monitor(wires, model, streams, fifos))
    result = Stitched(
        (*sorted(sources, key=lambda name: not name.endswith("_pkg.sv")), f"{TOP}.sv"),
        f"{MONITOR}.sv",
        tuple(wire.stream for wire in streams),
        tuple(fifos),
        _packing(model, model.graph.node[0], output=False),
        _packing(model, model.graph.node[-1], output=True),
        _write_weights(model, folder),
    )
    result.save(folder)
    return result


def _generate(model: ModelWrapper, node: NodeProto, folder: Path, part: str, clk_period_ns: float) -> Iterator[str]:
    """Generate one node into the folder; yield its sources' names there."""
    op = operator(node)
    op.set_nodeattr("code_gen_dir_ipgen", str(folder))
    op.generate_hdl(model, part, clk_period_ns)
    files = [Path(path) for path in op.get_rtl_file_list(abspath=True)]
    if node.op_type == "MVAU_rtl":
        (folder / "memblock.dat").rename(folder / _memory_file(node.name))
        (folder / "input_1.npy").unlink()
        if not streams_weights(node):
            files += _weight_memory(op, node.name, folder)
    for file in files:
        if file.parent != folder:
            shutil.copyfile(file, folder / file.name)
        yield file.name


def _weight_memory(op: Any, name: str, folder: Path) -> list[Path]:
    """Have a multiplier's memory read its weight file relative to the folder; return the memory's sources."""
    wrapper = folder / f"{name}_memstream_wrapper.v"
    wrapper.write_text(wrapper.read_text().replace(f"{folder}/memblock.dat", f"./{_memory_file(name)}"))
    library = Path(op.get_verilog_paths()[-1]).parent
    return [
        wrapper,
        library / "axi/hdl/axilite.sv",
        library / "memstream/hdl/memstream_axi.sv",
        library / "memstream/hdl/memstream.sv",
    ]


def _memory_file(name: str) -> str:
    """What a multiplier's weights are called in the folder."""
    return f"{name}_weights.dat"


def streams_weights(node: NodeProto) -> bool:
    """Whether a node's weights enter the accelerator as a stream."""
    return node.op_type == "MVAU_rtl" and operator(node).get_nodeattr("mem_mode") == "external"


def _weight_ports(model: ModelWrapper) -> dict[str, tuple[str, int]]:
    """The port and its bits of every node whose weights enter as a stream.

    A stream of its own for each, since one for all would make layers wait for each other's weights.
    """
    nodes = [node for node in model.graph.node if streams_weights(node)]
    return {
        node.name: (f"in{number}_V", operator(node).get_instream_width_padded(1))
        for number, node in enumerate(nodes, 1)
    }


def _write_weights(model: ModelWrapper, folder: Path) -> Weights | None:
    """Write what enters as streams into one file of regions; the memory files that held it go."""
    content, streams = bytearray(), []
    for layer, (_, bits) in _weight_ports(model).items():
        width, path = bits // 8, folder / _memory_file(layer)
        frame = b"".join(int(line, 16).to_bytes(width, "little") for line in path.read_text().split())
        path.unlink()
        region = frame * (WHOLE_BYTES // math.gcd(WHOLE_BYTES, len(frame)))
        content += bytes(-len(content) % ALIGNMENT)
        streams.append(WeightStream(layer, len(content), width, len(region) // width))
        content += region
    if not streams:
        return None
    (folder / WEIGHTS).write_bytes(content)
    return Weights(sha256(bytes(content)), tuple(streams))


def _packing(model: ModelWrapper, node: NodeProto, output: bool) -> StreamPacking:
    op = operator(node)
    shape = op.get_folded_output_shape() if output else op.get_folded_input_shape()
    datatype = op.get_output_datatype() if output else op.get_input_datatype()
    return StreamPacking.of_frame(int(prod(shape)), int(shape[-1]), datatype.bitwidth(), datatype.signed())


def stream_inputs(model: ModelWrapper, node: NodeProto) -> list[str]:
    """Input tensors that arrive as streams, not as weights."""
    return [name for name in node.input if model.get_initializer(name) is None]


def wires_of(model: ModelWrapper) -> dict[str, Wire]:
    """Every stream by its tensor, upstream first."""
    sinks = {name: node.name for node in model.graph.node for name in stream_inputs(model, node)}
    first, source = model.graph.node[0], model.graph.input[0].name
    width = operator(first).get_instream_width_padded(0)
    wires = {source: Wire("in0_V", width, OUTSIDE, first.name)}
    for node in model.graph.node:
        for index, name in enumerate(node.output):
            width, sink = operator(node).get_outstream_width_padded(index), sinks.get(name, OUTSIDE)
            wire = "out0_V" if sink == OUTSIDE else f"{node.name}_out{index}"
            wires[name] = Wire(wire, width, node.name, sink)
    return wires


def _ports(model: ModelWrapper, wires: dict[str, Wire]) -> str:
    """The accelerator's ports."""
    into, out = (next(w for w in wires.values() if w.name == name) for name in ("in0_V", "out0_V"))
    doubled = any(is_pumped(node) for node in model.graph.node)
    second = "\n  input  logic ap_clk2x,  // twice ap_clk, in phase: it rises with both of its edges" if doubled else ""
    inputs = [
        (into.name, into.width, ""),
        *((*port, f"  // weights of {to}") for to, port in _weight_ports(model).items()),
    ]
    entering = "\n".join(
        f"""
  input  logic [{width - 1}:0] {name}_TDATA,{why}
  input  logic {name}_TVALID,
  output logic {name}_TREADY,"""
        for name, width, why in inputs
    )
    return f"""  input  logic ap_clk,{second}
  input  logic ap_rst_n,  // synchronous
{entering}

  output logic [{out.width - 1}:0] out0_V_TDATA,
  output logic out0_V_TVALID,
  input  logic out0_V_TREADY"""


def _top(model: ModelWrapper, wires: dict[str, Wire]) -> str:
    """The structural top."""
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        "",
        f"/// {model.graph.name}: pixels in, accumulators of the last layer out; generated.",
        f"module {TOP} (",
        _ports(model, wires),
        ");",
    ]
    for wire in wires.values():
        if wire.name not in ("in0_V", "out0_V"):
            lines.append(f"  logic [{wire.width - 1}:0] {wire.name}_TDATA;")
            lines.append(f"  logic {wire.name}_TVALID, {wire.name}_TREADY;")
    for node in model.graph.node:
        lines += ["", *_instances(model, node, wires)]
    return "\n".join([*lines, "endmodule", ""])


def _instances(model: ModelWrapper, node: NodeProto, wires: dict[str, Wire]) -> list[str]:
    """A node's module, and the memory of its weights."""
    clocks, fast = [".ap_clk(ap_clk)", ".ap_rst_n(ap_rst_n)"], ".ap_clk2x(ap_clk2x)"
    streams = [(f"in{i}_V", wires[name].name) for i, name in enumerate(stream_inputs(model, node))]
    streams += [(f"out{i}_V", wires[name].name) for i, name in enumerate(node.output)]
    if node.op_type != "MVAU_rtl":
        tied = [f".s_axilite_{name}('0)" for name in _AXILITE.get(node.op_type, ())]
        if node.op_type == "Thresholding_rtl":
            tied += [".in1_V_TVALID(1'b0)", ".in1_V_TDATA('0)"]
        doubled = [fast] if is_pumped(node) else []
        return [_instance(node.name, node.name, [*clocks, *doubled, *tied, *_bundles(streams)])]
    slow = ".ap_clk2x(ap_clk)"
    if not is_pumped(node):
        fast = slow
    if streams_weights(node):
        port, _ = _weight_ports(model)[node.name]
        return [_instance(node.name, node.name, [*clocks, fast, *_bundles([*streams, ("in1_V", port)])])]
    width = operator(node).get_instream_width_padded(1)
    weights = f"{node.name}_weights"
    tied = [f".s_axilite_{name}('0)" for name in _AXILITE[node.op_type]]
    tied += [".s_axis_0_tvalid(1'b0)", ".s_axis_0_tdata('0)"]
    memory = [f".m_axis_0_t{signal}({weights}_T{signal.upper()})" for signal in ("data", "valid", "ready")]
    return [
        f"  logic [{width - 1}:0] {weights}_TDATA;",
        f"  logic {weights}_TVALID, {weights}_TREADY;",
        _instance(f"{node.name}_memstream_wrapper", f"{node.name}_memory", [*clocks, slow, *tied, *memory]),
        _instance(node.name, node.name, [*clocks, fast, *_bundles([*streams, ("in1_V", weights)])]),
    ]


def _instance_names(node: NodeProto) -> tuple[str, ...]:
    """What a node puts into the top."""
    return (node.name, f"{node.name}_memory") if node.op_type == "MVAU_rtl" else (node.name,)


def _instance(module: str, name: str, connections: list[str]) -> str:
    body = ",\n    ".join(connections)
    return f"  {module} {name}_i (\n    {body}\n  );"


def _bundles(streams: list[tuple[str, str]]) -> list[str]:
    """Connections of streams, port prefix to wire prefix."""
    return [
        ", ".join(f".{port}_{signal}({wire}_{signal})" for signal in ("TDATA", "TVALID", "TREADY"))
        for port, wire in streams
    ]


def _monitor(wires: dict[str, Wire], model: ModelWrapper, streams: list[Wire], fifos: list[str]) -> str:
    """The simulation top: the accelerator as it ships, its handshakes and FIFO fills looked up from outside."""

    def listed(signals: list[str]) -> str:
        return "{\n    " + ",\n    ".join(f"dut.{signal}" for signal in reversed(signals)) + "\n  }"

    names = [wire.name for wire in streams]
    return f"""// SPDX-License-Identifier: Apache-2.0

/// Simulation only: {model.graph.name} with its internal handshakes and the highest fill of every FIFO; generated.
module {MONITOR} (
{_ports(model, wires)},

  output logic [{len(names) - 1}:0] mon_valid,
  output logic [{len(names) - 1}:0] mon_ready,
  output logic [{max(1, 32 * len(fifos)) - 1}:0] mon_fill
);
  {TOP} dut (.*);

  assign mon_valid = {listed([f"{name}_TVALID" for name in names])};
  assign mon_ready = {listed([f"{name}_TREADY" for name in names])};
  assign mon_fill = {listed([f"{fifo}_i.maxcount" for fifo in fifos]) if fifos else "1'b0"};
endmodule
"""
