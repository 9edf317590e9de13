# SPDX-License-Identifier: Apache-2.0
"""A block as 7-series cells and the nets between them, as Yosys leaves it."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from board.core.files import write_bytes
from board.core.reading import parse_json, parsing, read_bytes

Bit = int | str
"""Number of a net, or what is constant there: "0", "1", "x" or "z"."""
Pins = Mapping[str, Sequence[Bit]]
"""Bits at each pin of a cell or port of a block, by its name, least significant first."""

WHAT, REMEDY = "a netlist in the cache", "synthesize again"


@dataclass(frozen=True)
class Cell:
    """One primitive.

    Attributes:
        type: Xilinx's name of it, such as LUT6.
        parameters: Its settings as Yosys writes them; contents of memories are left out, and of tables that have one
            output.
        pins: What its pins are connected with.
    """

    type: str
    parameters: Mapping[str, str]
    pins: Pins


@dataclass(frozen=True)
class Netlist:
    """A synthesized block without hierarchy.

    Attributes:
        inputs: Its ports that take something.
        outputs: Its ports that give something.
        cells: All primitives.
        names: Bits of every named signal, by the source's name.
    """

    inputs: Pins
    outputs: Pins
    cells: Sequence[Cell]
    names: Pins

    @classmethod
    def of_module(cls, module: Mapping[str, Any]) -> Netlist:
        """Out of a module of Yosys's JSON."""
        ports = module["ports"]
        return cls(
            {name: port["bits"] for name, port in ports.items() if port["direction"] == "input"},
            {name: port["bits"] for name, port in ports.items() if port["direction"] == "output"},
            [
                Cell(
                    cell["type"],
                    {
                        key: value
                        for key, value in cell["parameters"].items()
                        if not key.startswith("INIT") or cell["type"] == "LUT6_2"
                    },
                    cell["connections"],
                )
                for cell in module["cells"].values()
            ],
            {name: net["bits"] for name, net in module["netnames"].items() if not net["hide_name"]},
        )

    @property
    def cells_by_type(self) -> dict[str, int]:
        """How many cells of each type it has."""
        return dict(Counter(cell.type for cell in self.cells))

    def save(self, path: Path) -> None:
        """Write it, compressed."""
        cells = [[cell.type, cell.parameters, cell.pins] for cell in self.cells]
        content = {"inputs": self.inputs, "outputs": self.outputs, "cells": cells, "names": self.names}
        write_bytes(path, gzip.compress(json.dumps(content, separators=(",", ":")).encode(), 6, mtime=0))

    @classmethod
    def load(cls, path: Path) -> Netlist:
        """What `save` wrote.

        Raises:
            ValueError: It is missing or broken.
        """
        packed = read_bytes(path, WHAT, REMEDY)
        with parsing(path, WHAT, REMEDY):
            content = parse_json(gzip.decompress(packed), path, WHAT, REMEDY)
            cells = [Cell(*cell) for cell in content.pop("cells")]
            return cls(**content, cells=cells)
