# SPDX-License-Identifier: Apache-2.0
"""The verilated shell as the board's fabric: its registers are the RTL's own, and memory answers its bursts."""

from __future__ import annotations

import numpy as np

from board.driver.shell import SHELL
from board.emulator.memory import Memory
from board.simulation.harness import Simulation

CHUNK_CYCLES = 16
"""Between looks at memory's channels: so long a burst waits at most, as it does for a real memory."""
LONGEST_ACCESS = 8
"""Cycles until the slave takes an address or data, or answers."""
OKAY, SLVERR = 0, 2
_LENGTH_BITS = 8
WEIGHT_REQUESTS, WEIGHT_ANSWERS = "m_axis_weights_ar", "s_axis_weights_r"
LAST = 1 << 2
"""Behind the response of the weights' port."""


class LitePort:
    """The registers behind the shell's AXI-Lite slave; every access takes the cycles that the bus takes.

    Args:
        simulation: Of the shell.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def read(self, offset: int) -> int:
        """Read a register."""
        self._poke(araddr=offset, arvalid=1)
        self._pass("arready")
        self._poke(arvalid=0, rready=1)
        value = self._pass("rvalid", "rdata")
        self._poke(rready=0)
        return value

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        self._poke(awaddr=offset, awvalid=1)
        self._pass("awready")
        self._poke(awvalid=0, wdata=value, wstrb=15, wvalid=1)
        self._pass("wready")
        self._poke(wvalid=0, bready=1)
        self._pass("bvalid")
        self._poke(bready=0)

    def _poke(self, **signals: int) -> None:
        for signal, value in signals.items():
            self._simulation.poke(f"s_axi_{signal}", value)

    def _pass(self, signal: str, shown: str = "") -> int:
        """Let cycles pass up to the one in which a signal is up; what another one shows then."""
        for _ in range(LONGEST_ACCESS):
            up = self._simulation.peek(f"s_axi_{signal}")
            value = self._simulation.peek(f"s_axi_{shown}") if shown else 0
            self._simulation.step(1)
            if up:
                return value
        raise RuntimeError(f"the shell must answer within {LONGEST_ACCESS} cycles, got none: s_axi_{signal} is down")


class RtlFabric:
    """The programmable logic as RTL: DMAs, debug block and accelerator, with memory behind their bursts.

    Args:
        simulation: Of `shell_emulated`, see hls_build/shell/spec.py; closed by its owner.
        memory: What the DMAs read and write.
        word_bytes: Of the shell's memory port.
        addr_bits: Of its addresses.
    """

    def __init__(self, simulation: Simulation, memory: Memory, word_bytes: int = 8, addr_bits: int = 32) -> None:
        self.registers = LitePort(simulation)
        """What is behind the shell's AXI-Lite slave, see board.driver.shell."""
        self.silent = False
        """Whether memory answers nothing any more."""
        self.refuses = False
        """Whether memory answers everything with an error."""
        self._simulation, self._memory, self._word, self._addr_bits = simulation, memory, word_bytes, addr_bits
        self.reset()

    @property
    def blocks(self) -> dict[str, LitePort]:
        """What the processor reaches, by its name in the block design."""
        return {SHELL: self.registers}

    @property
    def interrupts(self) -> bool:
        """Whether the line to the processor is up."""
        return bool(self._simulation.peek("interrupt_o"))

    def reset(self) -> None:
        """As after loading a bitfile: everything under way is gone."""
        self._simulation.reset()
        self._burst = (0, 0)  # address and words of the burst that is being written
        weights = WEIGHT_REQUESTS in self._simulation.streams
        for stream in ("s_axis_r", "s_axis_b", *([WEIGHT_ANSWERS] if weights else [])):
            self._simulation.feed(stream, np.empty((0, self._simulation.beat_bytes(stream)), np.uint8))
        self._readers = {"m_axis_ar": "s_axis_r", **({WEIGHT_REQUESTS: WEIGHT_ANSWERS} if weights else {})}
        for stream, beats in (*((requests, 1) for requests in self._readers), ("m_axis_aw", 1), ("m_axis_w", 0)):
            self._simulation.expect(stream, beats)

    def step(self, cycles: int) -> None:
        """Let time pass."""
        end = self._simulation.cycle + cycles
        while (left := end - self._simulation.cycle) > 0:
            if self.silent:
                self._simulation.idle(left)
            else:
                self._simulation.step(min(left, CHUNK_CYCLES))
                self._answer()

    def unlock(self) -> None:
        """The clock changes, which this model does at once."""

    def _answer(self) -> None:
        """Memory's part: take what the shell asks for and give what it waits for."""
        for requests, answers in self._readers.items():
            for address, words in self._bursts(requests):
                data, response = self._given(address, words * self._word)
                beats = np.zeros((words, self._simulation.beat_bytes(answers)), np.uint8)
                beats[:, : self._word] = data.reshape(words, self._word)
                beats[:, self._word] = response
                beats[-1, self._word] |= LAST * (answers == WEIGHT_ANSWERS)
                self._simulation.feed(answers, beats)
        for burst in self._bursts("m_axis_aw"):
            self._burst = burst
            self._simulation.expect("m_axis_w", burst[1])
        taken = self._simulation.take("m_axis_w")[0]
        if len(taken) and len(taken) == self._burst[1]:
            self._write(self._burst[0], taken.copy())
            self._simulation.expect("m_axis_w", 0)

    def _given(self, address: int, size: int) -> tuple[np.ndarray, int]:
        """What memory answers a burst that reads: bytes and response."""
        if self.refuses:
            return np.zeros(size, np.uint8), SLVERR
        return self._memory.read(address, size), OKAY

    def _write(self, address: int, words: np.ndarray) -> None:
        """Write a burst's bytes where their strobes are up, and answer it."""
        data = words[:, : self._word].ravel()
        strobes = np.unpackbits(words[:, self._word :], axis=1, bitorder="little")[:, : self._word].ravel()
        written = np.flatnonzero(strobes)
        if not self.refuses:
            first, last = int(written[0]), int(written[-1]) + 1  # a frame's bytes are contiguous
            self._memory.write(address + first, data[first:last])
        self._simulation.feed("s_axis_b", np.array([[self._response]], np.uint8))

    @property
    def _response(self) -> int:
        return SLVERR if self.refuses else OKAY

    def _bursts(self, stream: str) -> list[tuple[int, int]]:
        """Address and words of the bursts that were asked for since the last call."""
        taken = self._simulation.take(stream)[0]
        if not len(taken):
            return []
        value = int.from_bytes(taken[0].tobytes(), "little")
        self._simulation.expect(stream, 1)
        return [(value & (1 << self._addr_bits) - 1, (value >> self._addr_bits & (1 << _LENGTH_BITS) - 1) + 1)]
