# SPDX-License-Identifier: Apache-2.0
"""Answer FINN+'s RTL simulation calls with Verilator, so that exec_mode="rtlsim" works without Vivado.

For any FINN+ graph of RTL nodes, not only ours. Needs a C++ compiler and the package `verilator`; with the graph's part
and clock period, and x the integers at its input:

    from hls_build.simulation import finn_engine

    finn_engine.bind()
    model = model.transform(PrepareIP(part, clk_period_ns)).transform(SetExecMode("rtlsim"))
    model = model.transform(PrepareRTLSim(num_workers=1))
    y = execute_onnx(model, {"x": x})["y"]

Afterwards a node's attribute cycles_rtlsim holds its clock cycles; where rtlsim_trace named a file, waves lie beside
the compiled node as FST. Compiled nodes are cached by content, in the folder models of board.core.files.cache_folder.

Every node with an RTL backend is simulated by itself, so FINN+'s own tests of padding, width converters, FIFOs and
sliding windows run on it. Not served, since they need Vivado: nodes of Vitis HLS, VHDL sources, FINN+'s FIFO sizing and
the simulation of a stitched IP.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import finn.xsi
from finn.transformation.fpgadataflow import create_stitched_ip
from finn.util.basic import get_rtlsim_timeout_error_message
from finn.util.exception import FINNUserError

from board.core.lanes import beats_of_ints, ints_of_beats
from board.simulation.harness import Simulation
from board.simulation.streams import DeadlockError
from hls_build.finn_settings import finn_settings
from hls_build.simulation import verilator
from hls_build.simulation.block_design import launch

_WORKDIR = "workdir"
"""File beside the compiled node: the folder its memory files are read from."""


class SimEngine:
    """One open simulation, as FINN+ passes it around.

    Attributes:
        simulation: The live design.
        ticks: Clock cycles since reset, which FINN+ reads.
    """

    def __init__(self, kernel: str, design: str, log: str | None = None, wdb: str | None = None) -> None:
        """Open a compiled design; kernel and log belong to Vivado's engine and are not used."""
        library = Path(design).absolute()
        workdir = Path((library.parent / _WORKDIR).read_text())
        trace = Path(wdb).absolute().with_suffix(".fst") if wdb else None
        self.simulation = Simulation(library, workdir=workdir, trace=trace)

    @property
    def ticks(self) -> int:
        """Clock cycles since the start."""
        return self.simulation.cycle


def bind() -> None:
    """Let FINN+ simulate with Verilator from now on, in this process.

    Puts this engine's functions in place of Vivado's in finn.xsi, makes FINN+'s settings where its own command line has
    not, and its build folder ($FINN_BUILD_DIR). Call it before finn.builder's steps are imported, which copy the names.
    Worker processes of FINN+'s transformations know nothing of it: give those num_workers=1.
    """
    for name in SEAM:
        setattr(finn.xsi, name, globals()[name])
    create_stitched_ip.resolve_xilinx_tool = str  # a tool's name in the script that `launch` does not run
    create_stitched_ip.launch_process_helper = launch
    finn_settings().finn_build_dir.mkdir(parents=True, exist_ok=True)


def locate_glbl() -> Path | None:
    """Vivado's glbl.v, which Verilator does not need."""
    return None


def get_simkernel_so() -> str:
    """Name of the simulator's kernel library; with Verilator each design holds its own."""
    return ""


def compile_sim_obj(
    top_module_name: str,
    source_list: Sequence[str],
    sim_out_dir: Path,
    debug: bool = False,
    behav: bool = False,
    fifosim: bool = False,
) -> tuple[Path, Path]:
    """Compile a node's RTL.

    Absolute paths to the generated code's own folder become relative, so that the cache knows a node again
    in another build folder.

    Args:
        top_module_name: Module to simulate.
        source_list: Verilog and SystemVerilog files.
        sim_out_dir: Folder for the result.
        debug: Whether waves will be written.
        behav: Whether to define FINN_SIMULATION.
        fifosim: FINN+'s own FIFO sizing, which needs Vivado.

    Returns:
        sim_out_dir and the library's path in it; FINN+ finds the seam between both at "xsim.dir".

    Raises:
        RuntimeError: FIFO sizing was asked for, a source is VHDL, or the compilation failed.
    """
    if fifosim:
        raise RuntimeError("FINN+'s FIFO sizing simulation needs Vivado")
    foreign = [source for source in source_list if not source.endswith((".v", ".sv", ".vh", ".svh"))]
    if foreign:
        raise RuntimeError(f"Verilator reads Verilog and SystemVerilog, not {foreign[0]}")
    sources = [Path(source) for source in dict.fromkeys(map(str, source_list))]
    generated = next((s.parent for s in sources if s.stem == top_module_name), sources[-1].parent).absolute()
    copies = sim_out_dir / "rtl"
    copies.mkdir(exist_ok=True)
    built = verilator.build(
        [_relative(source, generated, copies) for source in sources],
        top_module_name,
        defines={"FINN_SIMULATION": "1"} if behav else None,
        trace=debug,
    )
    library = Path("xsim.dir", top_module_name, "xsimk.so")
    (sim_out_dir / library).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(built, sim_out_dir / library)
    (sim_out_dir / library).with_name(_WORKDIR).write_text(str(generated))
    return sim_out_dir, library


def load_sim_obj(
    sim_out_dir: Path,
    out_so_relative_path: Path,
    tracefile: str | None = None,
    simkernel_so: str | None = None,
) -> SimEngine:
    """Open what compile_sim_obj made; a trace file is written there as FST."""
    waves = str(Path(sim_out_dir) / tracefile) if tracefile else None
    return SimEngine(simkernel_so or "", str(Path(sim_out_dir) / out_so_relative_path), wdb=waves)


def reset_rtlsim(
    sim: SimEngine,
    rst_name: str = "ap_rst_n",
    active_low: bool = True,
    clk_name: str = "ap_clk",
    clk2x_name: str = "ap_clk2x",
    n_cycles: int = 16,
) -> None:
    """Reset the design; the ports' names are read off the design itself."""
    sim.simulation.reset(n_cycles)


def close_rtlsim(sim: SimEngine) -> None:
    """End the simulation and flush its waves."""
    sim.simulation.close()


def rtlsim_multi_io(
    sim: SimEngine,
    io_dict: dict[str, dict[str, list[int]]],
    num_out_values: int | Mapping[str, int],
    sname: str = "_V_V",
    liveness_threshold: int = 10000,
    liveness_estimate: int | float | None = None,
) -> int:
    """Stream io_dict["inputs"] in and fill io_dict["outputs"], integers of one beat each.

    Returns:
        Clock cycles.

    Raises:
        FINNUserError: Nothing moved for liveness_threshold cycles.
    """
    outputs = io_dict["outputs"]
    if isinstance(num_out_values, Mapping):
        counts = {name: int(num_out_values[name]) for name in outputs}
    else:
        counts = {name: int(num_out_values) for name in outputs}
    names = {stream.prefix: stream.name for stream in sim.simulation.ports.streams}
    stream = {key: names[key + sname] for key in (*io_dict["inputs"], *outputs)}
    width = sim.simulation.beat_bytes
    try:
        result = sim.simulation.run(
            {stream[key]: beats_of_ints(beats, width(stream[key])) for key, beats in io_dict["inputs"].items()},
            {stream[key]: count for key, count in counts.items()},
            idle_cycles=liveness_threshold,
        )
    except DeadlockError as error:
        hint = get_rtlsim_timeout_error_message(liveness_threshold, liveness_estimate)
        raise FINNUserError(f"{hint} {error}") from error
    for key in outputs:
        outputs[key] = ints_of_beats(result.outputs[stream[key]])
    return result.cycles


def _relative(source: Path, generated: Path, copies: Path) -> Path:
    """The source itself, or a copy without the absolute path of the generated code's folder."""
    text = source.read_text()
    place = f"{generated}/"
    if place not in text:
        return source
    copy = copies / source.name
    copy.write_text(text.replace(place, "./"))
    return copy


SEAM = (
    "SimEngine",
    "close_rtlsim",
    "compile_sim_obj",
    "get_simkernel_so",
    "load_sim_obj",
    "locate_glbl",
    "reset_rtlsim",
    "rtlsim_multi_io",
)
"""Names that finn.xsi loads from Vivado's engine when they are first used."""
