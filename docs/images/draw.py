# SPDX-License-Identifier: Apache-2.0
"""Draw the pictures of the pages: `python docs/images/draw.py`, from the repository's root.

rooms_<package>.svg are drawn from tests/arrows.toml and chain.svg from this file; detect.jpg is what `auflow detect
--annotate` makes of the example picture. cost_w4a4.png is made by
`auflow fold --preset w4a4 --single-clock --fps 678 --plot docs/images/cost_w4a4.png`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

import tomllib

HERE = Path(__file__).parent
ARROWS = HERE.parents[1] / "tests" / "arrows.toml"
BOARD, QNN, HLS, PLAIN = "#fff1d6", "#e3f0ff", "#e4f5e8", "#f4f4f6"
INK, LINE = "#22262e", "#7a8291"
FILLS = {"board": BOARD, "qnn": QNN, "hls_build": HLS}
"""Packages, and the colour of what is theirs."""
ROOM_PX, ROOM_HEIGHT_PX, BEND_PX, LEVEL_PX, MARGIN_PX = 118, 28, 14, 58, 12
"""Width and height of a room; width left to an arrow that passes a level; from one level to the next; around all."""
SWEEPS = 12
"""Of putting rooms near what they import and what imports them."""

FORMS = (
    ("checkpoint", "weights, card", QNN),
    ("model.onnx", "QONNX", QNN),
    ("integer graph", "integer.npz", HLS),
    ("dataflow graph", "FINN+ nodes", HLS),
    ("RTL", "SystemVerilog", HLS),
    ("deployment", "folder or archive", BOARD),
)
STEPS = ("export", "lower", "compile", "stitch", "pack")
FACES = (
    ("picture", "uint8 (H, W, 3)", PLAIN),
    ("face", "uint8 (48, 48, 3)", BOARD),
    ("accumulators", "int64 (AUs,)", BOARD),
    ("outputs", "probabilities", BOARD),
    ("observation", "box and AUs", BOARD),
    ("row", "CSV or JSONL", PLAIN),
)
TURNS = ("crop", "executor", "contract", "detector", "outputs")


def svg(width: int, height: int, parts: Sequence[str]) -> str:
    """A picture on white, readable in a dark page too."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    head += ' font-family="sans-serif">'
    marker = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{LINE}"/></marker></defs>'
    )
    return "\n".join([head, marker, f'<rect width="{width}" height="{height}" fill="white"/>', *parts, "</svg>", ""])


def text(x: float, y: float, words: str, size: float = 13, bold: bool = False, anchor: str = "start") -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{INK}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'
    )


def box(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" fill="{fill}" stroke="{LINE}"/>'


def arrow(x0: float, y0: float, x1: float, y1: float) -> str:
    return f'<path d="M{x0} {y0} L{x1} {y1}" stroke="{LINE}" stroke-width="1.6" marker-end="url(#tip)"/>'


Graph = Mapping[str, Sequence[str]]
"""What each room imports."""


def inside(package: str) -> dict[str, list[str]]:
    """The arrows among the rooms of a package."""
    content = tomllib.loads(ARROWS.read_text())
    own = content[package]
    return {
        room: [other for other in imports.get(package, "").split() if other in own] for room, imports in own.items()
    }


def reduced(graph: Graph) -> dict[str, list[str]]:
    """The arrows that do not follow from others."""
    below: dict[str, set[str]] = {}
    for room in TopologicalSorter(graph).static_order():
        below[room] = {other for target in graph[room] for other in (target, *below[target])}
    return {room: [one for one in to if not any(one in below[other] for other in to)] for room, to in graph.items()}


def levels(graph: Graph) -> dict[str, int]:
    """The least level of every room, 0 for one that imports none; such a one stands right below who imports it."""
    level: dict[str, int] = {}
    for room in TopologicalSorter(graph).static_order():
        level[room] = 1 + max((level[other] for other in graph[room]), default=-1)
    highest = max(level.values())
    for room in graph:
        if not graph[room]:
            level[room] = min((level[other] for other in graph if room in graph[other]), default=highest + 1) - 1
    return level


def rooms(package: str) -> str:
    """Who imports whom in a package: arrows lead down, and those that follow from others are left out."""
    graph, level = reduced(inside(package)), levels(inside(package))
    rows: list[list[str]] = [
        sorted(room for room in graph if level[room] == at) for at in range(max(level.values()) + 1)
    ]
    chains = []
    for room, others in graph.items():
        for other in others:
            bends = [f"{room}>{other}>{at}" for at in range(level[room] - 1, level[other], -1)]
            for bend in bends:
                rows[int(bend.rpartition(">")[2])].append(bend)
            chains.append([room, *bends, other])
    x = placed(rows, [pair for chain in chains for pair in pairwise(chain)])
    half = {name: ROOM_PX / 2 if name in graph else 0.0 for name in x}
    left = min(x[name] - half[name] for name in x) - MARGIN_PX
    y = {name: MARGIN_PX + (len(rows) - 1 - at) * LEVEL_PX for at, row in enumerate(rows) for name in row}
    parts = [curve([(x[name] - left, y[name], name in graph) for name in chain]) for chain in chains]
    for room in graph:
        parts.append(box(round(x[room] - left - ROOM_PX / 2), y[room], ROOM_PX, ROOM_HEIGHT_PX, FILLS[package]))
        parts.append(text(round(x[room] - left), y[room] + 19, room, 13, bold=True, anchor="middle"))
    width = max(x[name] + half[name] for name in x) + MARGIN_PX - left
    return svg(round(width), 2 * MARGIN_PX + (len(rows) - 1) * LEVEL_PX + ROOM_HEIGHT_PX, parts)


def placed(rows: Sequence[list[str]], pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Where everything stands from left to right: near the middle of what it is joined with, in its row."""
    joined: dict[str, list[str]] = {name: [] for row in rows for name in row}
    for one, other in pairs:
        joined[one].append(other)
        joined[other].append(one)
    wide = {name: BEND_PX if ">" in name else ROOM_PX + BEND_PX for name in joined}
    x = {name: 10.0 * index for row in rows for index, name in enumerate(row)}
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 else reversed(rows):
            wanted = {name: sum(x[other] for other in joined[name]) / max(1, len(joined[name])) for name in row}
            edge, total = 0.0, 0.0
            for name in sorted(row, key=lambda one: (wanted[one], one)):
                x[name] = edge + wide[name] / 2
                edge += wide[name]
                total += wanted[name] - x[name]
            for name in row:
                x[name] += total / len(row)
    return x


def curve(points: Sequence[tuple[float, float, bool]]) -> str:
    """An arrow from the lower edge of a room, past bends, to the upper edge of another."""
    (x, y, _), *rest = points
    y += ROOM_HEIGHT_PX
    path = f"M{round(x)} {round(y)}"
    for right, top, is_room in rest:
        ease = (top - y) / 2
        path += f" C{round(x)} {round(y + ease)} {round(right)} {round(top - ease)} {round(right)} {round(top)}"
        x, y = right, top
        if not is_room:
            y += ROOM_HEIGHT_PX
            path += f" L{round(x)} {round(y)}"
    return f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.4" marker-end="url(#tip)"/>'


def row(y: int, forms: Sequence[tuple[str, str, str]], turns: Sequence[str]) -> list[str]:
    """Boxes with arrows between them."""
    width, gap = 112, 52
    parts = []
    for index, (name, what, fill) in enumerate(forms):
        left = 15 + index * (width + gap)
        parts += [
            box(left, y, width, 52, fill),
            text(left + width / 2, y + 22, name, 14, bold=True, anchor="middle"),
            text(left + width / 2, y + 41, what, 11.5, anchor="middle"),
        ]
        if index:
            parts += [
                arrow(left - gap + 3, y + 26, left - 3, y + 26),
                text(left - gap / 2, y + 18, turns[index - 1], 11, anchor="middle"),
            ]
    return parts


def chain() -> str:
    """One checkpoint's way and one face's way."""
    parts = [text(15, 24, "One checkpoint's way", 15, bold=True), *row(38, FORMS, STEPS)]
    parts += [text(15, 132, "One face's way", 15, bold=True), *row(146, FACES, TURNS)]
    parts.append(text(15, 226, "Every form in the upper row computes the same accumulators: compared by =="))
    return svg(962, 242, parts)


DRAWN: Mapping[str, Callable[[], str]] = {
    **{f"rooms_{package}.svg": partial(rooms, package) for package in FILLS},
    "chain.svg": chain,
}
"""Pictures that need nothing but this file and the table of arrows."""


def detect() -> bytes:
    """The example picture as `auflow detect --annotate` draws it, JPEG."""
    import cv2

    from board.detector import AUDetector
    from board.outputs.annotate import draw
    from hls_build.build.shipped import software
    from qnn.data.example import example_picture

    picture = example_picture()
    with AUDetector(software()) as detector:
        drawn = draw(picture, detector.detect(picture), detector.contract)
    return cv2.imencode(".jpg", drawn[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()


def main() -> None:
    """Write all pictures."""
    for name, drawn in DRAWN.items():
        (HERE / name).write_text(drawn())
    (HERE / "detect.jpg").write_bytes(detect())


if __name__ == "__main__":
    main()
