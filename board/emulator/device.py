# SPDX-License-Identifier: Apache-2.0
"""The emulated board as a device of pynq's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from board.core.parts import is_zynqmp
from board.driver.interrupt import Line
from board.driver.overlay import bitfile_part, same_part
from board.driver.transfer import Clock
from board.emulator.memory import Block, Memory
from board.emulator.registers import Bus, Window

try:
    from pynq.pl_server.device import Device
except ImportError:  # this module can be imported without pynq, though not used

    class Device:  # type: ignore[no-redef] # pynq's otherwise
        """Stands where pynq's would."""


class EmulatedDevice(Device):  # type: ignore[misc] # pynq has no types
    """What pynq asks of a device, answered by the parts of an emulated board.

    Args:
        part: FPGA part.
        bus: Registers.
        memory: Contiguous memory.
        clock: Time on the board.
        load: What loading a bitfile does.
        lock: File that stands for who has the board.
        line: The interrupt line from the FPGA, None for a kernel that has none for programs.
    """

    def __init__(
        self,
        part: str,
        bus: Bus,
        memory: Memory,
        clock: Clock,
        load: Callable[[], None],
        lock: Path,
        line: Line | None = None,
    ) -> None:
        super().__init__("emulated0")
        self.name = "emulated board"
        self.arch = "aarch64" if is_zynqmp(part) else "armv7l"
        self.capabilities = {"MEMORY_MAPPED": True}
        self.bitfile_name = self.timestamp = None
        self.clock, self.lock, self._line = clock, lock, line
        self._part, self._bus, self._memory, self._load = part, bus, memory, load

    def open_line(self, part: str) -> Line | None:
        """The interrupt line from the FPGA."""
        return self._line

    def mmap(self, base_addr: int, length: int) -> Window:
        """Registers of some addresses."""
        return Window(self._bus, base_addr, length // 4)

    def allocate(self, shape: tuple[int, ...], dtype: Any, cacheable: int = 0) -> Any:
        """Contiguous memory as a pynq buffer."""
        from pynq.buffer import PynqBuffer

        memory = self._memory
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        block = memory.allocate(size, bool(cacheable))
        view = memory.cache if cacheable else memory.dram
        buffer = PynqBuffer(
            shape, dtype, device=self, bo=block, coherent=False, device_address=memory.base + block.start,
            buffer=view[block.start : block.start + size].data,
        )  # fmt: skip
        buffer.memory, buffer.pointer, buffer.return_to = memory, block, self
        buffer.freed = True  # beyond return_pointer nothing is to be done, least of all munmap
        return buffer

    def return_pointer(self, pointer: Block) -> None:
        """Take a buffer's memory back."""
        self._memory.release(pointer)

    def flush(self, bo: Block, offset: int, ptr: int, size: int) -> None:
        """Write the cache to memory."""
        self._memory.flush(bo, *self._synchronised(bo, offset, size))

    def invalidate(self, bo: Block, offset: int, ptr: int, size: int) -> None:
        """Read memory anew."""
        self._memory.invalidate(bo, *self._synchronised(bo, offset, size))

    def get_bitfile_metadata(self, bitfile_name: str, partial: bool = False) -> Any:
        """What a handoff says."""
        from pynq.metadata.runtime_metadata_parser import RuntimeMetadataParser
        from pynqmetadata.frontends import Metadata

        return RuntimeMetadataParser(Metadata(input=str(Path(bitfile_name).with_suffix(".hwh"))))

    def download(self, bitstream: Any, parser: Any = None) -> None:
        """Load a bitfile: whatever was under way is gone."""
        part = bitfile_part(Path(bitstream.bitfile_name))
        if not same_part(part, self._part):
            raise RuntimeError(f"the configuration must be for {self._part}, got one for {part}")
        self._load()
        self.post_download(bitstream, parser, self.name)

    def _synchronised(self, block: Block, offset: int, size: int) -> tuple[int, int]:
        """The bytes that pynq synchronises: 3.0 those asked for, 3.1 always the whole buffer."""
        import pynq

        return (offset, size) if pynq.__version__.startswith("3.0") else (0, block.size)
