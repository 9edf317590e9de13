# SPDX-License-Identifier: Apache-2.0
"""The netlist rung: every block after Yosys's synthesis against its RTL, in lockstep under stalls, by ==."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from board.core import cache
from board.core.files import sha256, write_json
from board.core.reading import read_json
from board.simulation.harness import Simulation
from board.simulation.streams import Beats
from hls_build.build_folder import BuildFolder
from hls_build.rtl.blocks import Block, blocks
from hls_build.simulation import verilator
from hls_build.yosys import verilog
from hls_build.yosys.synthesis import Design, synthesise
from hls_build.yosys.synthesis_report import MEMORY

KIND, FOUND = "netlists", "equal.json"
"""Where the cache keeps which blocks are equal."""
CYCLES, MAX_CYCLES = 4_000, 200_000
"""Every block runs so long, and on until each of its outputs gave MIN_BEATS or the second number is reached."""
MIN_BEATS = 200
_OFFERED = re.compile(r"^  output logic (\w+)_TVALID", re.MULTILINE)


@dataclass(frozen=True)
class Compared:
    """What a block's netlist did beside its RTL.

    Attributes:
        name: Of the block.
        cycles: That both ran.
        beats: That left both by any output.
        difference: The first one, as a clause; empty where both are equal.
        kept: Whether an earlier run found so, from the same sources by the same programs.
    """

    name: str
    cycles: int
    beats: int
    difference: str = ""
    kept: bool = False


def compare(
    folder: BuildFolder,
    wanted: Sequence[Design],
    seed: int = 1,
    begins: Callable[[Sequence[str]], None] = lambda _: None,
) -> Iterator[Compared]:
    """Run the netlist and the RTL of blocks of a build, each block for itself, as soon as its netlist is there.

    Both get the same beats, of random bits, and the same random stalls; registers begin with random bits. Multipliers
    get the weights of their own memory. Every beat at every output must be equal and leave in the same cycle, and every
    beat at an input be taken in the same cycle. A block that was found equal is not run again.

    Args:
        folder: A build whose RTL was made.
        wanted: What `synthesis_report.designs` gave.
        seed: Of beats and stalls.
        begins: Told the names of the blocks that Yosys is given next.

    Raises:
        RuntimeError: A tool is missing or refuses a block, or a block gives nothing.
    """
    every = {block.name: block for block in blocks(folder.rtl)}
    memories = {
        stream: block
        for block in every.values()
        if block.name.endswith(MEMORY)
        for stream in _OFFERED.findall(block.text)
    }
    models, given = verilog.cell_models(), {design.name: design for design in wanted}
    program = _program(models)
    for name, _ in synthesise(wanted, begins):
        block, text = every[name], given[name].verilog()
        feeding = {stream: memory for stream, memory in memories.items() if f"logic {stream}_TVALID" in block.text}
        key = _key(folder.rtl, [block, *feeding.values()], text, program, seed)
        if (known := _known(key)) is not None:
            yield Compared(name, *known, kept=True)
            continue
        found = _compared(folder.rtl, block, _netlist_model(block.top, text, models), feeding, seed)
        if not found.difference:
            _keep(key, found)
        yield found


def verdict(found: Sequence[Compared]) -> str:
    """What comparing some blocks gave, in a sentence or, with differences, some lines."""
    wrong = [compared for compared in found if compared.difference]
    if wrong:
        lines = [f"  {compared.name}: {compared.difference}" for compared in wrong]
        return "\n".join([f"{len(wrong)} of {len(found)} blocks differ after synthesis:", *lines])
    beats, cycles = sum(compared.beats for compared in found), sum(compared.cycles for compared in found)
    return (
        f"Equal, 0 differences: {len(found)} blocks after synthesis, {beats:,} beats in {cycles:,} cycles under stalls."
    )


def table(found: Sequence[Compared]) -> Table:
    """One row per block."""
    result = Table("block", title="Netlists by Yosys beside their RTL", title_justify="left")
    for column in ("cycles", "beats"):
        result.add_column(column, justify="right")
    result.add_column("after synthesis")
    for compared in found:
        told = compared.difference or ("equal, found before" if compared.kept else "equal")
        result.add_row(compared.name, f"{compared.cycles:,}", f"{compared.beats:,}", told)
    return result


def as_json(found: Sequence[Compared]) -> dict[str, Any]:
    """Everything, for a program."""
    return {"blocks": [asdict(compared) for compared in found], "verdict": verdict(found)}


def _program(models: str) -> str:
    """Digest of all that compares, besides what is compared."""
    files = [Path(__file__), Path(verilator.__file__), verilator.HERE / "harness.cpp", verilator.BLOCK_RAM]
    words = [version("verilator"), models, *(path.read_text() for path in files)]
    return sha256("\0".join(words).encode())


def _key(rtl: Path, read: Sequence[Block], netlist: str, program: str, seed: int) -> str:
    """Name of what comparing a block gave in the cache, which changes with all that it depends on."""
    words = [netlist, program, str(seed)]
    for block in read:
        words += [block.text, *(sha256(rtl / name) for name in (*block.sources, *block.memories))]
    return sha256("\0".join(words).encode())[:32]


def _known(key: str) -> tuple[int, int] | None:
    """Cycles and beats of a block that was found equal before."""
    if (place := cache.find(KIND, key)) is None:
        return None
    content = read_json(place / FOUND, "what comparing a netlist gave", "compare it again")
    cache.release(place)
    return int(content["cycles"]), int(content["beats"])


def _keep(key: str, found: Compared) -> None:
    """Put into the cache that a block is equal."""
    content = {"cycles": found.cycles, "beats": found.beats}
    cache.release(cache.entry(KIND, key, lambda folder: write_json(folder / FOUND, content)))


def _netlist_model(top: str, netlist: str, models: str) -> Path:
    """A block after synthesis, compiled."""
    with tempfile.TemporaryDirectory() as place:
        sources = {Path(place) / f"{top}_netlist.v": netlist, Path(place) / "cells_sim.v": models}
        for path, text in sources.items():
            path.write_text(text)
        return verilator.build([*sources, verilator.BLOCK_RAM], top, random_start=True)


def _compared(rtl: Path, block: Block, netlist: Path, memories: Mapping[str, Block], seed: int) -> Compared:
    """Both of one block in lockstep; `netlist` is its compiled one."""
    with ExitStack() as opened:
        first = opened.enter_context(Simulation(_rtl_model(rtl, block), workdir=rtl, seed=seed))
        second = opened.enter_context(Simulation(netlist, first.ports, workdir=rtl, seed=seed))
        fed = {
            name: _weights(rtl, memories[name]) if name in memories else _noise(first.beat_bytes(name), seed + at)
            for at, name in enumerate(_streams(first))
            if first.is_input(name)
        }
        for simulation in (first, second):
            simulation.stall("both", seed)
            for name in _streams(simulation):
                if simulation.is_input(name):
                    simulation.feed(name, fed[name])
                else:
                    simulation.expect(name, MAX_CYCLES)
        return _lockstep(block.name, first, second)


def _lockstep(name: str, rtl: Simulation, netlist: Simulation) -> Compared:
    """Step both until enough has left each output, and hold what passed every stream against each other.

    Raises:
        RuntimeError: An output gives nothing, so that nothing is shown.
    """
    outputs = [stream for stream in _streams(rtl) if not rtl.is_input(stream)]
    begun = rtl.cycle
    while rtl.cycle - begun < MAX_CYCLES:
        for simulation in (rtl, netlist):
            simulation.step(CYCLES)
        if told := _difference(rtl, netlist):
            return Compared(name, rtl.cycle - begun, 0, told)
        if all(len(rtl.take(stream)[0]) >= MIN_BEATS for stream in outputs):
            break
    cycles, beats = rtl.cycle - begun, [len(rtl.take(stream)[0]) for stream in outputs]
    if not all(beats):
        raise RuntimeError(f"block {name} must give a beat at every output within {cycles} cycles, got {beats}")
    return Compared(name, cycles, sum(beats))


def _difference(rtl: Simulation, netlist: Simulation) -> str:
    """The first stream, beat and cycle in which two simulations differ, as a clause; empty where none."""
    for name in _streams(rtl):
        (a, at_a), (b, at_b) = rtl.take(name), netlist.take(name)
        shared = min(len(a), len(b))
        wrong = (a[:shared] != b[:shared]).any(axis=1) | (at_a[:shared] != at_b[:shared])
        if not wrong.any() and len(a) == len(b):
            continue
        beat = int(wrong.argmax()) if wrong.any() else shared
        told = [_told(beats, stamps, beat) for beats, stamps in ((a, at_a), (b, at_b))]
        return f"stream {name}, beat {beat}: RTL {told[0]}, netlist {told[1]}"
    return ""


def _told(beats: Beats, stamps: np.ndarray, beat: int) -> str:
    if beat >= len(beats):
        return "has none"
    return f"0x{int.from_bytes(beats[beat].tobytes(), 'little'):x} in cycle {int(stamps[beat])}"


def _rtl_model(rtl: Path, block: Block) -> Path:
    """A block's RTL, compiled."""
    with tempfile.TemporaryDirectory() as place:
        top = Path(place) / f"{block.top}.sv"
        top.write_text(block.text)
        return verilator.build([*(rtl / name for name in block.sources), top], block.top, random_start=True)


def _weights(rtl: Path, memory: Block) -> Beats:
    """What a weight memory gives, in the order in which it does: MAX_CYCLES beats."""
    with Simulation(_rtl_model(rtl, memory), workdir=rtl) as simulation:
        (name,) = _streams(simulation)
        return simulation.run({}, {name: MAX_CYCLES}).outputs[name]


def _noise(beat_bytes: int, seed: int) -> Beats:
    """Random beats, as many as MAX_CYCLES can take; the first ones have zeros and ones alone."""
    beats = np.random.default_rng(seed).integers(0, 256, (MAX_CYCLES, beat_bytes), np.uint8)
    beats[:8], beats[8:16] = 0, 255
    return beats


def _streams(simulation: Simulation) -> list[str]:
    return [stream.name for stream in simulation.ports.streams]
