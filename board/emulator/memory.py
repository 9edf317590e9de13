# SPDX-License-Identifier: Apache-2.0
"""Memory that DMAs and the processor see differently until caches are flushed and invalidated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PAGE_BYTES, LINE_BYTES = 4096, 32
"""Of a Cortex-A9."""


@dataclass(frozen=True)
class Block:
    """Contiguous memory that was handed out: bytes from `start`, within the memory."""

    start: int
    size: int
    cacheable: bool


class Memory:
    """The contiguous part of a board's DRAM, and the processor's cached view of it.

    What the processor writes stays in its cache until flushed; what a DMA writes stays unseen until invalidated. A line
    that is dirty when a DMA writes to it is evicted afterwards, as happens sooner or later: the DMA's data are lost.

    Args:
        base: Physical address.
        size: Bytes.
    """

    def __init__(self, base: int, size: int) -> None:
        self.base, self.size = base, size
        self.dram = np.full(size, 0xA5, np.uint8)
        self.cache = np.full(size, 0x5C, np.uint8)
        self._clean = self.cache.copy()  # the cache after its last synchronisation
        self._blocks: dict[int, Block] = {}

    @property
    def used(self) -> int:
        """Bytes handed out."""
        return sum(block.size for block in self._blocks.values())

    def allocate(self, size: int, cacheable: bool) -> Block:
        """Hand whole pages out, the first gap that is large enough.

        Raises:
            RuntimeError: No gap is, in pynq's words.
        """
        need = -(-size // PAGE_BYTES) * PAGE_BYTES
        start = 0
        for block in sorted(self._blocks.values(), key=lambda block: block.start):
            if block.start - start >= need:
                break
            start = block.start + block.size
        if start + need > self.size:
            raise RuntimeError("Allocate failed: 4294967295")
        self._blocks[start] = Block(start, need, cacheable)
        return self._blocks[start]

    def release(self, block: Block) -> None:
        """Take a block back."""
        del self._blocks[block.start]

    def flush(self, block: Block, offset: int, size: int) -> None:
        """Write the processor's lines to memory."""
        if block.cacheable:
            where = _lines(block.start + offset, size)
            self.dram[where] = self._clean[where] = self.cache[where]

    def invalidate(self, block: Block, offset: int, size: int) -> None:
        """Forget the processor's lines, so that it reads memory anew."""
        if block.cacheable:
            where = _lines(block.start + offset, size)
            self.cache[where] = self._clean[where] = self.dram[where]

    def read(self, address: int, size: int) -> np.ndarray:
        """What a DMA reads."""
        return self.dram[self._slice(address, size)].copy()

    def write(self, address: int, data: np.ndarray) -> None:
        """What a DMA writes."""
        where = self._slice(address, len(data))
        self.dram[where] = data
        lines = _lines(where.start, len(data))
        dirty = (self.cache[lines] != self._clean[lines]).reshape(-1, LINE_BYTES).any(axis=1).repeat(LINE_BYTES)
        evicted = self.cache[lines][dirty]
        self.dram[lines][dirty] = evicted
        self._clean[lines][dirty] = evicted

    def _slice(self, address: int, size: int) -> slice:
        start = address - self.base
        for block in self._blocks.values():
            if block.start <= start and start + size <= block.start + block.size:
                return slice(start, start + size)
        raise RuntimeError(f"a DMA must stay within allocated memory, got {size} bytes at {address:#x}")


def _lines(start: int, size: int) -> slice:
    """The cache lines that hold some bytes."""
    return slice(start // LINE_BYTES * LINE_BYTES, -(-(start + size) // LINE_BYTES) * LINE_BYTES)
