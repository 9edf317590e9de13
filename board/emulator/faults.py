# SPDX-License-Identifier: Apache-2.0
"""What an emulated board can be told to do wrong, and when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from board.driver.overlay import IDMA, ODMA


@dataclass(frozen=True)
class Fault:
    """Something goes wrong as soon as a DMA is about to move a frame.

    Attributes:
        frame: Number of the frame, counted by those that reached memory: one that must be tried again keeps its number.
        dma: "idma0" or "odma0".
        persistent: Again with every attempt, or only once.
    """

    frame: int
    dma: str = ODMA
    persistent: bool = False

    def __post_init__(self) -> None:
        if self.frame < 0:
            raise ValueError(f"need frame >= 0, got {self.frame}")
        if self.dma not in (IDMA, ODMA):
            raise ValueError(f"dma must be {IDMA} or {ODMA}, got {self.dma!r}")


@dataclass(frozen=True)
class NeverEnds(Fault):
    """The DMA moves a part of the frame and then nothing more, busy for ever."""


@dataclass(frozen=True)
class EndsShort(Fault):
    """The output DMA says that it is done before it wrote the frame."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dma != ODMA:
            raise ValueError(f"only {ODMA} can end short in a way that a driver can see, got {self.dma!r}")


@dataclass(frozen=True)
class ReportsError(Fault):
    """ap_ctrl reads as something that no IODMA says, and nothing moves any more.

    Attributes:
        word: What it reads as.
    """

    word: int = 0xFFFFFFFF


@dataclass(frozen=True)
class Stalls(Fault):
    """Nothing moves for a while.

    Attributes:
        cycles: How long.
    """

    cycles: int = 10_000


@dataclass(frozen=True)
class ResetsMidFrame(Fault):
    """Someone else loads the overlay in the middle of the frame: both DMAs go idle, the accelerator forgets all."""


KINDS: tuple[tuple[type[Fault], str], ...] = (
    (NeverEnds, ODMA), (EndsShort, ODMA), (ReportsError, ODMA), (Stalls, ODMA), (ResetsMidFrame, ODMA),
    (NeverEnds, IDMA), (Stalls, IDMA),
)  # fmt: skip
"""What `random_faults` draws from: a driver meets each at the frame that the fault names."""
SPACING_FRAMES = 32


def random_faults(rng: np.random.Generator, frames: int, count: int) -> tuple[Fault, ...]:
    """So many single faults of all kinds, in order, so far apart that recovering from one does not hide the next."""
    places = frames // SPACING_FRAMES
    if count > places:
        raise ValueError(f"need at most {places} faults in {frames} frames, got {count}")
    at = np.sort(rng.choice(places, count, replace=False)) * SPACING_FRAMES + rng.integers(
        SPACING_FRAMES // 2, size=count
    )
    kinds = rng.integers(len(KINDS), size=count)
    return tuple(KINDS[kind][0](int(frame), KINDS[kind][1]) for frame, kind in zip(at, kinds, strict=True))
