# SPDX-License-Identifier: Apache-2.0
"""Refuse a bitfile and hardware handoff (.hwh) that do not belong to a contract, before anything is loaded."""

from __future__ import annotations

import struct
from pathlib import Path
from xml.etree import ElementTree

from board.core.contract import AcceleratorContract, StreamPacking
from board.core.reading import read_bytes
from board.deployment import SHELL_FILE
from board.driver.shell import SHELL

HANDOFF = "a hardware handoff", "copy it again"
"""What the file is, and what to do about a broken one."""
IDMA, ODMA = "idma0", "odma0"
"""What FINN's shell calls its DMAs: pictures in, accumulators out."""
STREAMS = {IDMA: "m_axis_0", ODMA: "s_axis_0"}
"""The stream of each DMA that meets the accelerator."""
_STREAM = ":axis:"
"""Within the VLNV of every AXI stream, as in xilinx.com:interface:axis:1.0."""

_PART_FIELD, _DATA_FIELD = b"b", b"e"
_HEADER_BYTES = 4096
"""Of a bitfile: far more than Vivado's header takes, far less than the megabytes that follow it."""


def check_overlay(bitfile: Path, contract: AcceleratorContract) -> dict[str, str]:
    """Compare digest, part, DMAs and stream widths with the contract; the driver asks a shell for its own digest.

    Returns:
        What pynq calls each DMA, by IDMA and ODMA: its path in the block design, such as "idma0" or "shell/idma0".
        Or by SHELL what it calls AUFlow's own shell, where the overlay has that.

    Raises:
        ValueError: Something is missing or differs; the text names it.
    """
    if not bitfile.is_file():
        raise ValueError(f"an accelerator needs its bitfile, got none at {bitfile}: build it with Vivado")
    contract.check_bitfile(bitfile)
    _check_part(bitfile_part(bitfile), contract, "bitfile", bitfile)
    handoff = bitfile.with_suffix(".hwh")
    root = _read(handoff)
    _check_part(handoff_part(root), contract, "hardware handoff", handoff)
    if (shell := _find_shell(root)) is not None:
        if not bitfile.with_name(SHELL_FILE).is_file():
            raise ValueError(
                f"an overlay with AUFlow's shell needs what the shell watches, got no {bitfile.with_name(SHELL_FILE)}:"
                " copy it from the same build"
            )
        return {SHELL: _path(shell)}
    if contract.weights is not None:
        raise ValueError(f"weights from memory need {SHELL}, got none in {handoff}: use the files of one build")
    dmas = {dma: _find_dma(root, dma, handoff) for dma in STREAMS}
    for dma, packing in ((IDMA, contract.input_stream), (ODMA, contract.output_stream)):
        _check_dma(dmas[dma], dma, packing, handoff)
    return {dma: _path(module) for dma, module in dmas.items()}


def bitfile_part(bitfile: Path) -> str:
    """The part in a bitfile's header, such as "7z020clg400".

    A header is a field with its length in two bytes, the number 1 in two, then fields with a letter and such a length.
    """
    with bitfile.open("rb") as file:
        content = file.read(_HEADER_BYTES)
    try:
        at = 2 + _length(content, 0) + 2
        while (letter := content[at : at + 1]) not in (_PART_FIELD, _DATA_FIELD, b""):
            at += 3 + _length(content, at + 1)
        if letter == _PART_FIELD:
            return content[at + 3 : at + 3 + _length(content, at + 1)].rstrip(b"\0").decode("ascii")
    except (struct.error, UnicodeDecodeError):
        pass
    raise ValueError(f"a bitfile must name its part in a header, got none in {bitfile}: use Vivado's .bit")


def handoff_part(root: ElementTree.Element) -> str | None:
    """Device and package in a .hwh, such as "7z020clg400"."""
    system = root.find("SYSTEMINFO")
    if system is None or not system.get("DEVICE"):
        return None
    return system.get("DEVICE", "") + system.get("PACKAGE", "")


def same_part(found: str | None, part: str) -> bool:
    """Whether Vivado's short form, such as "7z020clg400", means a part, such as "xc7z020clg400-1"."""
    return bool(found) and _plain(part).startswith(_plain(str(found)))


def _plain(part: str) -> str:
    return part.lower().replace("-", "").removeprefix("xc")


def _length(content: bytes, at: int) -> int:
    return int(struct.unpack_from(">H", content, at)[0])


def _check_part(found: str | None, contract: AcceleratorContract, what: str, path: Path) -> None:
    if not same_part(found, contract.part):
        raise ValueError(f"the {what} must be for part {contract.part}, got {found} in {path}: build for this board")


def _read(handoff: Path) -> ElementTree.Element:
    if not handoff.is_file():
        raise ValueError(
            f"a bitfile needs its hardware handoff, got none at {handoff}: copy the .hwh of the same build beside it"
        )
    content = read_bytes(handoff, *HANDOFF)
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # the others of an encoding that is unknown
        raise ValueError(f"{HANDOFF[0]} must be XML, got {error} in {handoff}: {HANDOFF[1]}") from None


def _path(module: ElementTree.Element) -> str:
    """Where a block lies in its design, which is what pynq calls it."""
    return (module.get("FULLNAME") or module.get("INSTANCE") or "").lstrip("/")


def _find_shell(root: ElementTree.Element) -> ElementTree.Element | None:
    """The block that is AUFlow's shell and has registers."""
    registers = {each.get("INSTANCE") for each in root.iter("MEMRANGE")}
    found = (each for each in root.iter("MODULE") if _path(each).rpartition("/")[2] == SHELL)
    return next((each for each in found if each.get("INSTANCE") in registers), None)


def _find_dma(root: ElementTree.Element, dma: str, path: Path) -> ElementTree.Element:
    """The block that is a DMA: the one of its name, in a hierarchy too, or else the only one that works as it does.

    Vivado writes INSTANCE without the hierarchy's slashes and FULLNAME with them; pynq goes by FULLNAME.
    """
    modules = [module for module in root.iter("MODULE") if _path(module)]
    named = [module for module in modules if _path(module).rpartition("/")[2] == dma]
    registers = {each.get("INSTANCE") for each in root.iter("MEMRANGE")}
    found = [module for module in named or modules if module.get("INSTANCE") in registers]
    if not named:
        found = [module for module in found if _streams(module) == [STREAMS[dma]]]
    if len(found) == 1:
        return found[0]
    got = ", ".join(map(_path, found)) or ("one without" if named else "none")
    raise ValueError(
        f"the overlay must have AUFlow's {SHELL}, or FINN's {dma} with an AXI-lite port, got {got} in {path}:"
        " build it with one of these shells"
    )


def _streams(module: ElementTree.Element) -> list[str | None]:
    """Names of a block's AXI streams."""
    return [bus.get("NAME") for bus in module.iter("BUSINTERFACE") if _STREAM in bus.get("VLNV", "")]


def _check_dma(module: ElementTree.Element, dma: str, packing: StreamPacking, path: Path) -> None:
    stream = STREAMS[dma]
    bus = next((b for b in module.iter("BUSINTERFACE") if b.get("NAME") == stream), None)
    parameters = {} if bus is None else {p.get("NAME"): p.get("VALUE") for p in bus.iter("PARAMETER")}
    width = parameters.get("TDATA_NUM_BYTES")
    if width != str(packing.bytes_per_beat):
        raise ValueError(
            f"{stream} of {dma} must carry the contract's {packing.bytes_per_beat} bytes per beat,"
            f" got {width} in {path}: use the files of one build"
        )
