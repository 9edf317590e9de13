# SPDX-License-Identifier: Apache-2.0
"""Write the overlay that Vivado would: a bitfile with its header, and the hardware handoff as far as it is read."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement

from board.core.contract import AcceleratorContract, Kind, StreamPacking
from board.core.files import sha256
from board.core.parts import is_zynqmp
from board.driver.overlay import IDMA, ODMA, STREAMS
from board.driver.shell import SHELL

SPAN_BYTES = 0x10000
"""Addresses that each DMA takes."""
CONTROL_PORT, SHELL_PORT = "s_axi_control_0", "s_axi"

_AXI = "xilinx.com:interface:aximm:1.0"
_AXI_STREAM = "xilinx.com:interface:axis:1.0"


FINN_BLOCKS, SHELL_BLOCKS = (IDMA, ODMA), (SHELL,)
"""What the processor reaches in FINN's shell and in AUFlow's own."""


@dataclass(frozen=True)
class Processor:
    """A processing system, as a handoff describes it.

    Attributes:
        arch: Name of the family in a handoff.
        module: Name of its IP.
        version: Of its IP.
        master: Its AXI master.
        base: Address of the first DMA's registers; those of the second follow.
        parameters: Of PL clock {i}: those that pynq reads.
    """

    arch: str
    module: str
    version: str
    master: str
    base: int
    parameters: dict[str, int]


ZYNQ = Processor(
    "zynq", "processing_system7", "5.5", "M_AXI_GP0", 0x43C00000,
    {"PCW_FPGA_FCLK{i}_ENABLE": 1, "PCW_FCLK{i}_PERIPHERAL_DIVISOR0": 5, "PCW_FCLK{i}_PERIPHERAL_DIVISOR1": 4},
)  # fmt: skip
ZYNQMP = Processor(
    "zynquplus", "zynq_ultra_ps_e", "3.5", "M_AXI_HPM0_FPD", 0xA0000000,
    {"PSU__FPGA_PL{i}_ENABLE": 1, "PSU__CRL_APB__PL{i}_REF_CTRL__DIVISOR0": 30,
     "PSU__CRL_APB__PL{i}_REF_CTRL__DIVISOR1": 1},
)  # fmt: skip


def processor_of(part: str) -> Processor:
    """The processing system of a part."""
    return ZYNQMP if is_zynqmp(part) else ZYNQ


def block_bases(part: str, blocks: Sequence[str]) -> dict[str, int]:
    """Addresses of the registers of blocks, one behind the other."""
    base = processor_of(part).base
    return {block: base + SPAN_BYTES * index for index, block in enumerate(blocks)}


def write_overlay(folder: Path, contract: Kind, blocks: Sequence[str] = FINN_BLOCKS) -> tuple[Path, Kind]:
    """Write accelerator.bit and accelerator.hwh.

    Args:
        folder: Made if need be.
        contract: Of the accelerator.
        blocks: What the processor reaches: FINN_BLOCKS or SHELL_BLOCKS.

    Returns:
        The bitfile, and the contract bound to it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    bitfile = folder / "accelerator.bit"
    bitfile.write_bytes(bitfile_content(contract.part, contract.model_sha256.encode()))
    handoff(contract, blocks).write(bitfile.with_suffix(".hwh"), encoding="UTF-8", xml_declaration=True)
    return bitfile, contract.with_bitfile(sha256(bitfile))


def bitfile_content(part: str, data: bytes) -> bytes:
    """A bitfile's header for a part, and data in place of a configuration."""
    name = part if is_zynqmp(part) else part.removeprefix("xc").rpartition("-")[0]
    texts = {b"a": "accelerator;Version=2022.2", b"b": name, b"c": "2026/01/01", b"d": "00:00:00"}
    magic = bytes.fromhex("0009 0ff00ff00ff00ff000 0001")
    fields = b"".join(
        letter + struct.pack(">H", len(text) + 1) + text.encode() + b"\0" for letter, text in texts.items()
    )
    return magic + fields + b"e" + struct.pack(">I", len(data)) + data


def handoff(contract: AcceleratorContract, blocks: Sequence[str] = FINN_BLOCKS) -> ElementTree:
    """The hardware handoff: the processor, the blocks that it reaches, their registers and streams."""
    processor = processor_of(contract.part)
    device, package, speed = _split(contract.part)
    root = Element("EDKSYSTEM", EDWVERSION="1.2")
    SubElement(
        root, "SYSTEMINFO", ARCH=processor.arch, DEVICE=device, NAME="top", PACKAGE=package, SPEEDGRADE=f"-{speed}"
    )
    SubElement(root, "EXTERNALPORTS")
    modules = SubElement(root, "MODULES")
    packings = {IDMA: contract.input_stream, ODMA: contract.output_stream}
    modules.extend(_shell() if block == SHELL else _dma(block, packings[block]) for block in blocks)
    modules.append(_processor(processor, block_bases(contract.part, blocks)))
    return ElementTree(root)


def _split(part: str) -> tuple[str, str, str]:
    """Device, package and speed, as in SYSTEMINFO."""
    if is_zynqmp(part):
        device, package, speed = part.split("-")[:3]
        return device, package, speed
    name, _, speed = part.removeprefix("xc").rpartition("-")
    return name[:5], name[5:], speed


def _module(name: str, module: str, vlnv: str, is_pl: bool) -> tuple[Element, Element]:
    element = Element("MODULE", FULLNAME=f"/{name}", INSTANCE=name, IS_PL=str(is_pl).upper(), MODTYPE=module, VLNV=vlnv)
    SubElement(element, "PARAMETERS")
    SubElement(element, "PORTS")
    return element, SubElement(element, "BUSINTERFACES")


def _bus(buses: Element, name: str, kind: str, vlnv: str, **parameters: int) -> None:
    bus = SubElement(buses, "BUSINTERFACE", BUSNAME=f"bus_{name}", NAME=name, TYPE=kind, VLNV=vlnv)
    for key, value in parameters.items():
        SubElement(bus, "PARAMETER", NAME=key, VALUE=str(value))
    SubElement(bus, "PORTMAPS")


def _dma(name: str, packing: StreamPacking) -> Element:
    element, buses = _module(name, name, f"xilinx_finn:finn:{name}:1.0", is_pl=True)
    _bus(buses, CONTROL_PORT, "SLAVE", _AXI)
    kind = "INITIATOR" if name == IDMA else "TARGET"
    _bus(buses, STREAMS[name], kind, _AXI_STREAM, TDATA_NUM_BYTES=packing.bytes_per_beat)
    return element


def _shell() -> Element:
    element, buses = _module(SHELL, "shell_top", "xilinx.com:module_ref:shell_top:1.0", is_pl=True)
    _bus(buses, SHELL_PORT, "SLAVE", _AXI)
    return element


def _processor(processor: Processor, bases: dict[str, int]) -> Element:
    element, buses = _module(
        f"{processor.module}_0", processor.module, f"xilinx.com:ip:{processor.module}:{processor.version}", is_pl=False
    )
    parameters = element.find("PARAMETERS")
    assert parameters is not None
    for clock in range(4):
        for key, value in processor.parameters.items():
            SubElement(parameters, "PARAMETER", NAME=key.format(i=clock), VALUE=str(value))
    _bus(buses, processor.master, "MASTER", _AXI)
    memory = SubElement(element, "MEMORYMAP")
    for block, base in bases.items():
        SubElement(
            memory, "MEMRANGE", ADDRESSBLOCK="Reg", BASENAME="C_BASEADDR", BASEVALUE=f"{base:#x}",
            HIGHNAME="C_HIGHADDR", HIGHVALUE=f"{base + SPAN_BYTES - 1:#x}", INSTANCE=block, IS_DATA="TRUE",
            MASTERBUSINTERFACE=processor.master, MEMTYPE="REGISTER",
            SLAVEBUSINTERFACE=SHELL_PORT if block == SHELL else CONTROL_PORT,
        )  # fmt: skip
    return element
