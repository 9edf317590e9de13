# SPDX-License-Identifier: Apache-2.0
"""`auflow complexity`: what the network costs, whatever computes it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from board.cli.command import STUDY, Command
from board.cli.options import add_json, integer, write_json
from qnn.cli.options import add_architecture

if TYPE_CHECKING:  # these take time to import: the command does it when it runs
    from rich.table import Table

    from qnn.network.complexity import Complexity


def _arguments(parser: argparse.ArgumentParser) -> None:
    from qnn.data.datasets import NAMES, find

    titles: dict[int, list[str]] = {}
    for dataset in map(find, NAMES):
        titles.setdefault(len(dataset.aus), []).append(dataset.title)
    of = "; ".join(f"{count} for {', '.join(titles[count])}" for count in sorted(titles, reverse=True))
    parser.add_argument("--aus", type=integer(1), default=max(titles), metavar="N", help=f"outputs: {of}")
    add_architecture(parser, 1)
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from qnn.network.complexity import measure
    from qnn.network.model import Architecture

    found = measure(Architecture(options.aus, not options.no_attention, options.divisor))
    write_json(options.json, found.to_json())
    PlainConsole().print(complexity_table(found))
    return 0


def complexity_table(found: Complexity) -> Table:
    """Weights and peak activations by preset, under the counts that they share; below, what the peaks are."""
    from rich.table import Table

    weights_mib = found.weight_bytes["float"] / 2**20
    title = (
        f"{found.trainable:,} trainable and {found.non_trainable:,} non-trainable parameters\n"
        f"{found.total_macs / 1e9:.2g} GMAC per face, {weights_mib:.3g} MiB of float32 weights\n"
        "Weights and peak activations in KiB:"
    )
    peak = found.fused_activations["float"]
    parts = " + ".join(f"{name} {_kib(size)}" for name, size in peak.buffers.items())
    caption = (
        "Activations: the most that is alive at once, and the step at which it is. One by one, every layer writes its"
        " whole map; fused, a convolution pools before it writes and gates work in place, as deployment tools for"
        f" microcontrollers plan it. In float32 that is {parts} = {_kib(peak.bytes)} KiB."
    )
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    table.add_column("preset")
    for column in ("weights", "one by one", "at", "fused", "at"):
        table.add_column(column, justify="left" if column == "at" else "right")
    for preset, size in found.weight_bytes.items():
        peaks = found.peak_activations[preset], found.fused_activations[preset]
        table.add_row(preset, _kib(size), *(text for peak in peaks for text in (_kib(peak.bytes), peak.step)))
    return table


def _kib(size: int) -> str:
    return f"{size / 1024:,.1f}"


COMMAND = Command(
    "complexity",
    STUDY,
    "Count parameters, multiply-accumulates, and bytes of weights and activations.",
    _arguments,
    _run,
    ("auflow complexity --json complexity.json", "auflow complexity --aus 12 --no-attention"),
)
