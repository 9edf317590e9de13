# SPDX-License-Identifier: Apache-2.0
"""The timing graph: a design's nets, and the cells between them with their delays."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hls_build.timing.cell_delays import FLIP_FLOP, FLIP_FLOP_SETUP, CellDelays, Pin, cell_delays
from hls_build.timing.net_delays import is_local
from hls_build.timing.nets import OUTSIDE, Nets
from hls_build.yosys.netlist import Netlist


class Point(NamedTuple):
    """Where a path begins, passes or ends.

    Attributes:
        block: That has the cell, or OUTSIDE.
        cell: Its type.
        pin: Of the cell.
        net: Out of the cell; its name tells which cell it is.
    """

    block: str
    cell: str
    pin: str
    net: int


class Arc(NamedTuple):
    """A way through a cell.

    Attributes:
        target: Net out of it.
        point: The cell's input.
        ps: From the input to the output.
        is_local: Whether the net into it takes no time.
    """

    target: int
    point: Point
    ps: int
    is_local: bool


class Launch(NamedTuple):
    """An output that changes `ps` after the edge of a clock."""

    net: int
    point: Point
    clock: str
    ps: int


class Capture(NamedTuple):
    """An input that must be there `ps` before the edge of a clock; `is_local` as of an Arc."""

    net: int
    point: Point
    clock: str
    ps: int
    is_local: bool


@dataclass(frozen=True)
class TimingGraph:
    """A design between its clocks' edges.

    Attributes:
        launches: Where paths begin.
        captures: Where they end.
        arcs: By the net into them.
        fan_out: Pins that each net feeds.
        names: Of nets, as near to the source as there is one.
    """

    launches: Sequence[Launch]
    captures: Sequence[Capture]
    arcs: Mapping[int, Sequence[Arc]]
    fan_out: Mapping[int, int]
    names: Mapping[int, str]


class _Cell(NamedTuple):
    """A cell of a block, with the nets at its pins."""

    block: str
    type: str
    delays: CellDelays
    nets: Mapping[Pin, int]

    def point(self, pin: Pin, out: Pin | None = None) -> Point:
        """A pin, with the net of an output; of the first one where none is named."""
        return Point(self.block, self.type, pin[0], self.nets[out or next(iter(self.outputs), pin)])

    @property
    def inputs(self) -> Iterator[Pin]:
        """Inputs that are timed, each once."""
        timed = dict.fromkeys([*(pin for pin, _, _ in self.delays.arcs), *(pin for pin, _, _ in self.delays.captures)])
        return (pin for pin in timed if pin in self.nets)

    @property
    def outputs(self) -> Iterator[Pin]:
        """Outputs that are timed."""
        timed = dict.fromkeys([*(pin for pin, _, _ in self.delays.launches), *(pin for _, pin, _ in self.delays.arcs)])
        return (pin for pin in timed if pin in self.nets)


def build_graph(blocks: Mapping[str, Netlist], clocks: Sequence[str]) -> TimingGraph:
    """The timing graph of a design.

    What enters it comes out of a flip-flop of the first clock, and what leaves it goes into one.

    Args:
        blocks: Netlists by name; ports of one name are one signal.
        clocks: Ports that are clocks.

    Raises:
        RuntimeError: A cell is unknown, or its clock is none of these.
    """
    nets = Nets(blocks)
    cells = list(_cells(blocks, nets))
    clock_of = {nets.port(clock, 0): clock for clock in clocks}
    locality = _Locality(cells)
    launches, captures, arcs = [], [], defaultdict(list)
    for cell in cells:
        for source, target, ps in cell.delays.arcs:
            if source in cell.nets and target in cell.nets:
                net = cell.nets[source]
                arcs[net].append(Arc(cell.nets[target], cell.point(source, target), ps, locality(cell, source)))
        for pin, clock, ps in cell.delays.launches:
            if pin in cell.nets and (at := _clock(cell, clock, clock_of)):
                launches.append(Launch(cell.nets[pin], cell.point(pin, pin), at, ps))
        for pin, clock, ps in cell.delays.captures:
            if pin in cell.nets and (at := _clock(cell, clock, clock_of)):
                captures.append(Capture(cell.nets[pin], cell.point(pin), at, ps, locality(cell, pin)))
    taken, given = (_ports(one.inputs for one in blocks.values()), _ports(one.outputs for one in blocks.values()))
    entering = [net for net in (nets.port(*port) for port in sorted(taken - given)) if net not in clock_of]
    leaving = [nets.port(*port) for port in sorted(given - taken)]
    outside = [Launch(net, Point(OUTSIDE, "FDRE", "Q", net), clocks[0], FLIP_FLOP) for net in entering]
    ends = [Capture(net, Point(OUTSIDE, "FDRE", "D", net), clocks[0], FLIP_FLOP_SETUP["D"], False) for net in leaving]
    fan_out = Counter(cell.nets[pin] for cell in cells for pin in cell.inputs) + Counter(leaving)
    return TimingGraph([*launches, *outside], [*captures, *ends], dict(arcs), fan_out, nets.names)


def _cells(blocks: Mapping[str, Netlist], nets: Nets) -> Iterator[_Cell]:
    for block, netlist in blocks.items():
        for cell in netlist.cells:
            found = {
                (pin, place): net
                for pin, bits in cell.pins.items()
                for place, bit in enumerate(bits)
                if (net := nets.of(block, bit)) is not None
            }
            yield _Cell(block, cell.type, cell_delays(cell), found)


class _Locality:
    """Which pins are fed without a way over the device."""

    def __init__(self, cells: Iterable[_Cell]) -> None:
        self._drivers: dict[int, tuple[str, str]] = {}
        self._alike: Counter[tuple[int, str, str]] = Counter()
        for cell in cells:
            self._drivers |= {cell.nets[pin]: (cell.type, pin[0]) for pin in cell.outputs}
            self._alike.update((cell.nets[pin], cell.type, pin[0]) for pin in cell.inputs)

    def __call__(self, cell: _Cell, pin: Pin) -> bool:
        net = cell.nets[pin]
        return net in self._drivers and is_local(
            *self._drivers[net], self._alike[net, cell.type, pin[0]], cell.type, pin[0]
        )


def _clock(cell: _Cell, pin: str, clock_of: Mapping[int, str]) -> str | None:
    """The design's clock at a cell's pin; None at a memory's port that has none, since nothing uses it."""
    net = cell.nets.get((pin, 0))
    if net is None:
        return None
    if net not in clock_of:
        raise RuntimeError(
            f"timing needs a cell's clock to be one of {', '.join(clock_of.values())}, got another at {pin} of a"
            f" {cell.type} in {cell.block}"
        )
    return clock_of[net]


def _ports(sides: Iterable[Mapping[str, Sequence[object]]]) -> set[tuple[str, int]]:
    """Bits of ports: name and place."""
    return {(name, place) for ports in sides for name, bits in ports.items() for place in range(len(bits))}
