# SPDX-License-Identifier: Apache-2.0
"""A build's report: index.html, which needs no other file, its pictures as PNG, and the layers as CSV."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from board.core.files import write_bytes, write_csv, write_text
from board.core.frames import random_frames
from hls_build.config.board import MAX_UTILISATION
from hls_build.cost.resources import LABELS, Resources
from hls_build.report import charts
from hls_build.report.facts import Facts
from hls_build.report.timeline import Timeline, record
from hls_build.simulation.open_rtl import open_rtl
from qnn.data.example import example_faces

FRAMES = 4
"""That the waterfall shows."""
DPI = 150
TEMPLATE = Path(__file__).with_name("page.html.j2")
KINDS = {
    "MVAU_rtl": "multipliers and weights",
    "LutMvu_rtl": "multipliers and weights",
    "DspMvu_rtl": "multipliers and weights",
    "PumpedMvu_rtl": "multipliers and weights",
    "ConvolutionInputGenerator_rtl": "sliding windows",
    "ColumnWindow_rtl": "sliding windows",
    "FMPadding_rtl": "sliding windows",
    "RegisterSlice_rtl": "sliding windows",
    "Thresholding_rtl": "activation thresholds",
    "Requantizer_rtl": "activation thresholds",
    "StreamingFIFO_rtl": "FIFOs",
    "StreamingDataWidthConverter_rtl": "width converters",
    "LaneConverter_rtl": "width converters",
}
OURS = "pools, forks and gates"


def write(
    facts: Facts,
    plain: Facts | None,
    folder: Path,
    progress: Callable[[int], None] | None = None,
    trusted: bool = False,
) -> list[Path]:
    """Write the report.

    Args:
        facts: Of the build.
        plain: Of the same build without attention, for the cost of attention.
        folder: Where to.
        progress: Called with the cycles that the waterfall's simulation has done.
        trusted: Run the build's RTL wherever it was built; otherwise only where that was here.

    Returns:
        What was written, the page first.

    Raises:
        RuntimeError: The build was not made here and is not trusted.
    """
    timeline = _timeline(facts, progress, trusted)
    pictures = {name: _png(figure) for name, figure in _figures(facts, timeline).items()}
    page = folder / "index.html"
    written = [page]
    for name, picture in pictures.items():
        written.append(folder / f"{name}.png")
        write_bytes(written[-1], picture)
    rows = list(layer_rows(facts))
    written.append(folder / "layers.csv")
    write_csv(written[-1], [rows[0], *(row.values() for row in rows)])
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    write_text(
        page,
        environment.from_string(TEMPLATE.read_text()).render(
            facts=facts,
            resources=_against_budget(facts),
            layers=rows,
            streams=_stream_rows(facts),
            attention=sum((layer.resources for layer in facts.layers if layer.is_attention), Resources()),
            cost_of_attention=cost_of_attention(facts, plain) if plain else None,
            pictures={name: base64.b64encode(picture).decode() for name, picture in pictures.items()},
        ),
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
            **layer.resources.as_json(),
        }


def cost_of_attention(facts: Facts, plain: Facts) -> list[tuple[str, str, str, str]]:
    """Attention against none: (measure, with, without, difference)."""
    rows = [
        ("frames per second", facts.frames_per_second, plain.frames_per_second, "{:,.1f}"),
        ("interval in cycles", facts.interval_cycles, plain.interval_cycles, "{:,}"),
        ("latency in ms", facts.latency_ms, plain.latency_ms, "{:.2f}"),
    ]
    for key, label in LABELS.items():
        rows.append((label, getattr(facts.resources, key), getattr(plain.resources, key), "{:,}"))
    ours_of, theirs_of = ({} if each.card is None else each.card.metrics for each in (facts, plain))
    for key in sorted(ours_of.keys() & theirs_of.keys()):
        ours, theirs = ours_of[key], theirs_of[key]
        if isinstance(ours, float) and isinstance(theirs, float):
            rows.append((key.replace("_", " "), ours, theirs, "{:.4f}"))
    return [
        (label, text.format(ours), text.format(theirs), text.replace(":", ":+").format(ours - theirs))
        for label, ours, theirs, text in rows
    ]


def _timeline(facts: Facts, progress: Callable[[int], None] | None, trusted: bool) -> Timeline:
    """The build's timeline, recorded once."""
    path = facts.folder.timeline
    if not path.is_file():
        with open_rtl(facts.folder.rtl, facts.folder.library, trusted=trusted) as live:
            frames = example_faces(FRAMES) if facts.action_units else random_frames(FRAMES, facts.contract.shape)
            record(live, frames, facts.interval_cycles, progress).save(path)
    return Timeline.load(path)


def _figures(facts: Facts, timeline: Timeline) -> dict[str, Figure]:
    clock_mhz = facts.contract.clock_mhz
    ends = (facts.contract.input_stream, facts.contract.output_stream)
    frame_bytes = sum(end.elements * end.bits for end in ends) // 8
    owner = {node: layer.name for layer in facts.layers for node in (*layer.entrance, *layer.nodes)}
    between = [name for name, source, sink in facts.edges if owner.get(source) != owner.get(sink)]
    timed = {} if facts.timing is None else {"slack": charts.slack(facts.timing)}
    return {
        "waterfall": charts.waterfall(timeline, facts.layers, facts.edges),
        "stalls": charts.stalls({name: facts.streams[name] for name in between}, facts.simulation["cycles"]),
        "fifos": charts.fifos(facts.simulation["fifo_fill"], facts.fifo_depths),
        "resources": charts.resources(_parts(facts), facts.board),
        "roofline": charts.roofline(facts.layers, facts.interval_cycles, frame_bytes, facts.board, clock_mhz),
        **timed,
    }


def _parts(facts: Facts) -> dict[str, Resources]:
    """Resources by kind of hardware, the shell last."""
    parts = {label: Resources() for label in (*dict.fromkeys(KINDS.values()), OURS)}
    for node in facts.nodes.values():
        parts[KINDS.get(node.op_type, OURS)] += node.resources
    return parts | {"shell (allowance)": facts.board.allowance(facts.shell)}


def _against_budget(facts: Facts) -> list[tuple[str, int, int, float, float]]:
    """(label, needed with the shell, in the device, utilisation, maximum utilisation)."""
    budget, needed = facts.board.budget, facts.resources + facts.board.allowance(facts.shell)
    return [
        (LABELS[name], getattr(needed, name), getattr(budget, name), share, MAX_UTILISATION[name])
        for name, share in needed.shares(budget).items()
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
