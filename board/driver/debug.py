# SPDX-License-Identifier: Apache-2.0
"""The shell's debug block as the processor sees it; hls_build/shell/rtl/debug.sv says what each register means."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from pathlib import Path

from board.core.contract import AcceleratorContract
from board.core.reading import parsing, read_json
from board.core.stuck import sentence, stuck_streams
from board.driver.interrupt import Line
from board.driver.iodma import Ip
from board.driver.transfer import POLL_S, Clock

IDENTITY = 0x41554631
"""What ID reads as."""


class Debug(IntEnum):
    """Byte offsets; DIGEST is eight words, VALID and READY have a bit per stream, BEATS and STALLS come in pairs."""

    ID = 0x000
    FEATURES = 0x004
    COUNTS = 0x008
    CONTROL = 0x00C
    STATUS = 0x010
    ENABLE = 0x014
    PENDING = 0x018
    QUIET = 0x01C
    DIGEST = 0x020
    FRAMES_IN = 0x040
    FRAMES_OUT = 0x044
    FAULT = 0x048
    FAULT_FRAME = 0x04C
    FAULT_BEAT = 0x050
    TEST_CRC = 0x054
    TEST_EXPECTED = 0x058
    TEST_CYCLES = 0x05C
    VALID = 0x080
    READY = 0x0C0
    BEATS = 0x1000
    STALLS = 0x1004
    FILL = 0x2000


class Feature(IntFlag):
    """Bits of FEATURES: what the shell has."""

    CHECK = 1
    SELF_TEST = 2
    COUNTERS = 4
    WEIGHTS = 8


class Command(IntFlag):
    """Bits of CONTROL."""

    RESET = 1
    CLEAR = 2
    TEST = 4
    FENCE = 8


class Status(IntFlag):
    """Bits of STATUS."""

    RESETTING = 1
    TESTING = 2
    TESTED = 4
    PASSED = 8
    OWED = 0x10
    QUIET = 0x20
    IDMA_BUSY = 0x40
    ODMA_BUSY = 0x80
    IDMA_ERROR = 0x100
    ODMA_ERROR = 0x200
    WEIGHTS_BUSY = 0x400
    WEIGHTS_ERROR = 0x800


class Interrupt(IntFlag):
    """Bits of ENABLE and PENDING."""

    IDMA_ENDED = 1
    ODMA_ENDED = 2
    FAULT = 4
    TESTED = 8


class Fault(IntEnum):
    """What FAULT reads as."""

    NONE = 0
    INPUT_SHORT = 1
    INPUT_LONG = 2
    OUTPUT_EXTRA = 3
    OUTPUT_MISSING = 4


FAULTS = {
    Fault.INPUT_SHORT: "a beat was lost on the way in",
    Fault.INPUT_LONG: "a beat came twice on the way in",
    Fault.OUTPUT_EXTRA: "a beat came out that no frame owes",
    Fault.OUTPUT_MISSING: "a beat was lost on the way through",
}
INPUT, OUTPUT = "in0", "out0"
"""Names of the accelerator's own streams, as the simulator calls them."""
TEST_S, RESET_S = 1.0, 1e-3
"""Longest self-test, of a frame that takes milliseconds, and longest reset: memory answers in microseconds."""
PROOF_S = 0.01
"""In which an interrupt arrives that is up already."""
_ENDS, _ALL = Interrupt.IDMA_ENDED | Interrupt.ODMA_ENDED, Interrupt(15)


@dataclass(frozen=True)
class Watched:
    """What a shell watches, as shell.json tells it.

    Attributes:
        streams: Inner streams, in the order of their bits.
        fifos: FIFOs whose highest fill is told.
    """

    streams: tuple[str, ...]
    fifos: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Watched:
        """Read shell.json.

        Raises:
            ValueError: It is missing or broken.
        """
        what, remedy = "what the shell watches", "use the files of one build"
        content = read_json(path, what, remedy)
        with parsing(path, what, remedy):
            return cls(tuple(map(str, content["streams"])), tuple(map(str, content["fifos"])))


def build_digest(contract: AcceleratorContract) -> str:
    """sha256 that names a build: of its contract, the bitfile's own digest and timing left out."""
    content = json.dumps(contract.with_bitfile(None).as_json(), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


class DebugBlock:
    """The debug block of a loaded shell.

    Args:
        ip: Its registers.
        streams: Names of the inner streams, in the order of their bits; the input and the output are added.
        clock: Time.
    """

    def __init__(self, ip: Ip, streams: Sequence[str], clock: Clock) -> None:
        self._ip, self._clock = ip, clock
        self.streams = (INPUT, *streams, OUTPUT)
        self._line: Line | None = None

    def check(self, digest: str) -> None:
        """Hold it to the build that a contract names.

        Args:
            digest: sha256, 64 hexadecimal digits.

        Raises:
            RuntimeError: It is no debug block, or one of another build.
        """
        identity = self._read(Debug.ID)
        if identity != IDENTITY:
            raise RuntimeError(f"the debug block must read {IDENTITY:#010x}, got {identity:#010x}: build again")
        found = "".join(f"{self._read(Debug.DIGEST + 4 * word):08x}" for word in range(8))
        if found != digest:
            raise RuntimeError(f"the FPGA must hold build {digest[:12]}, got {found[:12]}: use the files of one build")
        if (count := self._read(Debug.COUNTS) & 0xFFFF) != len(self.streams):
            raise RuntimeError(f"the debug block must watch {len(self.streams)} streams, got {count}: build again")

    def self_test(self, timeout_s: float = TEST_S) -> int | None:
        """Let the stored frame through; cycles that it took, or None where the shell has no self-test.

        Raises:
            RuntimeError: The answer is wrong, or does not come.
        """
        if not self._read(Debug.FEATURES) & Feature.SELF_TEST:
            return None
        self._ip.write(Debug.CONTROL, int(Command.TEST))
        status = self._await(Status.TESTED, True, timeout_s)
        if not status & Status.TESTED:
            raise RuntimeError(f"the self-test must end, got no answer in {timeout_s:g} s: {self.stuck()}")
        if not status & Status.PASSED:
            crc, expected = self._read(Debug.TEST_CRC), self._read(Debug.TEST_EXPECTED)
            raise RuntimeError(
                f"the self-test's answer must have CRC {expected:08x}, got {crc:08x}: the accelerator computes wrongly;"
                " build for a lower clock, or load it again"
            )
        return self._read(Debug.TEST_CYCLES)

    def listen(self, line: Line) -> bool:
        """Whether the interrupt of the self-test that just ended arrives by a line: then `await_end` works from now on.

        A line that is up without it tells of something else.
        """
        self._ip.write(Debug.ENABLE, 0)
        quiet = not (line.wait(0.0) and line.wait(0.0))  # Linux may still hold an interrupt of before
        self._ip.write(Debug.ENABLE, int(Interrupt.TESTED))
        came = quiet and line.wait(PROOF_S)
        self._ip.write(Debug.PENDING, int(_ALL))
        self._ip.write(Debug.ENABLE, int(_ENDS) if came else 0)
        self._line = line if came else None
        return came

    @property
    def interrupts(self) -> bool:
        """Whether `await_end` works."""
        return self._line is not None

    def await_end(self, timeout_s: float) -> bool:
        """Sleep until a DMA ended since the last call, at most so long; whether one did, or may have."""
        assert self._line is not None, "listen comes first"
        came = self._line.wait(timeout_s)
        if came:
            self._ip.write(Debug.PENDING, int(_ENDS))  # before the DMAs are asked, so that no later end is lost
        return came

    def reset(self, timeout_s: float = RESET_S) -> bool:
        """End what is under way and reset the accelerator; whether that came to its end."""
        self._ip.write(Debug.CONTROL, int(Command.RESET))
        return not self._await(Status.RESETTING, False, timeout_s) & Status.RESETTING

    def states(self) -> list[tuple[str, bool, bool]]:
        """Name, valid and ready of every stream now."""
        words = range(-(-len(self.streams) // 32))
        valid, ready = (
            sum(self._read(first + 4 * word) << 32 * word for word in words) for first in (Debug.VALID, Debug.READY)
        )
        return [(name, bool(valid >> bit & 1), bool(ready >> bit & 1)) for bit, name in enumerate(self.streams)]

    def beats(self) -> dict[str, int]:
        """Beats of every stream since its counters were cleared."""
        return {name: self._read(Debug.BEATS + 8 * bit) for bit, name in enumerate(self.streams)}

    def stuck(self) -> str:
        """Which stream is stuck, in a clause, as the simulator says it; and a frame that lost its alignment."""
        if stuck := stuck_streams(self.states()):
            counted = self._read(Debug.FEATURES) & Feature.COUNTERS
            clause = sentence(stuck, self.beats()[stuck[-1]] if counted else None)
        else:
            status = self._read(Debug.STATUS)
            missing = OUTPUT if status & Status.OWED else INPUT if status & Status.IDMA_BUSY else ""
            clause = f"stream '{missing}' is stuck: never valid" if missing else "no stream is stuck"
        return "; ".join([clause, *([fault] if (fault := self.fault()) else [])])

    def fault(self) -> str:
        """The fault of a frame's beats, in a clause; empty where there is none."""
        code = self._read(Debug.FAULT)
        if not code:
            return ""
        known = {int(fault): text for fault, text in FAULTS.items()}
        frame, beat = self._read(Debug.FAULT_FRAME), self._read(Debug.FAULT_BEAT)
        return f"{known.get(code, f'fault {code}')} in frame {frame} since the last reset, noticed at beat {beat}"

    def _await(self, bit: Status, up: bool, timeout_s: float) -> int:
        """STATUS once a bit of it is up or down, or after a time."""
        end = self._clock.monotonic() + timeout_s
        while bool((status := self._read(Debug.STATUS)) & bit) != up and self._clock.monotonic() < end:
            self._clock.sleep(POLL_S)
        return status

    def _read(self, register: int) -> int:
        return int(self._ip.read(int(register)))
