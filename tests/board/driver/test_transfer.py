# SPDX-License-Identifier: Apache-2.0
"""A stream over stub DMAs: what an emulated board is too well behaved to show."""

import time

import numpy as np
import pytest
from small import UNITS, small_contract

from board.driver.faults import Cause, Fault
from board.driver.iodma import Iodma, Register
from board.driver.transfer import UNKNOWN_PACE, Slot, Transfer
from board.driver.watermark import Watermark

FRAME_BYTES = 9


class StubBuffer(np.ndarray):
    """Memory that needs no care."""

    device_address = 0

    def flush(self) -> None:
        """Nothing to do."""

    def invalidate(self) -> None:
        """Nothing to do."""


class StubDma(Iodma):
    """A DMA that ends after so many looks, or refuses to start after so many starts."""

    def __init__(self, name: str, looks: int, starts: int, output: StubBuffer) -> None:
        self.name, self.busy, self.control = name, False, 0
        self.looks, self.left, self.starts, self.output = looks, 0, starts, output

    def start(self, address: int, frames: int) -> None:
        if not self.starts:
            raise Fault(Cause.ERROR, self.name)
        self.starts -= 1
        self.busy, self.left = True, self.looks
        self.output[:] = 1

    def ended(self) -> bool:
        self.left -= 1
        self.busy = self.left >= 0
        return not self.busy


def stub_transfer(idma_looks: int, odma_starts: int) -> tuple[Transfer, StubDma]:
    """A transfer over stubs, a frame in a batch; every result is 0x010101 without padding."""
    contract = small_contract()
    slots = [
        Slot(
            *(
                np.zeros((1, size), np.uint8).view(StubBuffer)
                for size in (contract.input_stream.frame_bytes, FRAME_BYTES)
            )
        )
        for _ in range(2)
    ]
    dmas = [StubDma("idma0", idma_looks, 9, slots[0].input[:0]), StubDma("odma0", 0, odma_starts, slots[0].output)]
    watermark = Watermark(contract.output_stream, False)
    return Transfer((dmas[0], dmas[1]), (slots[0], slots[1]), contract, time, 1.0, UNKNOWN_PACE, watermark), dmas[0]


def test_what_came_before_a_start_that_fails_is_kept() -> None:
    transfer, _ = stub_transfer(idma_looks=0, odma_starts=1)
    results = np.zeros((2, len(UNITS)), np.int64)
    with pytest.raises(Fault):
        transfer.run(np.zeros((2, 48, 48, 3), np.uint8), results)
    assert transfer.salvage() == (0, FRAME_BYTES) and transfer.frames == 1
    np.testing.assert_array_equal(results, [[0x10101] * len(UNITS), [0] * len(UNITS)])


def test_waits_for_the_input_dma_too() -> None:
    transfer, idma = stub_transfer(idma_looks=5, odma_starts=1)
    transfer.run(np.zeros((1, 48, 48, 3), np.uint8), np.zeros((1, len(UNITS)), np.int64))
    assert not idma.busy


def test_a_dma_that_is_not_idle_is_not_started() -> None:
    class Busy:
        def read(self, offset: int) -> int:
            return 1

        def write(self, offset: int, value: int) -> None:
            raise AssertionError(f"wrote {value} to {Register(offset)}")

    with pytest.raises(Fault):
        Iodma(Busy(), "idma0").start(0, 1)
