# SPDX-License-Identifier: Apache-2.0
"""A build's report: index.html, which needs no other file, its pictures as PNG, and the layers as CSV."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from hls_build.estimate import Resources
from hls_build.folding.search import USABLE
from hls_build.report import charts
from hls_build.report.facts import Facts
from hls_build.report.layers import resources_of, total
from hls_build.report.timeline import Timeline, record
from hls_build.simulation.open_rtl import open_rtl
from qnn.data.example import example_faces

FRAMES = 4
"""That the waterfall shows."""
DPI = 150
TEMPLATE = Path(__file__).with_name("page.html.j2")
TIMELINE = "timeline.npz"
KINDS = {
    "MVAU_rtl": "multipliers and weights",
    "ConvolutionInputGenerator_rtl": "windows",
    "FMPadding_rtl": "windows",
    "Thresholding_rtl": "thresholds",
    "StreamingFIFO_rtl": "FIFOs",
    "StreamingDataWidthConverter_rtl": "width converters",
    "LaneConverter_rtl": "width converters",
}
OURS = "pools, forks and gates"
LABELS = {"lut": "LUT", "ff": "FF", "bram18": "BRAM18", "dsp": "DSP"}


def write(facts: Facts, plain: Facts | None, folder: Path, progress: Callable[[int], None] | None = None) -> list[Path]:
    """Write the report.

    Args:
        facts: Of the build.
        plain: Of the same build without attention, for the price of attention.
        folder: Where to.
        progress: Called with the cycles that the waterfall's simulation has done.

    Returns:
        What was written, the page first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {name: _png(figure) for name, figure in _figures(facts, _timeline(facts, progress)).items()}
    page = folder / "index.html"
    written = [page]
    for name, picture in pictures.items():
        written.append(folder / f"{name}.png")
        written[-1].write_bytes(picture)
    rows = list(layer_rows(facts))
    written.append(folder / "layers.csv")
    with written[-1].open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page.write_text(
        environment.from_string(TEMPLATE.read_text()).render(
            facts=facts,
            resources=_against_budget(facts),
            layers=rows,
            streams=_stream_rows(facts),
            attention=asdict(total(layer.resources for layer in facts.layers if layer.is_attention)),
            price=price(facts, plain) if plain else None,
            pictures={name: base64.b64encode(picture).decode() for name, picture in pictures.items()},
        )
    )
    return written


def layer_rows(facts: Facts) -> Iterator[dict[str, Any]]:
    """One row per layer: what it does, how parallel, how busy, what it takes."""
    for layer in facts.layers:
        one = layer.multiplier
        yield {
            "layer": layer.name,
            "kind": layer.kind,
            "pe": one.pe if one else "",
            "simd": one.simd if one else "",
            "weight_bits": one.weight_bits if one else "",
            "macs": one.macs if one else "",
            "cycles": layer.cycles,
            "busy": f"{layer.cycles / facts.interval_cycles:.3f}",
            **asdict(layer.resources),
        }


def price(facts: Facts, plain: Facts) -> list[tuple[str, str, str, str]]:
    """What attention costs: (measure, with, without, difference)."""
    rows = [
        ("frames per second", facts.frames_per_second, plain.frames_per_second, "{:,.1f}"),
        ("interval in cycles", facts.interval_cycles, plain.interval_cycles, "{:,}"),
        ("latency in ms", facts.latency_ms, plain.latency_ms, "{:.2f}"),
    ]
    for key, label in LABELS.items():
        rows.append((label, getattr(facts.resources, key), getattr(plain.resources, key), "{:,}"))
    for key in sorted(facts.card.metrics.keys() & plain.card.metrics.keys()):
        ours, theirs = facts.card.metrics[key], plain.card.metrics[key]
        if isinstance(ours, float) and isinstance(theirs, float):
            rows.append((key.replace("_", " "), ours, theirs, "{:.4f}"))
    return [
        (label, text.format(ours), text.format(theirs), text.replace(":", ":+").format(ours - theirs))
        for label, ours, theirs, text in rows
    ]


def _timeline(facts: Facts, progress: Callable[[int], None] | None) -> Timeline:
    """The build's timeline, recorded once."""
    path = facts.folder.report / TIMELINE
    if not path.is_file():
        with open_rtl(facts.folder.rtl, facts.folder.library) as live:
            record(live, example_faces(FRAMES), facts.interval_cycles, progress).save(path)
    return Timeline.load(path)


def _figures(facts: Facts, timeline: Timeline) -> dict[str, Figure]:
    clock_mhz = facts.contract.clock_mhz
    ends = (facts.contract.input_stream, facts.contract.output_stream)
    frame_bytes = sum(end.elements * end.bits for end in ends) // 8
    owner = {node: layer.name for layer in facts.layers for node in (*layer.entrance, *layer.nodes)}
    between = [name for name, source, sink in facts.edges if owner.get(source) != owner.get(sink)]
    return {
        "waterfall": charts.waterfall(timeline, facts.layers, facts.edges),
        "stalls": charts.stalls({name: facts.streams[name] for name in between}, facts.simulation["cycles"]),
        "fifos": charts.fifos(facts.simulation["fifo_fill"], facts.fifo_depths),
        "resources": charts.resources(_parts(facts), facts.board),
        "roofline": charts.roofline(facts.layers, facts.interval_cycles, frame_bytes, facts.board, clock_mhz),
    }


def _parts(facts: Facts) -> dict[str, Resources]:
    """Resources by kind of hardware, the shell last."""
    parts = {label: Resources() for label in (*dict.fromkeys(KINDS.values()), OURS)}
    for node in facts.nodes.values():
        label = KINDS.get(node["op_type"], OURS)
        parts[label] = total([parts[label], resources_of(node)])
    board = facts.board
    return parts | {"shell (allowance)": Resources(board.shell_lut, board.shell_ff, 2 * board.shell_bram36)}


def _against_budget(facts: Facts) -> list[tuple[str, int, int, float, float]]:
    """(label, needed with the shell, in the device, share, usable share)."""
    board, needed = facts.board, total(_parts(facts).values())
    device = {"lut": board.lut, "ff": board.ff, "bram18": 2 * board.bram36, "dsp": board.dsp}
    return [
        (LABELS[key], getattr(needed, key), device[key], getattr(needed, key) / device[key], USABLE[key])
        for key in LABELS
    ]


def _stream_rows(facts: Facts) -> list[tuple[str, int, float, float]]:
    """(stream, beats per frame, share of cycles held back, share empty)."""
    cycles, frames = facts.simulation["cycles"], facts.simulation["frames"]
    return [
        (name, counters.beats // frames, counters.stalls / cycles, counters.starves / cycles)
        for name, counters in facts.streams.items()
    ]


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()
