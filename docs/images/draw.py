# SPDX-License-Identifier: Apache-2.0
"""Draw the pictures of the pages: `python docs/images/draw.py`, from the repository's root.

rooms.svg and chain.svg are drawn here; detect.jpg is what `auflow detect --annotate` makes of the example picture.
cost_w4a4.png is made by `auflow fold --preset w4a4 --single-clock --fps 678 --plot docs/images/cost_w4a4.png`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
BOARD, QNN, HLS, PLAIN = "#fff1d6", "#e3f0ff", "#e4f5e8", "#f4f4f6"
INK, LINE = "#22262e", "#7a8291"
STEP_PX, GAP_PX = 44, 7

ROOMS = {
    "board": (BOARD, "numpy and OpenCV: what a PYNQ image has", (
        ("cli", "detect, parity, bench"),
        ("pipeline, detector", "frames to observations"),
        ("sources, outputs", "pictures and videos in; CSV, JSONL, video out"),
        ("parity, bench", "executors compared by ==, and measured"),
        ("executors", "numpy, onnx, rtl, fpga: the same integers"),
        ("driver, emulator", "PYNQ's side of the FPGA, and a board without one"),
        ("simulation", "a verilated design, beat by beat"),
        ("deployment", "files of one build, each checked by its digest"),
        ("faces", "find, crop and track: the one picture rule"),
        ("core", "FACS, decoding, arithmetic, graph, contract, files"),
    )),
    "qnn": (QNN, "PyTorch and Brevitas: the network", (
        ("cli", "data, train, tune, eval, explain, study, export"),
        ("studies", "ablations"),
        ("explain", "HiResCAM, Grad-CAM, attention"),
        ("training", "recipes, losses, Muon, resumable runs"),
        ("evaluation", "F1-frame, intervals, decision thresholds, cards"),
        ("export", "QONNX, standard ONNX, sigmoid corrections"),
        ("network", "CBAM-CNN, quantized network, presets, checkpoint"),
        ("data", "five datasets, one file each; protocols and splits"),
    )),
    "hls_build": (HLS, "FINN+, Verilator, Yosys, Vivado: the compiler", (
        ("cli", "build, fold, fifos, simulate, parity, synth, report"),
        ("build", "the steps, the contract, the package for a board"),
        ("report, parity", "one page; every form of a build by =="),
        ("folding, yosys, vivado", "MILP; synthesis; bitstream"),
        ("simulation", "Verilator, and the engine behind FINN+'s rtlsim"),
        ("rtl", "one structural top over all blocks"),
        ("compiler, estimate", "passes in order; cycles and resources"),
        ("kernels", "one folder each: spec, SystemVerilog, node, lower"),
        ("lowering, dataflow", "QONNX to integers; integers to FINN+ nodes"),
        ("config, cost", "builds and boards in TOML; formulas of resources"),
    )),
}  # fmt: skip
"""Rooms of each floor, whoever imports above whoever is imported."""

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
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">'
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


def rooms() -> str:
    """The three floors; a room imports only rooms below it, and those of board."""
    width, top = 290, 62
    parts = []
    for column, (name, (fill, about, entries)) in enumerate(ROOMS.items()):
        left = 15 + column * (width + 15)
        parts += [text(left, 28, f"{name}/", 18, bold=True), text(left, 48, about, 12)]
        for row, (room, what) in enumerate(entries):
            y = top + row * (STEP_PX + GAP_PX)
            parts += [
                box(left, y, width, STEP_PX, fill),
                text(left + 10, y + 18, room, 14, bold=True),
                text(left + 10, y + 35, what, 11.5),
            ]
    bottom = top + 10 * (STEP_PX + GAP_PX) + 16
    parts.append(
        text(15, bottom, "A room imports only rooms below it. qnn and hls_build also import board; of hls_build")
    )
    parts.append(text(15, bottom + 19, "only build, parity, report and cli import qnn."))
    return svg(15 + 3 * (width + 15), bottom + 34, parts)


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


DRAWN = {"rooms.svg": rooms, "chain.svg": chain}
"""Pictures that need nothing but this file."""


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
