# SPDX-License-Identifier: Apache-2.0
"""Synthesise calibration cases of every kind of block and keep what they take: `python -m hls_build.yosys.calibrate`.

Takes about 40 minutes on one core where nothing is cached; interrupted, it goes on where it was.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from board.core.files import write_text
from hls_build.cost.resources import Resources
from hls_build.finn_adapter import use_build_folder
from hls_build.yosys import calibration_cases
from hls_build.yosys.synthesis import Counts, Design, synthesise

DATA = Path(__file__).parent / "calibration.jsonl"
"""JSONL, one calibration case per line: kind, parameters and counts."""

GRIDS: dict[str, tuple[str, str]] = {
    "fifo": (
        "depth width style",
        """2 8 auto, 2 512 auto, 4 24 auto, 16 16 auto, 32 64 auto, 33 144 auto, 40 8 auto, 40 64 auto, 64 16 auto,
        100 32 auto, 144 72 auto, 200 256 auto, 256 4 auto, 257 8 block, 256 64 auto, 300 8 block, 512 72 block,
        600 16 block, 1025 36 block, 1300 4 block, 2048 4 block, 2049 18 block, 4097 8 block, 5000 8 block,
        8192 4 block, 8192 16 block""",
    ),
    "threshold": (
        "channels pe bits input_bits style shared signed",
        """8 1 2 9 distributed 0 1, 16 2 4 12 distributed 0 1, 8 8 4 12 distributed 0 1, 32 1 4 16 distributed 0 1,
        64 2 4 15 distributed 0 1, 64 1 3 13 distributed 0 1, 128 1 4 16 distributed 0 1, 128 1 2 14 distributed 0 1,
        128 4 4 16 distributed 0 1, 2 2 4 10 distributed 1 1, 1 1 4 20 distributed 0 1, 32 1 4 12 distributed 1 1,
        64 1 4 15 block 0 1, 128 1 4 16 block 0 1, 1024 1 4 14 block 0 1, 32 1 8 18 block 0 1, 128 2 4 16 block 0 1,
        512 1 2 14 block 0 1""",
    ),
    "quantizer": (
        "preset layer pe style",
        """w4a4 conv1_q 1 distributed, w4a4 conv2_q 2 distributed, w4a4 conv3_q 1 distributed,
        w4a4 conv5_q 1 distributed, w4a4 attention1_fc1_q 1 distributed, w4a4 attention1_channel_gate_q 1 distributed,
        w4a4 attention1_channel_descriptors_q 1 distributed, w4a4 attention2_fc1_q 1 distributed, w4a4 fc2_q 1 block,
        w2a2 conv1_q 2 distributed, w2a2 conv2_q 4 distributed, w2a2 conv3_q 2 distributed,
        w2a2 attention1_channel_gate_q 1 distributed""",
    ),
    "memory": (
        "depth width style",
        """2 64 distributed, 16 16 distributed, 36 128 distributed, 54 64 distributed, 64 256 distributed,
        128 32 distributed, 144 64 distributed, 256 16 distributed, 400 8 distributed, 100 72 block, 288 288 block,
        512 36 block, 1024 16 block, 2048 8 block, 4608 32 block, 16384 16 block, 8192 8 block""",
    ),
    "window": (
        "size kernel channels lanes bits style",
        """48 3 3 1 8 distributed, 48 3 3 3 8 block, 48 3 32 4 4 block, 48 3 32 8 4 block, 48 3 32 32 4 block,
        24 3 64 4 4 block, 24 3 64 16 4 block, 24 3 64 64 4 block, 12 3 128 2 4 block, 12 3 128 16 4 distributed,
        12 3 128 64 4 block, 6 3 128 1 4 block, 6 3 128 8 4 distributed, 24 7 2 2 4 distributed, 24 7 2 1 4 distributed,
        24 7 2 2 4 block, 3 7 2 2 4 distributed, 3 7 2 1 4 block, 48 3 32 8 2 distributed""",
    ),
    "padding": (
        "size kernel channels lanes bits",
        "48 3 3 1 8, 48 3 3 3 8, 48 3 32 2 4, 24 3 64 4 4, 12 3 128 16 4, 6 3 128 64 4, 24 7 2 1 4, 3 7 2 2 4",
    ),
    "converter": (
        "width_in width_out",
        """24 16, 16 24, 64 72, 32 72, 72 32, 36 64, 128 72, 12 8, 48 36, 64 144, 8 36, 24 64, 40 16, 24 32,
        32 40, 32 24, 40 48, 40 24, 40 32, 48 56, 48 40, 56 64, 56 16, 56 24, 56 32, 56 40, 56 48, 64 24,
        64 40, 64 56, 72 80, 72 16, 72 40, 72 56, 72 64""",
    ),
    "lane_converter": (
        "pixels channels lanes_in lanes_out bits signed",
        """4 64 64 1 16 1, 4 16 4 1 4 0, 4 32 32 2 15 1, 4 16 2 1 12 1, 4 512 64 1 14 1, 4 16 1 16 4 0, 4 64 1 64 4 0,
        4 32 4 8 4 0, 4 36 4 36 4 0, 4 512 2 64 4 0""",
    ),
    "stream_fork": (
        "pixels channels pe bits signed copies",
        "4 64 1 4 1 2, 4 64 2 4 1 2, 4 128 16 4 1 2, 4 64 4 8 0 3",
    ),
    "max_pool_2x2": (
        "height width channels pe bits signed",
        "48 48 64 1 4 0, 24 24 128 2 4 1, 12 12 128 4 4 1, 6 6 64 1 4 1, 48 48 64 8 4 0, 24 24 128 1 2 0",
    ),
    "global_pool": (
        "pixels channels pe bits signed mode shift",
        """576 128 1 4 1 descriptors 9, 9 64 1 4 1 descriptors 3, 576 128 4 4 1 descriptors 9, 2 128 1 8 1 sum 0,
        2 64 2 9 1 sum 0, 576 128 2 2 0 descriptors 9""",
    ),
    "channel_pool": (
        "pixels channels pe bits signed shift",
        "576 128 1 4 1 7, 9 64 1 4 1 6, 576 128 4 4 1 7, 576 128 16 4 1 7, 576 128 2 2 0 7",
    ),
    "gate": (
        "pixels channels pe x_bits x_signed g_bits out_bits out_signed kind",
        """576 128 1 4 1 4 4 1 channel, 576 128 4 4 1 4 4 1 channel, 576 128 2 4 1 4 4 1 spatial,
        9 64 1 4 1 4 4 1 channel, 9 64 1 4 1 4 4 0 spatial, 576 128 1 2 0 4 2 0 channel""",
    ),
    "multiplier": (
        "inputs outputs pe simd weight_bits activation_bits accumulator_bits signed pumped",
        """128 16 1 1 4 8 14 1 0, 27 32 2 9 8 8 19 0 0, 27 32 16 1 8 8 19 0 0, 98 1 1 7 4 8 17 1 0, 98 1 1 1 4 4 14 1 0,
        576 128 4 4 4 4 15 0 0, 128 32 2 2 4 8 15 1 0, 576 128 4 8 2 2 11 0 0, 1024 64 4 16 2 4 13 0 0,
        576 128 8 8 4 4 15 0 0, 576 128 8 8 3 3 13 0 0, 576 128 8 8 2 4 12 1 0, 576 128 8 12 4 4 15 1 0,
        1152 64 4 6 4 4 16 1 0, 576 128 1 36 4 4 15 0 0, 512 64 1 4 2 4 12 1 0, 288 64 4 18 4 4 15 0 1,
        288 64 8 16 2 2 11 0 1, 576 128 16 6 2 4 12 0 0, 288 64 16 9 4 4 15 0 0, 576 128 32 4 3 4 14 0 0,
        288 64 16 16 4 4 15 0 1, 576 128 8 18 4 4 15 1 0, 288 64 16 18 4 4 15 0 0, 576 128 8 36 4 4 15 1 0,
        576 128 32 18 2 2 11 0 0""",
    ),
    "lut_mvu": (
        "pixels mw mh pe simd bits signed weight_bits out_bits levels memory",
        """4 72 16 4 18 2 0 2 9 3 logic, 4 288 16 4 36 2 0 2 11 3 distributed, 4 288 64 8 36 2 0 2 11 3 distributed,
        4 144 32 4 36 4 0 2 13 3 logic, 4 288 64 4 36 4 1 2 14 3 distributed, 4 576 64 4 72 2 0 2 12 3 block""",
    ),
    "dsp_mvu": (
        "pixels mw mh pe simd bits signed weight_bits out_bits memory",
        "4 288 64 8 36 4 0 4 16 distributed, 4 128 16 2 8 4 1 4 15 distributed",
    ),
    "pumped_mvu": (
        "pixels mw mh pe simd bits signed weight_bits out_bits memory",
        "4 288 64 8 72 4 0 4 16 distributed, 4 576 128 4 72 4 0 4 16 block",
    ),
}
"""What is synthesised: names of parameters, and their values, one calibration case after another."""


@dataclass(frozen=True, eq=False)
class CalibrationCase:
    """One block with its parameters."""

    kind: str
    parameters: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Of its node."""
        return "_".join([self.kind, *(str(int(v) if isinstance(v, bool) else v) for v in self.parameters.values())])

    def design(self) -> Design:
        """The block for Yosys; of a multiplier and its memory the one that the kind names."""
        return calibration_cases.design(self.kind, self.parameters, self.name)

    def modelled(self) -> Resources:
        """What the model says of it."""
        return calibration_cases.modelled(self.kind, self.parameters)


def wanted() -> Iterator[CalibrationCase]:
    """All calibration cases of the grids."""
    for kind, (header, rows) in GRIDS.items():
        names = header.split()
        for row in rows.split(","):
            values = zip(names, row.split(), strict=True)
            yield CalibrationCase(kind, {name: _value(name, text) for name, text in values})


def _value(name: str, text: str) -> Any:
    if name in ("signed", "shared", "pumped", "x_signed", "out_signed"):
        return text == "1"
    return int(text) if text.lstrip("-").isdigit() else text


def load(path: Path = DATA) -> list[tuple[CalibrationCase, Counts]]:
    """The checked-in calibration cases and what they take."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(CalibrationCase(line["kind"], line["parameters"]), Counts.from_json(line["counts"])) for line in lines]


def run(path: Path = DATA) -> None:
    """Synthesise what the cache does not hold and write everything."""
    with tempfile.TemporaryDirectory() as place:
        use_build_folder(Path(place))
        designs = {one: one.design() for one in wanted()}
        found = {}
        for name, cells in synthesise(designs.values(), lambda names: print("synthesising", *names, flush=True)):
            found[name] = Counts.of(cells)
    lines = [
        json.dumps({"kind": one.kind, "parameters": dict(one.parameters), "counts": found[design.name].as_json()})
        for one, design in designs.items()
    ]
    write_text(path, "\n".join(lines) + "\n")


if __name__ == "__main__":
    run()
