# SPDX-License-Identifier: Apache-2.0
"""Stream pictures through the accelerator in batches, two in flight, while the host packs and unpacks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from board.core.contract import AcceleratorContract
from board.driver.faults import Cause, Fault
from board.driver.iodma import Iodma
from board.driver.watermark import Watermark

POLL_S, LONGEST_POLL_S = 1e-4, 1e-2
"""Bounds of the time between looks at a DMA that is late: short beside a frame, long enough for other threads."""
PATIENCE = 1 / 16
"""Of the time by which a DMA is late, how much passes until the next look."""


class Clock(Protocol):
    """Time as the module `time` gives it; an emulated board has its own."""

    def monotonic(self) -> float:
        """Seconds since some moment."""

    def sleep(self, seconds: float, /) -> None:
        """Let so many seconds pass."""


@dataclass(frozen=True)
class Pace:
    """When results are due.

    Attributes:
        first_out_s: From the start of a frame's transfer to its result.
        interval_s: Between successive frames at full rate.
    """

    first_out_s: float
    interval_s: float


UNKNOWN_PACE = Pace(0.0, 0.0)
"""Everything is late from the start, so looks become rarer the longer a batch takes."""


@dataclass(frozen=True)
class Slot:
    """Contiguous memory for one batch: pynq buffers of uint8, of shape (frames, frame_bytes)."""

    input: Any
    output: Any


@dataclass
class BatchCounts:
    """How many batches each stage has behind it, in the order of the stages.

    Attributes:
        prepared: Packed into memory, its place for results marked.
        sent: Input DMA started.
        taken: Input DMA ended.
        armed: Output DMA started.
        received: Output DMA ended.
        delivered: Unpacked into the results.
    """

    prepared: int = 0
    sent: int = 0
    taken: int = 0
    armed: int = 0
    received: int = 0
    delivered: int = 0


class Transfer:
    """One attempt to stream pictures; after a fault the overlay must be loaded again and a new attempt made.

    Args:
        dmas: For input and for output, idle.
        slots: Memory of two batches.
        contract: Packing of both streams.
        clock: Time.
        timeout_s: Longest time without a new frame.
        pace: When to look.
        watermark: Which marks to use.
        await_end: Sleeps until a DMA ended, at most so many seconds, and says whether one did: by interrupt. None looks
            when a DMA is due.
    """

    def __init__(
        self,
        dmas: tuple[Iodma, Iodma],
        slots: tuple[Slot, Slot],
        contract: AcceleratorContract,
        clock: Clock,
        timeout_s: float,
        pace: Pace,
        watermark: Watermark,
        await_end: Callable[[float], bool] | None = None,
    ) -> None:
        self._idma, self._odma = dmas
        self._slots = slots
        self._input, self._output = contract.input_stream, contract.output_stream
        self._clock, self._timeout_s, self._pace, self._watermark = clock, timeout_s, pace, watermark
        self._await_end, self._told = await_end, False  # whether an interrupt came since the DMAs were asked
        self._size = len(slots[0].input)
        self._at = BatchCounts()
        self._deadline, self._seen = 0.0, 0
        self._taken_at = 0.0  # when the input DMA should end
        self._received_at = [0.0] * len(slots)  # when the output DMA should end, by slot
        self.frames = 0
        """Frames delivered."""

    def run(self, faces: np.ndarray, results: np.ndarray) -> None:
        """Compute results, int64 (N, elements), of faces, uint8 (N, H, W, C).

        Raises:
            Fault: The transfer failed; `salvage` tells what came.
        """
        self._faces, self._results = faces, results
        batches = -(-len(faces) // self._size)
        self._extend()
        while min(self._at.delivered, self._at.taken) < batches:
            late = self._clock.monotonic() > self._deadline  # before the DMAs are asked, lest a pause pass for a hang
            before = BatchCounts(**vars(self._at))
            self._ask(late)
            self._start()
            if self._at != before:
                self._extend()
            if not self._work(batches) and self._at == before:
                self._wait(late)

    def salvage(self) -> tuple[int, int]:
        """After a fault, deliver the frames that came; bytes moved and expected of the first batch that did not.

        Of a batch whose input memory refused to give, or whose frames lost their alignment, none is delivered.
        """
        while self._at.delivered < self._at.received:
            self._deliver(self._at.delivered)
        if self._at.armed == self._at.received:
            return 0, self._output.frame_bytes * len(self._batch(self._at.received))
        frames = self._look(self._at.received)
        if not self._is_doubtful:
            self._unpack(frames[: self._watermark.whole_frames(frames)])
        return self._watermark.moved_bytes(frames), frames.size

    @property
    def _is_doubtful(self) -> bool:
        """Whether what came of the batch that is being received may be computed of other frames."""
        return (self._idma.fails and self._at.taken <= self._at.received) or self._odma.is_misaligned

    def _ask(self, late: bool) -> None:
        """See which DMA ended, of those that are due; of all where nothing came for long.

        What came counts only once its input is known to have been read well.
        """
        at, now = self._at, self._clock.monotonic()
        due = [late or self._told or now >= moment for moment in self._due()]
        self._told = False
        if at.sent > at.taken and (due[0] or (due[1] and at.taken == at.received)):
            at.taken += self._idma.ended()
        if at.armed > at.received and due[1] and self._odma.ended():
            frames = self._look(at.received)
            if self._watermark.whole_frames(frames) < len(frames):
                raise Fault(Cause.SHORT, self._odma.name)
            at.received += 1

    def _start(self) -> None:
        """Start each DMA that is idle and has a batch, the receiving one first."""
        at = self._at
        if at.armed == at.received and at.armed < at.prepared:
            self._odma.start(self._slot(at.armed).output.device_address, len(self._batch(at.armed)))
            at.armed += 1
        if at.sent == at.taken and at.sent < at.prepared:
            frames, now = len(self._batch(at.sent)), self._clock.monotonic()
            self._idma.start(self._slot(at.sent).input.device_address, frames)
            self._taken_at = now + frames * self._pace.interval_s
            last_s = self._pace.first_out_s + (frames - 1) * self._pace.interval_s
            self._received_at[at.sent % len(self._slots)] = now + last_s
            at.sent += 1

    def _due(self) -> tuple[float, float]:
        """When the input and the output DMA should end; never where none is under way."""
        at = self._at
        return (
            self._taken_at if at.sent > at.taken else math.inf,
            self._received_at[at.received % len(self._slots)] if min(at.armed, at.sent) > at.received else math.inf,
        )

    def _work(self, batches: int) -> bool:
        """The host's part, while the DMAs run: unpack one batch or else pack one."""
        at = self._at
        if at.delivered < at.received:
            self._deliver(at.delivered)
            return True
        if at.prepared < batches and at.prepared - min(at.taken, at.delivered) < len(self._slots):
            self._prepare(at.prepared)
            return True
        return False

    def _prepare(self, batch: int) -> None:
        faces, slot = self._batch(batch), self._slot(batch)
        count = len(faces)
        packed = self._input.lane_rule.pack(faces)
        slot.input[:count] = packed.reshape(count, -1)
        slot.input[:count].flush()
        self._watermark.fill(slot.output[:count])
        slot.output[:count].flush()
        self._at.prepared += 1

    def _deliver(self, batch: int) -> None:
        self._unpack(self._slot(batch).output.view(np.ndarray)[: len(self._batch(batch))])
        self._at.delivered += 1

    def _unpack(self, frames: np.ndarray) -> None:
        beats = frames.reshape(-1, self._output.bytes_per_beat)
        values = self._output.lane_rule.unpack(beats).reshape(len(frames), self._output.elements)
        self._results[self.frames : self.frames + len(frames)] = values
        self.frames += len(frames)

    def _look(self, batch: int) -> np.ndarray:
        """What memory holds of a batch's results."""
        output = self._slot(batch).output[: len(self._batch(batch))]
        output.invalidate()
        seen: np.ndarray = output.view(np.ndarray)
        return seen

    def _wait(self, late: bool) -> None:
        """Sleep until a DMA is due or tells its end, or find that nothing comes any more."""
        if not late:
            now = self._clock.monotonic()
            if self._await_end:
                self._told = self._await_end(max(self._deadline - now, 0) + POLL_S)
                return
            overdue = now - min(self._due())
            nap = -overdue if overdue < 0 else min(max(POLL_S, overdue * PATIENCE), LONGEST_POLL_S)
            self._clock.sleep(min(nap, max(self._deadline - now, 0) + POLL_S))
            return
        came = self._watermark.whole_frames(self._look(self._at.received)) if self._at.armed > self._at.received else 0
        if came <= self._seen:
            names = [dma.name for dma in (self._idma, self._odma) if dma.busy]
            raise Fault(Cause.HANG, " and ".join(names))
        self._extend(came)

    def _extend(self, seen: int = 0) -> None:
        """Something moved: wait for the next thing from now on."""
        self._deadline, self._seen = self._clock.monotonic() + self._timeout_s, seen

    def _batch(self, batch: int) -> np.ndarray:
        return self._faces[batch * self._size : (batch + 1) * self._size]

    def _slot(self, batch: int) -> Slot:
        return self._slots[batch % len(self._slots)]
