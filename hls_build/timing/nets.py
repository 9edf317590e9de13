# SPDX-License-Identifier: Apache-2.0
"""Numbers for the nets of a design: of each block's own, and one for what ports of several blocks share."""

from __future__ import annotations

from collections.abc import Mapping

from hls_build.yosys.netlist import Bit, Netlist

OUTSIDE = "outside"
"""The block that stands for what the design is connected with."""


class Nets:
    """Nets of blocks whose ports are one signal where they have one name.

    Attributes:
        names: Of nets by number, as near to the source as there is one.
    """

    def __init__(self, blocks: Mapping[str, Netlist]) -> None:
        """Join the blocks' ports."""
        self.names: dict[int, str] = {}
        self._numbers: dict[tuple[str, Bit], int] = {}
        self._parents: list[int] = []
        for block, netlist in blocks.items():
            for port, bits in (*netlist.inputs.items(), *netlist.outputs.items()):
                for place, bit in enumerate(bits):
                    if isinstance(bit, int):
                        self._join(self._number(OUTSIDE, _port(port, place)), self._number(block, bit))
        for block, netlist in blocks.items():
            for name, bits in sorted(netlist.names.items(), key=lambda entry: (len(entry[0]), entry[0])):
                for place, bit in enumerate(bits):
                    if (net := self.of(block, bit)) is not None:
                        self.names.setdefault(net, _port(name, place) if len(bits) > 1 else name)

    def of(self, block: str, bit: Bit) -> int | None:
        """The net that a bit of a block is; None for a constant."""
        return self._root(self._number(block, bit)) if isinstance(bit, int) else None

    def port(self, name: str, place: int) -> int:
        """The net at a bit of a port."""
        return self._root(self._number(OUTSIDE, _port(name, place)))

    def _number(self, block: str, bit: Bit) -> int:
        number = self._numbers.setdefault((block, bit), len(self._parents))
        if number == len(self._parents):
            self._parents.append(number)
        return number

    def _root(self, number: int) -> int:
        while self._parents[number] != number:
            self._parents[number] = number = self._parents[self._parents[number]]
        return number

    def _join(self, one: int, other: int) -> None:
        self._parents[self._root(one)] = self._root(other)


def _port(name: str, place: int) -> str:
    return f"{name}[{place}]"
