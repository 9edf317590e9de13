# SPDX-License-Identifier: Apache-2.0
"""Results of the folding search: a TOML file for `auflow build`, tables, and a plot of resources against frame rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.table import Table

from board.core.files import write_figure
from hls_build.config.board import MAX_UTILISATION
from hls_build.config.build import BuildConfig
from hls_build.config.folding import Folding
from hls_build.config.shells import FINN_SHELL
from hls_build.cost.resources import LABELS
from hls_build.folding.fifos import Sizing
from hls_build.folding.milp import Solution
from hls_build.folding.search import Request


def toml(config: BuildConfig, comment: str) -> str:
    """A build as its TOML file; every line of the comment becomes one.

    Args:
        config: The build; entries that hold a default are left out.
        comment: Where it comes from.
    """
    head = ["# SPDX-License-Identifier: Apache-2.0", *(f"# {line}" for line in comment.splitlines()), ""]
    head += [f'name = "{config.name}"', f'preset = "{config.preset}"', f'board = "{config.board.name}"']
    head += [f"clock_mhz = {config.clock_mhz:g}"]
    if config.checkpoint:
        head.append(f'checkpoint = "{config.checkpoint}"')
    if config.attention:
        head.append("attention = true")
    if config.shell != FINN_SHELL:
        head.append(f'shell = "{config.shell}"')
    for layer, folding in config.folding.items():
        entries = _entries(folding)
        if entries:
            head += ["", f"[folding.{layer}]", *(f"{key} = {value}" for key, value in entries.items())]
    return "\n".join([*head, ""])


def _entries(folding: Folding) -> dict[str, str]:
    """What differs from the defaults, as TOML has it."""
    found = {}
    for item in fields(folding):
        value = getattr(folding, item.name)
        if item.default is MISSING or value != item.default:
            found[item.name] = _value(value)
    return found


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return str(list(value)) if isinstance(value, tuple) else str(value)


def summary(solution: Solution, request: Request) -> dict[str, Any]:
    """The figures of a folding, for a program."""
    return {
        "board": request.board.name,
        "shell": request.shell,
        "clock_mhz": request.clock_mhz,
        "interval_cycles": solution.interval_cycles,
        "frames_per_second": request.rate(solution.interval_cycles),
        "latency_cycles": solution.latency_cycles,
        "resources": solution.resources.as_json(),
        "usable": request.limits,
        "layers": {
            name: {
                **{key: value for key, value in vars(option.folding).items() if value is not None},
                "cycles": option.cycles,
                **option.resources.as_json(),
            }
            for name, option in solution.options.items()
        },
    }


def table(solution: Solution, request: Request) -> Table:
    """Rate, latency and resources against what is usable."""
    rate = request.rate(solution.interval_cycles)
    latency = solution.latency_cycles / request.clock_mhz / 1000
    title = (
        f"{rate:,.0f} frames/s ({solution.interval_cycles:,} cycles), first result after {latency:.1f} ms,"
        f" at {request.clock_mhz:g} MHz on {request.board.name}"
    )
    result = Table("resource", title=title, title_justify="left")
    for column in ("accelerator", "usable", "share"):
        result.add_column(column, justify="right")
    usable, used = request.usable, solution.resources
    for name, share in used.shares(usable).items():
        result.add_row(LABELS[name], f"{getattr(used, name):,}", f"{getattr(usable, name):,}", f"{share:.0%}")
    result.caption = ", ".join(f"{LABELS[name]} {share:.0%}" for name, share in MAX_UTILISATION.items())
    result.caption = f"usable: {result.caption} of the device, less what shell {request.shell} takes"
    return result


def fifo_table(found: Sizing) -> Table:
    """Depths before and after, and what that saves."""
    before, after = found.bits
    title = (
        f"{after / 1024:,.0f} Kibit of FIFOs instead of {before / 1024:,.0f};"
        f" {found.interval_cycles:,} cycles per frame, the slowest layer takes {found.slowest_layer_cycles:,}"
    )
    result = Table("FIFO", title=title, title_justify="left")
    result.add_column("by rule", justify="right")
    result.add_column("sized", justify="right")
    for name, (rule, sized) in found.depths.items():
        result.add_row(name, f"{rule:,}", f"{sized:,}" if sized else "none")
    return result


def plot(found: Mapping[int, Solution], request: Request, path: Path) -> None:
    """Resources against frame rate: the share of each that more frames per second cost."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    rates = [request.rate(cycles) for cycles in found]
    shares = [solution.resources.shares(request.usable) for solution in found.values()]
    for name, label in LABELS.items():
        axes.plot(rates, [100 * share[name] for share in shares], marker="o", label=label)
    axes.axhline(100, color="black", linewidth=0.8, linestyle="--")
    axes.set_xscale("log")
    axes.set_xlabel("frames per second")
    axes.set_ylabel("% of what is usable")
    axes.set_title(f"Resources against frame rate: {request.board.name} at {request.clock_mhz:g} MHz")
    axes.set_xticks(rates, [f"{rate:,.0f}" for rate in rates], rotation=45)
    axes.minorticks_off()
    axes.legend()
    axes.grid(alpha=0.3)
    write_figure(path, figure, 150)
