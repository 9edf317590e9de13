# SPDX-License-Identifier: Apache-2.0
"""What a check says: nodes with their verdicts, and what each frame rate takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from hls_build.check.verdicts import Checked
from hls_build.cost.resources import LABELS
from hls_build.folding import search
from hls_build.folding.milp import Solution
from hls_build.folding.results import summary
from hls_build.folding.search import Request


@dataclass(frozen=True)
class Folded:
    """One frame rate.

    Attributes:
        fps: Frames per second that were asked for.
        solution: The cheapest folding; None where none fits.
        why_not: What binds; empty where it fits.
    """

    fps: float
    solution: Solution | None
    why_not: str = ""

    def as_json(self, request: Request) -> dict[str, Any]:
        """For a program."""
        found = {} if self.solution is None else summary(self.solution, request)
        return {"asked": self.fps, "fits": self.solution is not None, "why_not": self.why_not, **found}


def fold(request: Request, rates: Sequence[float]) -> list[Folded]:
    """The cheapest folding at each of some rates, or what binds."""
    found = []
    for fps in rates:
        cycles = request.cycles(fps)
        solution = search.fold(request, cycles)
        why_not = "" if solution else "; ".join(search.binding_constraints(request, cycles))
        found.append(Folded(fps, solution, why_not))
    return found


def as_json(checked: Checked) -> dict[str, Any]:
    """Verdicts, for a program."""
    return {
        "refused": checked.refused,
        "refusal": checked.refusal,
        "nodes": [{**asdict(one), "shape": list(one.shape)} for one in checked.verdicts],
    }


def nodes(checked: Checked) -> Table:
    """A row of each node."""
    refused = checked.refused
    title = f"{refused} of {len(checked.verdicts)} nodes refused" if refused else "every node has hardware"
    result = Table("node", "type", "gives", "verdict", title=title, title_justify="left")
    for one in checked.verdicts:
        result.add_row(one.node, one.op_type, "x".join(map(str, one.shape)), one.refusal or "yes")
    if checked.refusal:
        result.caption, result.caption_justify = checked.refusal, "left"
    return result


def rates(folded: Sequence[Folded], request: Request) -> Table:
    """What each rate takes, or why it does not fit."""
    title = f"{request.board.name} at {request.clock_mhz:g} MHz: the cheapest folding at each rate"
    result = Table("asked", title=title, title_justify="left")
    for column in ("frames/s", "ms", *LABELS.values()):
        result.add_column(column, justify="right")
    for one in folded:
        if one.solution is None:
            result.add_row(f"{one.fps:g}", "no")
            continue
        fps = request.rate(one.solution.interval_cycles)
        latency_ms = one.solution.latency_cycles / request.clock_mhz / 1000
        amounts = [f"{amount:,}" for amount in one.solution.resources.as_json().values()]
        result.add_row(f"{one.fps:g}", f"{fps:,.0f}", f"{latency_ms:.1f}", *amounts)
    result.add_row("usable", "", "", *(f"{limit:,}" for limit in request.limits.values()))
    told = [f"{one.fps:g}: {one.why_not}" for one in folded if one.why_not]
    result.caption, result.caption_justify = "\n".join(told), "left"
    return result


def layers(folded: Sequence[Folded]) -> Table:
    """What each layer takes at the highest rate that fits; connections between them are not in it."""
    best = max((one for one in folded if one.solution is not None), key=lambda one: one.fps, default=None)
    if best is None or best.solution is None:
        return Table(title="no rate fits", title_justify="left")
    result = Table("layer", title=f"by layer, at {best.fps:g} frames/s", title_justify="left")
    for column in ("cycles", *LABELS.values()):
        result.add_column(column, justify="right")
    for name, option in best.solution.options.items():
        result.add_row(name, f"{option.cycles:,}", *(f"{amount:,}" for amount in option.resources.as_json().values()))
    return result
