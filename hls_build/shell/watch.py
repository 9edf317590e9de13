# SPDX-License-Identifier: Apache-2.0
"""The stitched accelerator with its inner handshakes and the highest fills of its FIFOs as ports."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hls_build.rtl.stitch import TOP, Stitched

MODULE = "accelerator_watched"
_LISTED = re.compile(r"assign mon_valid = \{(.*?)\};", re.DOTALL)
_SIGNAL = re.compile(r"dut\.(\w+)_TVALID")


def watched(rtl: Path, fifos: Sequence[str]) -> str:
    """SystemVerilog of `accelerator_watched`: the accelerator of an RTL folder, with three ports more.

    watch_valid and watch_ready have a bit per inner stream, in the manifest's order; watch_fill has 32 bits per FIFO.

    Args:
        rtl: The folder.
        fifos: Those whose highest fill is told; a FIFO counts it only for that.

    Raises:
        RuntimeError: The folder's files are not what the stitcher writes.
    """
    manifest = Stitched.load(rtl)
    text = (rtl / f"{TOP}.sv").read_text()
    names = _inner_streams((rtl / manifest.monitor).read_text())
    if len(names) != len(manifest.streams):
        raise RuntimeError(f"need a signal for each of {len(manifest.streams)} streams in {rtl}, got {len(names)}")
    ports = [
        f"  output logic [{max(1, len(names)) - 1}:0] watch_valid",
        f"  output logic [{max(1, len(names)) - 1}:0] watch_ready",
        f"  output logic [{max(1, 32 * len(fifos)) - 1}:0] watch_fill",
    ]
    lines = [_assigned(f"watch_{kind}", [f"{name}_T{kind.upper()}" for name in names]) for kind in ("valid", "ready")]
    if not fifos:
        lines.append("  assign watch_fill = 1'b0;")
    text = _replaced(text, f"module {TOP} (", f"module {MODULE} (")
    text = _replaced(text, "\n);", ",\n\n" + ",\n".join(ports) + "\n);", first=True)
    for index, fifo in enumerate(fifos):
        start = f"  {fifo} {fifo}_i (\n"
        text = _replaced(text, start, f"{start}    .maxcount(watch_fill[{32 * index} +: 32]), .count(),\n")
    return _replaced(text, "\nendmodule\n", "\n" + "\n".join(["", *lines]) + "\nendmodule\n")


def _inner_streams(monitor: str) -> list[str]:
    """Wires of the inner streams, first bit first."""
    listed = _LISTED.search(monitor)
    return list(reversed(_SIGNAL.findall(listed[1]))) if listed else []


def _assigned(name: str, signals: list[str]) -> str:
    listed = ",\n    ".join(reversed(signals)) if signals else "1'b0"
    return f"  assign {name} = {{\n    {listed}\n  }};"


def _replaced(text: str, old: str, new: str, first: bool = False) -> str:
    """A text with one place changed."""
    if text.count(old) != 1 and not (first and old in text):
        raise RuntimeError(f"the accelerator's top must hold {old!r} once, got it {text.count(old)} times")
    return text.replace(old, new, 1)
