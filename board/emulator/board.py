# SPDX-License-Identifier: Apache-2.0
"""The emulated board: it takes pynq's place for a real one while it is open."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from board.core.contract import AcceleratorContract
from board.core.parts import is_zynqmp, memory_port
from board.emulator.accelerators import Accelerator
from board.emulator.device import EmulatedDevice
from board.emulator.faults import Fault
from board.emulator.iodma import Fabric
from board.emulator.memory import Memory
from board.emulator.overlay import block_bases
from board.emulator.registers import Bus, Peripheral, zynq_clocks, zynqmp_clocks
from board.emulator.shell import CHUNK_CYCLES, RtlFabric
from board.simulation.harness import Simulation

ZYNQ_MEMORY, ZYNQMP_MEMORY = 0x16800000, 0x8_0010_0000
"""Where contiguous memory begins; a Zynq UltraScale+ may have it above 4 GiB."""


class EmulatedClock:
    """Time on the board, in seconds; sleeping lets it pass.

    Args:
        board: Whose time.
    """

    def __init__(self, board: EmulatedBoard) -> None:
        self._board = board

    def monotonic(self) -> float:
        """Seconds since the board was made."""
        return self._board.cycles / (1e6 * self._board.contract.clock_mhz)

    def sleep(self, seconds: float, /) -> None:
        """Let so many seconds pass on the board."""
        self._board.advance(math.ceil(seconds * 1e6 * self._board.contract.clock_mhz))


class EmulatedLine:
    """The interrupt line from the FPGA; waiting lets time pass on the board.

    Args:
        board: Whose line; that of a board with FINN's DMAs is never up.
    """

    def __init__(self, board: EmulatedBoard) -> None:
        self._board = board

    def wait(self, timeout_s: float) -> bool:
        """Let time pass until the line is up, at most so long; whether it is."""
        logic, end = self._board.logic, self._board.clock.monotonic() + timeout_s
        while not (up := isinstance(logic, RtlFabric) and logic.interrupts) and self._board.clock.monotonic() < end:
            self._board.advance(CHUNK_CYCLES)
        return up

    def close(self) -> None:
        """Nothing to do."""


class EmulatedBoard:
    """A board with an accelerator, for pynq and whatever uses it; a context manager.

    Time passes with every access to a register and with `clock.sleep`, never otherwise: a run is the same every time.

    Args:
        contract: Of the accelerator.
        accelerator: What computes between models of FINN's DMAs; or a simulation of the accelerator in AUFlow's shell,
            see hls_build.shell.spec.emulated_text.
        faults: What goes wrong with the models.
        contiguous_bytes: Memory for buffers.
        cycles_per_access: Cycles that an access to a register takes: pynq needs about 10 us for one on a Zynq-7000.
    """

    def __init__(
        self,
        contract: AcceleratorContract,
        accelerator: Accelerator | Simulation,
        faults: Sequence[Fault] = (),
        contiguous_bytes: int = 1 << 20,
        cycles_per_access: int = 1000,
    ) -> None:
        zynqmp = is_zynqmp(contract.part)
        self.contract = contract
        self.memory = Memory(ZYNQMP_MEMORY if zynqmp else ZYNQ_MEMORY, contiguous_bytes)
        self.logic: Fabric | RtlFabric
        """The programmable logic."""
        if isinstance(accelerator, Simulation):
            self.logic = RtlFabric(accelerator, self.memory, *memory_port(contract.part))
        else:
            self.logic = Fabric(contract, accelerator, self.memory, faults)
        self.cycles = 0
        """Cycles that passed since the board was made."""
        self.loads = 0
        """How often a bitfile was loaded."""
        self.clock = EmulatedClock(self)
        clocks = zynqmp_clocks if zynqmp else zynq_clocks
        self._peripherals: dict[int, Peripheral] = clocks(self.logic.unlock)
        self.bus = Bus(self._peripherals, lambda: self.advance(cycles_per_access))
        self._before: dict[str, Any] = {}

    @property
    def fabric(self) -> Fabric:
        """The programmable logic of a board with FINN's DMAs."""
        assert isinstance(self.logic, Fabric), "FINN's DMAs are models"
        return self.logic

    def advance(self, cycles: int) -> None:
        """Let time pass."""
        self.cycles += cycles
        self.logic.step(cycles)

    def load(self) -> None:
        """What loading a bitfile does: registers answer, everything under way is gone."""
        self.loads += 1
        self.logic.reset()
        blocks = self.logic.blocks
        bases = block_bases(self.contract.part, tuple(blocks))
        self._peripherals.update({bases[name]: block for name, block in blocks.items()})

    def __enter__(self) -> EmulatedBoard:
        """Become pynq's active device.

        Raises:
            RuntimeError: pynq is not installed.
        """
        try:
            import pynq
            from pynq.pl_server.device import Device
        except ImportError as error:
            raise RuntimeError(f"an emulated board needs pynq, got {error}: scripts/setup.sh board") from None
        self._folder = tempfile.TemporaryDirectory(prefix="auflow-emulated-")
        device = EmulatedDevice(
            self.contract.part, self.bus, self.memory, self.clock, self.load, Path(self._folder.name, "lock"),
            EmulatedLine(self),
        )  # fmt: skip
        # what pynq keeps between calls: the devices, the machine's kind (3.0), the clocks' device (3.1) and registers
        self._places = ((Device, "_active_device"), (Device, "_devices"), (pynq.ps, "CPU_ARCH"),
                        (pynq.Clocks, "device"), (pynq.Clocks, "_real_instance"))  # fmt: skip
        self._before = {name: vars(place)[name] for place, name in self._places if name in vars(place)}
        Device._active_device, Device._devices = device, [device]
        pynq.ps.CPU_ARCH = device.arch
        pynq.Clocks.device = device
        if "_real_instance" in self._before:
            del pynq.Clocks._real_instance
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give pynq back what it had."""
        self._folder.cleanup()
        for place, name in self._places:
            if name in self._before:
                setattr(place, name, self._before[name])
            elif name in vars(place):
                delattr(place, name)
