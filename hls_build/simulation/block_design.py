# SPDX-License-Identifier: Apache-2.0
"""FINN+'s stitched graph without Vivado: the Tcl that it writes for Vivado's block design, as one Verilog module.

CreateStitchedIP instantiates every node's modules in a block design and connects their pins. What Vivado makes of that
are wires, so the same lines give a structural top that Verilator reads. `finn_engine.bind` puts `launch` in the place
from which CreateStitchedIP calls Vivado.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hls_build.finn_settings import finn_settings
from hls_build.simulation.verilator import Port, ports_of

SCRIPT, SOURCES = "make_project.tcl", "all_verilog_srcs.txt"
"""What CreateStitchedIP leaves for Vivado, and what it expects from it, in one folder."""
_IGNORED = (
    "assign_bd_address", "create_bd_design", "create_bd_intf_pin", "create_bd_pin", "create_project", "save_bd_design",
    "set_msg_config", "set_property ip_repo_paths", "set_property CONFIG.FREQ_HZ", "update_ip_catalog",
    "validate_bd_design",
)  # fmt: skip
"""Commands that say nothing of wires: pins of hierarchies are known by what connects them."""
_PINS = re.compile(r"\[get_bd_(?:intf_)?(pins|ports) /?([^\]]+)\]")
_MODULE = re.compile(r"^\s*module\s+(\w+).*?^\s*endmodule", re.MULTILINE | re.DOTALL)
_CONSTANT = re.compile(r"^\s*(?:local)?param(?:eter)?\s[^;]*;", re.MULTILINE)
_BUS = re.compile(r"(\w+)_(\w+)$")
_STREAM = ("tdata", "tvalid", "tready")


@dataclass
class BlockDesign:
    """Cells and what connects their pins.

    Attributes:
        sources: Verilog files.
        cells: Module of each cell, by its path.
        ports: Pin behind each port of the design, by the port's name.
    """

    sources: list[Path] = field(default_factory=list)
    cells: dict[str, str] = field(default_factory=dict)
    ports: dict[str, str] = field(default_factory=dict)
    _joined: dict[str, str] = field(default_factory=dict)

    def net(self, pin: str) -> str:
        """The pin that stands for all that a pin, of a cell or of a hierarchy, is connected to."""
        while (above := self._joined.get(pin, pin)) != pin:
            pin = above
        return pin

    def join(self, pins: Iterable[str]) -> None:
        """Connect pins."""
        first, *others = map(self.net, pins)
        self._joined[first] = first
        for other in others:
            self._joined[other] = first

    def is_connected(self, pin: str) -> bool:
        """Whether anything was connected to a pin."""
        return pin in self._joined


def answer(folder: Path) -> None:
    """Do what CreateStitchedIP wants of Vivado: write the design's wrapper and the list of its sources.

    Raises:
        RuntimeError: The design holds what only Vivado has.
    """
    text = (folder / SCRIPT).read_text()
    made = re.search(r"^add_files -norecurse (\S+/(\w+)\.v)\nset_property top \2 ", text, re.MULTILINE)
    if made is None:
        raise RuntimeError(f"{folder / SCRIPT} must name the wrapper of a block design, got none: use the pinned FINN+")
    wrapper = Path(made[1])
    design = read(text[: text.index("make_wrapper ")])
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    wrapper.write_text(verilog(design, wrapper.stem))
    (folder / SOURCES).write_text("".join(f"{path}\n" for path in (*dict.fromkeys(design.sources), wrapper)))


def read(text: str) -> BlockDesign:
    """Follow the commands that make a block design.

    Raises:
        RuntimeError: One needs Vivado.
    """
    design = BlockDesign()
    library = str(finn_settings().finn_rtllib)
    for line in text.splitlines():
        _follow(design, line.replace("$::env(FINN_RTLLIB)", library).strip())
    return design


def _follow(design: BlockDesign, line: str) -> None:
    """Follow one command."""
    pins = [name if kind == "pins" else design.ports[name] for kind, name in _known(design, line)]
    if not line or line.startswith(_IGNORED):
        return
    if line.startswith("add_files "):
        design.sources.append(Path(line.split()[-1]))
    elif cell := re.match(r"create_bd_cell -type (?:module|hier) -reference (\w+) /?(\S+)$", line):
        design.cells[cell[2]] = cell[1]
    elif re.match(r"create_bd_cell -type hier /?\S+$", line):
        return
    elif line.startswith(("connect_bd_net ", "connect_bd_intf_net ")):
        design.join(pins)
    elif line.startswith(("make_bd_pins_external ", "make_bd_intf_pins_external ")):
        design.join(pins)
        design.ports[_free(design, pins[0].rpartition("/")[2])] = pins[0]
    elif renamed := re.match(r"set_property name (\w+) \[get_bd_(?:intf_)?ports (\w+)\]$", line):
        design.ports[renamed[1]] = design.ports.pop(renamed[2])
    elif block := re.match(r"create_bd_cell -type ip -vlnv (\S+) /?(\S+)", line):
        raise RuntimeError(f"cell {block[2]} is Vivado's block {block[1]}, of which there is no Verilog: leave it out")
    else:
        raise RuntimeError(f"the block design must be wires between modules, got what only Vivado can do: {line}")


def _known(design: BlockDesign, line: str) -> Iterator[tuple[str, str]]:
    """Pins that a command names, and ports that there are: clocks are named once more with a slash."""
    for kind, name in _PINS.findall(line):
        if kind == "pins" or name in design.ports:
            yield kind, name


def _free(design: BlockDesign, name: str) -> str:
    """The name that Vivado gives a new port."""
    return next(taken for number in range(len(design.ports) + 1) if (taken := f"{name}_{number}") not in design.ports)


@dataclass(frozen=True)
class _Wire:
    """A wire of the design: its name, and the port of the first module on it."""

    name: str
    port: Port


def verilog(design: BlockDesign, top: str) -> str:
    """The design as a structural module; buses other than streams stay inside, their inputs at zero."""
    headers = _headers(design.sources)
    missing = [module for module in design.cells.values() if module not in headers]
    if missing:
        raise RuntimeError(f"module {missing[0]} must be in a Verilog file of the block design, got none")
    ports = {module: ports_of(headers[module], module) for module in set(design.cells.values())}
    wires: dict[str, _Wire] = {}
    instances = []
    for path, module in design.cells.items():
        connected = []
        for port in ports[module]:
            if (wire := _wire_at(design, path, port)) is not None:
                known = wires.setdefault(wire, _Wire(wire, port))
                wires[wire] = known if known.port.bits >= port.bits else _Wire(wire, port)
                connected.append(f".{port.name}({wire})")
        body = ",\n    ".join(connected)
        instances.append(f"  {module} {path.replace('/', '__')}_i (\n    {body}\n  );")
    outside = dict(_outside(design, wires))
    inner = [f"  wire [{wire.port.bits - 1}:0] {name};" for name, wire in wires.items()]
    declared = ",\n".join(f"  {way}put [{wires[wire].port.bits - 1}:0] {name}" for name, (way, wire) in outside.items())
    linked = [
        f"  assign {wire} = {name};" if way == "in" else f"  assign {name} = {wire};"
        for name, (way, wire) in outside.items()
    ]
    return "\n".join([f"module {top} (\n{declared}\n);", *inner, *linked, *instances, "endmodule", ""])


def _headers(sources: Iterable[Path]) -> Mapping[str, str]:
    """The first lines of every Verilog module, up to the end of its ports, and the constants that they need."""
    found = {}
    for path in sources:
        if path.suffix == ".v":
            for module in _MODULE.finditer(path.read_text()):
                head, body = re.split(r"(?<=\);)", module[0], maxsplit=1)
                found[module[1]] = "\n".join([head, *_CONSTANT.findall(body), "endmodule", ""])
    return found


def _wire_at(design: BlockDesign, path: str, port: Port) -> str | None:
    """The wire at a module's port: of its pin, or of the bus that it belongs to; None where nothing is connected."""
    pin = f"{path}/{port.name}"
    if design.is_connected(pin):
        return _identifier(design.net(pin))
    bus = _BUS.match(port.name)
    if bus is not None and design.is_connected(pin := f"{path}/{bus[1]}") and bus[2].lower() in _STREAM:
        return f"{_identifier(design.net(pin))}__{bus[2].lower()}"
    return None


def _identifier(pin: str) -> str:
    return f"at__{re.sub(r'[^A-Za-z0-9_]', '__', pin)}"


def _outside(design: BlockDesign, wires: Mapping[str, _Wire]) -> Iterator[tuple[str, tuple[str, str]]]:
    """The design's ports, which way they go and their wires."""
    for name, pin in design.ports.items():
        wire = _identifier(design.net(pin))
        signals = {name: wire} if wire in wires else {f"{name}_{s}": f"{wire}__{s}" for s in _STREAM}
        for port, inner in signals.items():
            if inner in wires:
                yield port, ("in" if wires[inner].port.is_input else "out", inner)


def launch(command: Sequence[str], **_: object) -> tuple[str, str]:
    """In place of FINN+'s function that runs `bash FOLDER/make_project.sh`; nothing is printed."""
    answer(Path(command[-1]).parent)
    return "", ""
