# SPDX-License-Identifier: Apache-2.0
"""The driver: refuses a foreign overlay, loads its own, streams faces, and after a fault resets and tries once more."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from board.core.contract import AcceleratorContract
from board.core.lock import locked
from board.core.weights import FILE as WEIGHTS_FILE
from board.deployment import SHELL_FILE
from board.driver.debug import DebugBlock, Watched, build_digest
from board.driver.device import (
    POWER,
    contiguous_memory,
    forget_metadata,
    loaded_overlay,
    loading_failed,
    open_pynq,
)
from board.driver.faults import Cause, Diagnosis, Fault, HangError, TransferError
from board.driver.interrupt import Line
from board.driver.iodma import Control, Iodma, Ip, describe
from board.driver.overlay import IDMA, ODMA, check_overlay
from board.driver.shell import DEBUG_BASE, IDMA_BASE, ODMA_BASE, SHELL, WEIGHTS_BASE, Window
from board.driver.transfer import UNKNOWN_PACE, Clock, Pace, Slot, Transfer
from board.driver.watermark import Watermark

WEIGHTS = "weights"
"""The weights' DMA, by name."""
LOG = logging.getLogger("auflow.driver")
FRAMES = 8
"""Of a batch: as many as the pipeline hands over at once, so that each of its calls is one transfer."""
SETTLE_S = 1e-3
"""After a change of the clock: ten times what a clock generator in the FPGA (MMCM, DS187) takes to lock to it."""
FASTER, SLOWER = 1.01, 0.9
"""Bounds of the clock that a board makes, as shares of the one that the accelerator was built for."""


@dataclass(frozen=True)
class CallTime:
    """What the last call of `accumulators` took: frames and seconds, packing and unpacking included."""

    frames: int
    seconds: float


class Driver:
    """A loaded accelerator: of one process at a time, whose threads take turns.

    Args:
        bitfile: The .bit, with its .hwh beside it, and weights.bin where weights come from memory.
        contract: accelerator.json of the same build.
        frames: Most frames of one batch; two are in flight.
        timeout_s: Longest time without a new frame before a transfer counts as hung.
        clock: Time; None takes the device's own where it has one, as an emulated board does, else the machine's.
        pace: When results are due: until then the driver sleeps.
        log: Told of every fault and recovery.

    Raises:
        ValueError: The files do not belong to the contract, see `check_overlay`.
        RuntimeError: This is no board, another process has the FPGA, pynq has another version or does not work, memory
            or the clock does not suffice.
    """

    def __init__(
        self,
        bitfile: Path,
        contract: AcceleratorContract,
        frames: int = FRAMES,
        timeout_s: float = 2.0,
        clock: Clock | None = None,
        pace: Pace = UNKNOWN_PACE,
        log: logging.Logger = LOG,
    ) -> None:
        if frames < 1:
            raise ValueError(f"need frames >= 1, got {frames}")
        if not timeout_s > 0:
            raise ValueError(f"need timeout_s > 0, got {timeout_s}")
        self._pynq = open_pynq()
        self._names = check_overlay(bitfile, contract)
        self.contract, self.log = contract, log
        self._tell_timing()
        self.frames_done = 0
        """Frames computed since the start."""
        self.last = CallTime(0, 0.0)
        self.clock: Clock = self._pynq.clock if clock is None else clock
        self._timeout_s, self._pace = timeout_s, pace
        # zero, the low end of unsigned results, would be a poor mark to begin with
        signed = contract.output_stream.signed
        self._watermarks = tuple(Watermark(contract.output_stream, high) for high in (not signed, signed))
        self._stale = True  # whether something may be under way that nobody waits for
        self._watched = Watched.read(bitfile.with_name(SHELL_FILE)) if SHELL in self._names else None
        self._debug: DebugBlock | None = None
        self._line: Line | None = None
        weights = contract.weights.read(bitfile.with_name(WEIGHTS_FILE)) if contract.weights else b""
        self._weights: Iodma | None = None
        self._turn = threading.Lock()
        with ExitStack() as starting:
            starting.enter_context(locked(self._pynq.lock, "the FPGA"))
            if self._watched and (line := self._pynq.open_line(contract.part)):
                self._line = line
                starting.callback(line.close)
            forget_metadata()
            try:
                self._overlay = self._pynq.Overlay(str(bitfile), download=False)
            except (RuntimeError, OSError) as error:
                raise RuntimeError(loading_failed(error)) from error
            self._weight_memory = self._hold_weights(weights, starting) if weights else None
            self._load()
            self._slots: tuple[Slot, ...] = self._allocate(frames)
            self._held = starting.pop_all()

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        """Stream faces through the accelerator; a thread waits while another one does.

        Args:
            faces: uint8 of shape (N, height, width, channels), any N.

        Returns:
            int64 of shape (N, elements): the output frames, see `board.executors.executor.Executor`.

        Raises:
            ValueError: The faces have another shape or type.
            TransferError: The accelerator failed twice at one frame; a HangError where it never answered.
            RuntimeError: The driver is closed, another program loaded an overlay, or ours could not be loaded again.
        """
        shape = self.contract.shape
        if faces.dtype != np.uint8 or faces.ndim != 4 or faces.shape[1:] != shape:
            raise ValueError(f"need uint8 faces of shape (N, *{shape}), got {faces.dtype} {faces.shape}")
        with self._turn:
            return self._stream(faces)

    def _stream(self, faces: np.ndarray) -> np.ndarray:
        """Output frames of faces; once more from the frame that failed."""
        if not self._slots:
            raise RuntimeError("a driver must be open, got a closed one: make a new one")
        results = np.empty((len(faces), self.contract.output_stream.elements), np.int64)
        began, first = self.clock.monotonic(), self.frames_done
        failed: int | None = None
        for watermark in cycle(self._watermarks):  # a retry uses the other one
            done = self.frames_done - first
            diagnosis = self._attempt(faces[done:], results[done:], watermark)
            if diagnosis is None:
                break
            self.log.warning("%s", diagnosis)
            if diagnosis.frame == failed:
                error = HangError if diagnosis.cause is Cause.HANG else TransferError
                raise error(diagnosis, results[: self.frames_done - first])
            failed = diagnosis.frame
            self.log.warning("loading the overlay again, going on with frame %d", failed)
        self.last = CallTime(len(faces), self.clock.monotonic() - began)
        return results

    def close(self) -> None:
        """Give the memory and the FPGA back; a transfer that was interrupted is ended first."""
        with self._turn, self._held:
            if self._slots and loaded_overlay() == self._loaded:
                if self._stale:
                    self._load()  # or the DMAs would write into memory that is no longer ours
                self._stop_weights()
            slots, self._slots = self._slots, ()
            for slot in slots:
                slot.input.freebuffer()
                slot.output.freebuffer()

    def __enter__(self) -> Driver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _attempt(self, faces: np.ndarray, results: np.ndarray, watermark: Watermark) -> Diagnosis | None:
        """Stream once; what came is counted in frames_done also after a fault."""
        self._check_loaded()
        if self._stale:
            self._load()
        self._stale = True  # until the end is reached, also past Ctrl-C
        slots = self._slots[0], self._slots[1]
        await_end = self._debug.await_end if self._debug and self._debug.interrupts else None
        transfer = Transfer(
            self._dmas, slots, self.contract, self.clock, self._timeout_s, self._pace, watermark, await_end
        )
        try:
            transfer.run(faces, results)
        except Fault as fault:
            self._check_loaded()
            for dma in self._dmas:
                if dma.busy and dma.name not in fault.dma:
                    dma.look()
            controls = ", ".join(f"{dma.name} {describe(dma.control)}" for dma in self._dmas)
            moved, expected = transfer.salvage()
            if not self._weights_failed():
                self.frames_done += transfer.frames
            stuck = self._debug.stuck() if self._debug else ""
            return Diagnosis(
                fault.cause, fault.dma, self.frames_done, expected, moved, controls, self._timeout_s, stuck
            )  # fmt: skip
        if self._weights_failed():
            return self._bad_weights(len(faces))
        self.frames_done += transfer.frames
        self._stale = False
        return None

    def _bad_weights(self, frames: int) -> Diagnosis:
        """Memory refused weights: of a call's frames none counts."""
        assert self._weights is not None
        expected, controls = frames * self.contract.output_stream.frame_bytes, describe(self._weights.control)
        return Diagnosis(
            Cause.ERROR, WEIGHTS, self.frames_done, expected, 0, f"{WEIGHTS} {controls}", self._timeout_s
        )  # fmt: skip

    def _weights_failed(self) -> bool:
        """Whether memory refused weights since loading, so that what came may be computed of others."""
        if self._weights is None:
            return False
        self._weights.look()
        return self._weights.fails

    def _check_loaded(self) -> None:
        """Refuse to touch registers that another program's overlay may have, or may not: the board would hang."""
        if (loaded := loaded_overlay()) != self._loaded:
            raise RuntimeError(
                f"the FPGA must hold this accelerator, got {loaded[0]}, which another program loaded: end that program,"
                " then start again"
            )

    def _load(self) -> None:
        """Load the overlay, which also resets whatever was under way, and set its clock.

        A debug block first ends what is under way on the bus, which loading would break off; then it tests itself.
        """
        if self._debug and not self._debug.reset():
            self.log.warning("the accelerator did not end its transfers before it was loaded again: memory is silent")
        self._debug = None
        forget_metadata()
        self._overlay.binfile_name = ""  # or pynq takes what somebody else wrote to /lib/firmware by this name
        leftover = Path("loaded.xclbin")  # of pynq 3.1, wherever the user is
        keep = leftover.exists()
        try:
            self._overlay.download()
        except (RuntimeError, OSError) as error:
            raise RuntimeError(loading_failed(error)) from error
        finally:
            self._loaded = loaded_overlay()
            if not keep:
                leftover.unlink(missing_ok=True)
        self._set_clock()
        self._dmas = (
            Iodma(self._block(IDMA, IDMA_BASE), IDMA),
            Iodma(self._block(ODMA, ODMA_BASE), ODMA),
        )
        for dma in self._dmas:
            if dma.look() != Control.IDLE:
                raise RuntimeError(
                    f"{dma.name} must be idle after loading, got ap_ctrl {describe(dma.control)}: {POWER}"
                )
        self._weights = self._start_weights()
        try:
            self._debug = self._open_debug()
        except RuntimeError:
            failed = self._weights_failed()
            self._stop_weights()
            if failed:
                raise RuntimeError(f"memory must give the weights, got an error response: {POWER}") from None
            raise
        self._stale = False

    def _block(self, dma: str, base: int) -> Ip:
        """A block of the overlay, which pynq shows below its hierarchies: a DMA, or what a shell has at base."""
        in_shell = SHELL in self._names
        ip: Ip = reduce(getattr, self._names[SHELL if in_shell else dma].split("/"), self._overlay)
        return Window(ip, base) if in_shell else ip

    def _start_weights(self) -> Iodma | None:
        """Have the weights read from now on, round and round; their DMA stops with a reset of the shell."""
        if self._weight_memory is None:
            return None
        dma = Iodma(self._block(WEIGHTS, WEIGHTS_BASE), WEIGHTS)
        dma.start(self._weight_memory.device_address, 0)
        if (word := dma.look()) != Control.START:
            raise RuntimeError(f"the weights' DMA must run after its start, got ap_ctrl {describe(word)}: {POWER}")
        return dma

    def _stop_weights(self) -> None:
        """End the reading of weights, without which neither their memory nor the FPGA may go to others."""
        if self._weights is not None:
            DebugBlock(self._block(SHELL, DEBUG_BASE), (), self.clock).reset()

    def _hold_weights(self, content: bytes, holding: ExitStack) -> Any:
        """Contiguous memory with the weights, given back when the stack ends."""
        memory = self._allocated([(len(content),)])[0]
        holding.callback(memory.freebuffer)
        memory[:] = np.frombuffer(content, np.uint8)
        memory.flush()
        return memory

    def _open_debug(self) -> DebugBlock | None:
        """The debug block, where the overlay has AUFlow's shell: of this build, its self-test passed."""
        if self._watched is None:
            return None
        block = DebugBlock(self._block(SHELL, DEBUG_BASE), self._watched.streams, self.clock)
        block.check(build_digest(self.contract))
        cycles = block.self_test()
        if cycles is not None:
            self.log.info("the self-test passed in %d cycles", cycles)
            if self._line and block.listen(self._line):
                self.log.info("its interrupt came, so transfers are waited for by interrupt")
        return block

    def _set_clock(self) -> None:
        wanted = self.contract.clock_mhz
        clocks = self._pynq.Clocks
        clocks.fclk0_mhz = wanted
        made = float(clocks.fclk0_mhz)
        if not SLOWER * wanted <= made <= FASTER * wanted:
            raise RuntimeError(
                f"the accelerator needs a clock of {wanted:g} MHz, from {SLOWER:.0%} to {FASTER:.0%} of it,"
                f" got {made:g} MHz: build for a clock that this board can make"
            )
        self.clock.sleep(SETTLE_S)
        self.log.info("the clock is %g MHz", made)

    def _tell_timing(self) -> None:
        timing = self.contract.timing
        if timing is None:
            self.log.info("nothing is known of this bitfile's timing")
        else:
            self.log.log(logging.INFO if timing.met else logging.WARNING, "%s", timing.sentence)

    def _allocate(self, frames: int) -> tuple[Slot, Slot]:
        streams = self.contract.input_stream, self.contract.output_stream
        buffers = self._allocated([(frames, stream.frame_bytes) for stream in streams * 2])
        return Slot(buffers[0], buffers[1]), Slot(buffers[2], buffers[3])

    def _allocated(self, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
        """Contiguous memory of some shapes, bytes, or none of it."""
        buffers: list[Any] = []
        try:
            for shape in shapes:
                buffers.append(self._pynq.allocate(shape, np.uint8, cacheable=1))
        except (RuntimeError, MemoryError, OSError) as error:
            for buffer in buffers:
                buffer.freebuffer()
            needed = sum(map(math.prod, shapes))
            what = f"batches of {shapes[0][0]} frames need" if len(shapes) > 1 else "the weights need"
            raise RuntimeError(
                f"{what} {needed} bytes of contiguous memory, got {str(error) or 'less'}"
                f" ({contiguous_memory()}): close notebooks and programs that hold pynq buffers, or restart the board"
            ) from error
        return buffers
