# SPDX-License-Identifier: Apache-2.0
"""The folding search: from a network, a board and a frame rate to a folding, or to the sentence why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

from board.core.graph import IntegerGraph
from board.core.layers.conv import Conv
from hls_build.config.board import Board
from hls_build.config.folding import DEFAULT_MULTIPLIER, LATENCY_INTERVALS, MULTIPLIER_CHOICES
from hls_build.config.shells import FINN_SHELL
from hls_build.cost.resources import Resources
from hls_build.dataflow import rules
from hls_build.folding.milp import Milp, Solution
from hls_build.folding.options import FoldingOptions, Goal

UNLIMITED = 1e4
"""Times what a device has: as good as no limit, and equal for all resources."""


class DoesNotFit(ValueError):
    """No folding reaches the frame rate on the board."""


@dataclass(frozen=True)
class Request:
    """What is to be folded.

    Attributes:
        graph: Network.
        board: With its budget.
        clock_mhz: Clock of the accelerator.
        double_pump: Whether multipliers may run at twice the clock.
        latency_intervals: Most intervals from a frame's first pixel to its result.
        multiplier: What multiplies, one of MULTIPLIER_CHOICES.
        dram: Whether weights may come from DRAM.
        shell: Of the build, one of hls_build.config.shells, which takes its allowance of the budget.
    """

    graph: IntegerGraph
    board: Board
    clock_mhz: float
    double_pump: bool = True
    latency_intervals: float = LATENCY_INTERVALS
    multiplier: str = DEFAULT_MULTIPLIER
    dram: bool = False
    shell: str = FINN_SHELL

    def __post_init__(self) -> None:
        if self.multiplier not in MULTIPLIER_CHOICES:
            raise ValueError(f"need multiplier to be one of {', '.join(MULTIPLIER_CHOICES)}, got {self.multiplier!r}")
        if self.dram and not self.board.dram_mb_per_s:
            raise ValueError(
                f"weights from DRAM need dram_mb_per_s in the board's file, got none for {self.board.name}: add it, or"
                " leave --dram out"
            )
        if self.dram and self.shell == FINN_SHELL:
            raise ValueError(
                "weights from DRAM need a shell of AUFlow's, which reads them, got FINN's: leave --shell out"
            )

    @property
    def usable(self) -> Resources:
        """What the accelerator may take."""
        return self.board.usable(self.shell)

    @property
    def limits(self) -> dict[str, int]:
        """What the accelerator may take of each resource, by its name."""
        return self.usable.as_json()

    @cached_property
    def intervals(self) -> list[int]:
        """Every interval that a multiplier can set, shortest first; faster than the serial windows none is."""
        found = set()
        for node in self.graph.nodes:
            if isinstance(node, Conv):
                pixels = prod(self.graph.tensors[node.outputs[0]].shape[:2])
                outputs, inputs = node.weights.shape[0], int(node.weights[0].size)
                found |= {
                    pixels * (inputs // simd) * (outputs // pe)
                    for pe in rules.divisors(outputs)
                    for simd in rules.simds(inputs, self.multiplier)
                }
        return sorted(found)

    def cycles(self, frames_per_second: float) -> int:
        """Cycles per frame of a rate, at least one."""
        return max(1, int(self.clock_mhz * 1e6 / frames_per_second))

    def rate(self, cycles: int) -> float:
        """Frames per second of an interval."""
        return self.clock_mhz * 1e6 / cycles


def fold(request: Request, interval_cycles: int) -> Solution | None:
    """The folding of least cost that gives a frame every so many cycles; None where none fits."""
    return _solve(_milp(request, interval_cycles), request, interval_cycles, request.limits)


def fastest(request: Request, report: Callable[[str], None] = print) -> Solution:
    """The fastest folding that fits.

    Raises:
        DoesNotFit: Not even the slowest one does.
    """
    return _fastest(request, report)[1]


def at_rate(request: Request, frames_per_second: float, report: Callable[[str], None] = print) -> Solution:
    """The folding of least cost that reaches a frame rate.

    Raises:
        DoesNotFit: There is none; the text names what binds, and the best rate that fits.
    """
    cycles = request.cycles(frames_per_second)
    found = fold(request, cycles)
    if found:
        return found
    binding = binding_constraints(request, cycles)
    report(f"{frames_per_second:g} frames/s: does not fit; looking for what does")
    best = request.rate(_fastest(request, report)[0])
    raise DoesNotFit(
        f"{frames_per_second:g} frames/s at {request.clock_mhz:g} MHz do not fit on {request.board.name}:"
        f" {'; '.join(binding)}. The best that fits is {best:,.0f} frames/s: use --fps {int(best)} or leave --fps out"
    )


def binding_constraints(request: Request, interval_cycles: int) -> list[str]:
    """One clause for each limit without which a frame rate would fit."""
    milp = _milp(request, interval_cycles)
    if milp.impossible:
        return [f"layer {milp.impossible[0]} cannot be that fast at any parallelism"]
    clauses = []
    for name, limit in request.limits.items():
        others = {other: most for other, most in request.limits.items() if other != name}
        found = _solve(milp, request, interval_cycles, others, least=name)
        if found:
            clauses.append(f"{name} binds, {getattr(found.resources, name):,} needed of {limit:,} usable")
    if milp.solve(request.limits):
        clauses.append(f"a latency of {request.latency_intervals:g} intervals binds")
    return clauses or [_together(milp, request, interval_cycles)]


def _together(milp: Milp, request: Request, interval_cycles: int) -> str:
    """What several limits forbid together, by the folding that takes the least share of all of them."""
    free = {name: UNLIMITED * max(limit, 1) for name, limit in request.limits.items()}
    found = _solve(milp, request, interval_cycles, free)
    if found is None:
        return f"a latency of {request.latency_intervals:g} intervals binds, whatever resources there are"
    needed = {name: getattr(found.resources, name) for name in request.limits}
    beyond = [f"{name} {needed[name]:,} of {most:,}" for name, most in request.limits.items() if needed[name] > most]
    return f"several bind together: the cheapest folding takes {' and '.join(beyond)} usable"


def sweep(request: Request, intervals: list[int], report: Callable[[str], None] = print) -> Mapping[int, Solution]:
    """The cheapest folding at each of some intervals, those left out that do not fit."""
    found = {}
    for cycles in intervals:
        report(f"{request.rate(cycles):,.0f} frames/s")
        solution = fold(request, cycles)
        if solution:
            found[cycles] = solution
    return found


def _fastest(request: Request, report: Callable[[str], None]) -> tuple[int, Solution]:
    """The shortest interval at which a folding fits, and that folding, which may be a little faster still."""
    candidates = request.intervals
    low, high, best = 0, len(candidates) - 1, None
    while low <= high:
        middle = (low + high) // 2
        cycles = candidates[middle]
        milp = _milp(request, cycles)
        fits = _solve(milp, request, cycles, request.limits, any_that_fits=True) is not None
        report(f"{request.rate(cycles):,.0f} frames/s: {'fits' if fits else 'does not fit'}")
        if fits:
            best, high = (cycles, milp), middle - 1
        else:
            low = middle + 1
    if best is None:
        raise DoesNotFit(f"the network does not fit on {request.board.name} at any frame rate")
    cycles, milp = best
    cheapest = _solve(milp, request, cycles, request.limits)
    assert cheapest is not None  # one fits
    return cycles, cheapest


def _milp(request: Request, interval_cycles: int) -> Milp:
    goal = Goal(interval_cycles, request.double_pump, request.clock_mhz, request.multiplier, request.dram)
    return Milp(FoldingOptions(request.graph, request.board, goal))


def _solve(
    milp: Milp,
    request: Request,
    interval_cycles: int,
    limits: Mapping[str, float],
    least: str | None = None,
    any_that_fits: bool = False,
) -> Solution | None:
    return milp.solve(limits, request.latency_intervals * interval_cycles, least, any_that_fits)
