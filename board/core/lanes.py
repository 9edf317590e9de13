# SPDX-License-Identifier: Apache-2.0
"""Convert between integers in lanes and the packed little-endian bytes of stream beats, for any width."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from board.core.arrays import Bytes, Integers

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

_CHUNK = 1 << 15
"""Beats per step of the bit-by-bit path, which takes one byte of memory per bit."""


@dataclass(frozen=True)
class Lanes:
    """How the beats of one stream carry integers: lane 0 least significant, channel fastest.

    Attributes:
        lanes: Integers per beat.
        bits: Bits per integer, 1 to 63.
        signed: Whether lanes are two's complement.
    """

    lanes: int
    bits: int
    signed: bool = False

    def __post_init__(self) -> None:
        if self.lanes < 1:
            raise ValueError(f"need lanes >= 1, got lanes={self.lanes}")
        if not 1 <= self.bits <= 63:
            raise ValueError(f"need 1 <= bits <= 63, got bits={self.bits}")

    @property
    def width(self) -> int:
        """Bits per beat, unpadded."""
        return self.lanes * self.bits

    @property
    def beat_bytes(self) -> int:
        """Bytes per beat; the last one is padded with zero bits."""
        return -(-self.width // 8)

    def pack(self, values: Integers) -> Bytes:
        """Pack integers into beats.

        Args:
            values: Integers of any shape, lanes fastest.

        Returns:
            Beats of shape (values.size / lanes, beat_bytes), uint8.

        Raises:
            ValueError: Values do not fill whole beats, or one does not fit its lane.
        """
        values = np.asarray(values)
        if values.size % self.lanes:
            raise ValueError(f"need a multiple of {self.lanes} values, got {values.size}")
        self._check(values)
        codes = values.reshape(-1, self.lanes) & ((1 << self.bits) - 1)
        if self.bits in (8, 16, 32):
            return codes.astype(f"<u{self.bits // 8}").view(np.uint8).reshape(len(codes), -1)
        if 8 % self.bits == 0:
            return self._pack_bytes(codes.astype(np.uint8))
        beats = np.empty((len(codes), self.beat_bytes), np.uint8)
        for at in range(0, len(codes), _CHUNK):
            chunk = codes[at : at + _CHUNK].astype("<u8")
            bits = np.unpackbits(chunk.view(np.uint8).reshape(*chunk.shape, 8), axis=2, bitorder="little")
            flat = bits[:, :, : self.bits].reshape(len(chunk), self.width)
            beats[at : at + _CHUNK] = np.packbits(flat, axis=1, bitorder="little")
        return beats

    def unpack(self, beats: Bytes) -> npt.NDArray[np.int64]:
        """Inverse of pack: beats of shape (n, beat_bytes), uint8, to integers of shape (n, lanes), int64.

        Raises:
            ValueError: beats has another shape.
        """
        if beats.ndim != 2 or beats.shape[1] != self.beat_bytes:
            raise ValueError(f"need beats of shape (n, {self.beat_bytes}), got {beats.shape}")
        beats = np.ascontiguousarray(beats, np.uint8)
        if self.bits in (8, 16, 32):
            return self._extend(beats.view(f"<u{self.bits // 8}").astype(np.int64))
        if 8 % self.bits == 0:
            shifts = np.arange(0, 8, self.bits, dtype=np.uint8)
            codes = (beats[:, :, None] >> shifts) & np.uint8((1 << self.bits) - 1)
            return self._extend(codes.reshape(len(beats), -1)[:, : self.lanes].astype(np.int64))
        wide_codes = np.empty((len(beats), self.lanes), np.int64)
        for at in range(0, len(beats), _CHUNK):
            flat = np.unpackbits(beats[at : at + _CHUNK], axis=1, count=self.width, bitorder="little")
            chunk = np.packbits(flat.reshape(-1, self.lanes, self.bits), axis=2, bitorder="little")
            wide = np.zeros((len(chunk), self.lanes, 8), np.uint8)
            wide[:, :, : chunk.shape[2]] = chunk
            wide_codes[at : at + _CHUNK] = wide.view("<i8")[:, :, 0]
        return self._extend(wide_codes)

    def _pack_bytes(self, codes: Bytes) -> Bytes:
        """Lanes that divide a byte: shift and or whole columns."""
        per_byte = 8 // self.bits
        beats = np.zeros((len(codes), self.beat_bytes), np.uint8)
        for lane in range(per_byte):
            column = codes[:, lane::per_byte] << np.uint8(lane * self.bits)
            beats[:, : column.shape[1]] |= column
        return beats

    def _extend(self, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        if not self.signed:
            return codes
        sign = 1 << (self.bits - 1)
        return (codes ^ sign) - sign

    def _check(self, values: Integers) -> None:
        if not np.issubdtype(values.dtype, np.integer):
            raise ValueError(f"need integers, got {values.dtype}")
        low = -(1 << (self.bits - 1)) if self.signed else 0
        high = low + (1 << self.bits) - 1
        if values.size and not low <= int(values.min()) <= int(values.max()) <= high:
            raise ValueError(
                f"need values from {low} to {high} in {self.bits} bits, got {values.min()} to {values.max()}"
            )


def beats_of_ints(values: Iterable[int], beat_bytes: int) -> Bytes:
    """Python integers of any size, one per beat, as beats of shape (n, beat_bytes), uint8."""
    joined = b"".join(int(value).to_bytes(beat_bytes, "little") for value in values)
    return np.frombuffer(joined, np.uint8).reshape(-1, beat_bytes)


def ints_of_beats(beats: Bytes) -> list[int]:
    """Inverse of beats_of_ints."""
    return [int.from_bytes(beat.tobytes(), "little") for beat in beats]
