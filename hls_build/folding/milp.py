# SPDX-License-Identifier: Apache-2.0
"""The mixed-integer linear program (MILP): one option per layer, within limits, for the least share of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.optimize
import scipy.sparse

from hls_build.config.folding import Folding
from hls_build.cost.resources import LABELS, Resources
from hls_build.cost.weight_stream import MOST_STREAMS
from hls_build.dataflow.latency import latency_of, segments
from hls_build.folding.options import Connection, FoldingOptions, Option

TIME_LIMIT_S = 120.0
RELATIVE_GAP = 1e-3
"""How far, relatively, a solution may be from the best."""

_INFEASIBLE = 2
"""Status of scipy.optimize.milp where no choice meets all constraints."""


@dataclass(frozen=True)
class Solution:
    """A folding of every layer.

    Attributes:
        options: By layer.
        resources: Of layers and what lies between them.
        latency_cycles: From a frame's first pixel to its result, as hls_build.dataflow.latency has it.
    """

    options: Mapping[str, Option]
    resources: Resources
    latency_cycles: int

    @property
    def folding(self) -> dict[str, Folding]:
        """As a configuration has it."""
        return {name: option.folding for name, option in self.options.items()}

    @property
    def interval_cycles(self) -> int:
        """Cycles from frame to frame: those of the slowest layer, with the fill of its window."""
        return max(option.cycles for option in self.options.values())


class Milp:
    """Constraints and costs over the options of one goal; several limits may be tried.

    Its variables are one per option, one per pair of lanes at both ends of a connection, and the cycles of each
    segment's slowest layer.
    """

    def __init__(self, source: FoldingOptions) -> None:
        """Estimate all options and connections."""
        self.source = source
        self.segments = segments(source.graph.nodes, source.graph.tensors)
        self.options = {node.name: source.of(node) for node in source.layers}
        self.impossible = [name for name, options in self.options.items() if not options]
        if self.impossible:
            return
        self._option_of: list[tuple[str, Option]] = [(n, o) for n, options in self.options.items() for o in options]
        self._costs = [option.resources for _, option in self._option_of]
        self._equations: list[tuple[dict[int, float], float]] = []
        self._first: dict[str, int] = {}
        for column, (name, _) in enumerate(self._option_of):
            self._first.setdefault(name, column)
        for name, options in self.options.items():
            first = self._first[name]
            self._equations.append(({first + i: 1.0 for i in range(len(options))}, 1.0))
        for connection in source.connections:
            self._add_connection(connection)

    def solve(
        self,
        limits: Mapping[str, float],
        latency_cycles: float | None = None,
        least: str | None = None,
        any_that_fits: bool = False,
    ) -> Solution | None:
        """The options that take the least share of the limits; None where none fits.

        Args:
            limits: Most of each resource; one that is not named is free.
            latency_cycles: Most cycles from a frame's first pixel to its result.
            least: Resource of which as little as possible shall be taken instead.
            any_that_fits: Whether the first one found will do, which takes a fraction of the time.

        Raises:
            RuntimeError: HiGHS found nothing within its time.
        """
        if self.impossible:
            return None
        options, columns = len(self._option_of), len(self._costs)
        variables = columns + len(self.segments)
        amounts = {name: np.zeros(variables) for name in LABELS}
        for name, row in amounts.items():
            row[:columns] = [getattr(cost, name) for cost in self._costs]
        weights = {least: 1.0} if least else {name: 1 / max(limit, 1.0) for name, limit in limits.items()}
        objective = sum((weight * amounts[name] for name, weight in weights.items()), np.zeros(variables))
        constraints = [self._equations_hold(variables), self._segments_bound(variables)]
        constraints += [scipy.optimize.LinearConstraint(amounts[n], -np.inf, limit) for n, limit in limits.items()]
        if self.source.goal.dram:
            read = np.zeros(variables)
            read[:options] = [option.dram_bytes for _, option in self._option_of]
            constraints.append(scipy.optimize.LinearConstraint(read, -np.inf, self.source.dram_bytes))
            constraints.append(scipy.optimize.LinearConstraint(np.sign(read), -np.inf, MOST_STREAMS))
        if latency_cycles is not None:
            constraints.append(scipy.optimize.LinearConstraint(self._latency(variables), -np.inf, latency_cycles))
        found = scipy.optimize.milp(
            objective,
            integrality=np.arange(variables) < options,
            bounds=scipy.optimize.Bounds(0, np.where(np.arange(variables) < columns, 1.0, np.inf)),
            constraints=constraints,
            options={"time_limit": TIME_LIMIT_S, "mip_rel_gap": 1.0 if any_that_fits else RELATIVE_GAP},
        )
        if found.status == _INFEASIBLE:
            return None
        if found.x is None:
            raise RuntimeError(f"HiGHS found no folding within {TIME_LIMIT_S:g} s: {found.message}")
        chosen = np.flatnonzero(found.x[:columns] > 0.5)
        picked = dict(self._option_of[column] for column in chosen if column < options)
        used = sum((self._costs[column] for column in chosen), Resources())
        return Solution(picked, used, latency_of(self.segments, {n: o.cycles for n, o in picked.items()}))

    def _add_connection(self, connection: Connection) -> None:
        """Add a column for each pair of lanes of a connection, which follows from the options at both ends."""
        gives = self._by_lanes(connection.source, lambda option: option.lanes_out)
        takes = self._by_lanes(connection.sink, lambda option: option.lanes_in[connection.index])
        first = len(self._costs)
        pairs = [(a, b) for a in gives for b in takes]
        for a, b in pairs:
            option = next(o for o in self.options[connection.sink] if o.lanes_in[connection.index] == b)
            self._costs.append(self.source.between(connection, a, option))
        for side, columns in ((0, gives), (1, takes)):
            for lanes, own in columns.items():
                row = {first + i: 1.0 for i, pair in enumerate(pairs) if pair[side] == lanes}
                if own is None:
                    self._equations.append((row, 1.0))
                else:
                    self._equations.append(({**row, **dict.fromkeys(own, -1.0)}, 0.0))

    def _by_lanes(self, layer: str | None, lanes: Callable[[Option], int]) -> dict[int, Sequence[int] | None]:
        """Columns of a layer's options by their lanes at one end; the accelerator's input has but one."""
        if layer is None:
            return {self.source.graph.tensors[self.source.graph.input].shape[2]: None}
        found: dict[int, list[int]] = {}
        for column, option in enumerate(self.options[layer], self._first[layer]):
            found.setdefault(lanes(option), []).append(column)
        return dict(found)

    def _equations_hold(self, variables: int) -> scipy.optimize.LinearConstraint:
        """All equations, each a sum of columns that must have a value."""
        terms = enumerate(terms for terms, _ in self._equations)
        places = [(row, column, factor) for row, own in terms for column, factor in own.items()]
        wanted = [value for _, value in self._equations]
        return scipy.optimize.LinearConstraint(_sparse(places, len(self._equations), variables), wanted, wanted)

    def _segments_bound(self, variables: int) -> scipy.optimize.LinearConstraint:
        """A segment takes as long as each of its layers at least."""
        places: list[tuple[int, int, float]] = []
        row = 0
        for number, segment in enumerate(self.segments, len(self._costs)):
            for layer in segment.layers:
                first = self._first[layer]
                places += [(row, first + i, float(o.cycles)) for i, o in enumerate(self.options[layer])]
                places.append((row, number, -1.0))
                row += 1
        return scipy.optimize.LinearConstraint(_sparse(places, row, variables), -np.inf, 0)

    def _latency(self, variables: int) -> npt.NDArray[np.float64]:
        """Weights of all variables in a frame's latency."""
        weights = np.zeros(variables)
        weights[len(self._costs) :] = 1
        for segment in self.segments:
            for layer, tail in segment.tails.items():
                for column, option in enumerate(self.options[layer], self._first[layer]):
                    weights[column] = tail * option.cycles
        return weights


def _sparse(places: Sequence[tuple[int, int, float]], rows: int, columns: int) -> scipy.sparse.csr_matrix:
    """A matrix of (row, column, value) triples."""
    row, column, value = zip(*places, strict=True)
    return scipy.sparse.csr_matrix((value, (row, column)), (rows, columns))
