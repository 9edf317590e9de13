# SPDX-License-Identifier: Apache-2.0
"""The blocks of a stitched accelerator, each as a design of its own: just as the accelerator connects it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hls_build.rtl.stitch import TOP, Stitched

_INSTANCE = re.compile(r"^  (\w+) (\w+)_i \(\n(.*?)\n  \);", re.MULTILINE | re.DOTALL)
_CONNECTION = re.compile(r"\.(\w+)\(([^()]*)\)")
_SIGNALS = re.compile(r"^  (?:(?:input|output) +)?logic (\[\d+:0\] )?(\w+(?:, \w+)*)", re.MULTILINE)
_TAKES = re.compile(r"(in\d+_V|s_axis_\d+)_(?P<signal>\w+)$")
_CLOCKS = ("ap_clk", "ap_clk2x", "ap_rst_n")
_MODULE = re.compile(r"^\s*(?:module|package)\s+(\w+)", re.MULTILINE)
_MEMORY = re.compile(r'"\./([^"]*)"')
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Block:
    """One instance of the accelerator's top.

    Attributes:
        name: Of the node that it belongs to; its weight memory has `_memory` behind the name.
        top: Module of `text`.
        text: SystemVerilog of a top around the instance: streams are ports, what is tied stays tied, and what is
            left open stays open.
        sources: Files that it is made of, relative to the RTL folder, packages first.
        memories: Memory files that they read, relative to the RTL folder.
    """

    name: str
    top: str
    text: str
    sources: tuple[str, ...]
    memories: tuple[str, ...]


def blocks(rtl: Path) -> list[Block]:
    """All blocks of an RTL folder, in stream order."""
    manifest = Stitched.load(rtl)
    top = (rtl / f"{TOP}.sv").read_text()
    widths = {name: width for width, names in _SIGNALS.findall(top) for name in names.split(", ")}
    texts = {name: (rtl / name).read_text() for name in manifest.sources}
    owner = {module: name for name, text in texts.items() for module in _MODULE.findall(text)}
    found = []
    for module, name, body in _INSTANCE.findall(top):
        connections = _CONNECTION.findall(body)
        files = _closure(owner[module], texts, owner)
        sources = tuple(source for source in manifest.sources if source in files)
        memories = tuple(memory for source in sources for memory in _memories(rtl, texts[source]))
        found.append(Block(name, f"block_{name}", _wrap(module, name, connections, widths), sources, memories))
    return found


def _closure(first: str, texts: Mapping[str, str], owner: Mapping[str, str]) -> set[str]:
    """A source and all that it needs, by the modules and packages that it names."""
    found, waiting = set(), [first]
    while waiting:
        source = waiting.pop()
        if source in found:
            continue
        found.add(source)
        waiting += {owner[word] for word in set(_WORD.findall(texts[source])) if word in owner}
    return found


def _memories(rtl: Path, text: str) -> list[str]:
    """Files that a source reads; thresholds are named by what their names begin with."""
    return sorted(
        path.name for start in _MEMORY.findall(text) for path in rtl.glob(f"{start}*") if path.suffix == ".dat"
    )


def _wrap(module: str, name: str, connections: Sequence[tuple[str, str]], widths: Mapping[str, str]) -> str:
    """A top around one instance."""
    ports = {signal: "input" for signal in _CLOCKS if signal in {wire for _, wire in connections}}
    for port, wire in connections:
        if wire in widths and wire not in _CLOCKS:
            takes = _TAKES.match(port)
            ready = port.lower().endswith("tready")
            ports[wire] = "input" if bool(takes) != ready else "output"
    declared = ",\n".join(f"  {way} logic {widths.get(wire, '')}{wire}" for wire, way in ports.items())
    connected = ",\n".join(f"    .{port}({wire})" for port, wire in connections)
    return f"module block_{name} (\n{declared}\n);\n  {module} {name}_i (\n{connected}\n  );\nendmodule\n"
