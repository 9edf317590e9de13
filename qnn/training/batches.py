# SPDX-License-Identifier: Apache-2.0
"""Batches: faces resident where the network lives, and the shuffled order in which they come, resumable."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Sampler

from board.core.decoding import INDEPENDENT
from board.core.facs import PROTOTYPES
from qnn.data.faces import Faces
from qnn.data.mixing import Part, follow_from_emotion
from qnn.training.distributed import rank_and_world
from qnn.training.recipes import Recipe


class ResidentFaces:
    """Faces as tensors that live where the network does; batches are rows of them."""

    def __init__(self, faces: Faces, recipe: Recipe) -> None:
        """Targets follow the recipe; votes serve only where every label follows from its emotion."""
        self.pixels = torch.from_numpy(faces.pixels)  # (N, 48, 48) or (N, 48, 48, 3)
        self.labels = torch.from_numpy(faces.labels)  # (N, AUs)
        self.votes = torch.from_numpy(faces.votes)  # (N, 7)
        self.targets = self.labels
        self.features: Tensor | None = None  # (views, N, ...), once layers that rest have answered
        self.by_emotion = (
            not recipe.emotion_outputs and follow_from_emotion(faces) and bool((faces.emotions >= 0).all())
        )
        if self.by_emotion and recipe.targets == "votes":
            self.targets = self.votes @ torch.from_numpy(PROTOTYPES)
        elif self.by_emotion:
            self.votes = nn.functional.one_hot(torch.from_numpy(faces.emotions), len(PROTOTYPES)).float()
        self.decoding = recipe.decoding if self.by_emotion else INDEPENDENT

    def __len__(self) -> int:
        return len(self.pixels)

    def __deepcopy__(self, memo: dict[int, Any]) -> ResidentFaces:
        """A copy of the network, as weight averaging makes one, shares the faces."""
        return self

    def to(self, device: torch.device) -> None:
        """Move all tensors."""
        for name in ("pixels", "labels", "votes", "targets"):
            setattr(self, name, getattr(self, name).to(device))


class ShuffledRows(Sampler[Tensor]):
    """Row numbers of whole batches, in an order that seed and epoch alone decide, from the present step on.

    Of several datasets each batch has a part of each, by its share. An epoch goes through the first one once; the
    others begin anew whenever they are through. With several processes each gets its share of every batch.
    """

    def __init__(self, faces: int, batch: int, seed: int, step: Callable[[], int], parts: Sequence[Part] = ()) -> None:
        """Take the numbers of faces and of faces per batch, a seed, what tells the steps taken so far, the parts."""
        others = [max(1, round(part.share * batch)) for part in parts[1:]]
        first = batch - sum(others)
        if parts and first < 1:
            raise ValueError(f"a batch of {batch} faces has no room for {parts[0].name}: lower the others' shares")
        self.faces = parts[0].faces if parts else faces
        if self.faces < first:
            raise ValueError(f"need at least one batch of {first} training faces, got {self.faces}: use --set batch=N")
        self.batch, self.seed, self.step, self.first = batch, seed, step, first
        starts = np.cumsum([part.faces for part in parts]).tolist()
        self.others = [
            (start, part.faces, count) for start, part, count in zip(starts, parts[1:], others, strict=False)
        ]

    def __len__(self) -> int:
        return self.faces // self.first

    def __iter__(self) -> Iterator[Tensor]:
        rank, world = rank_and_world()
        if self.batch % world:
            raise ValueError(f"the processes must divide the batch of {self.batch} faces, got {world} processes")
        epoch, first = divmod(self.step(), len(self))
        order = shuffled(self.faces, mixed(self.seed, epoch))
        for batch in range(first, len(self)):
            rows = [order[batch * self.first : (batch + 1) * self.first]]
            for number, (start, faces, count) in enumerate(self.others, start=1):
                place = (epoch * len(self) + batch) * count
                rows.append(start + endless(faces, mixed(self.seed, -number), place, count))
            yield torch.cat(rows).chunk(world)[rank]


def endless(faces: int, seed: int, place: int, count: int) -> Tensor:
    """Some row numbers of an order that goes through the faces again and again, each time in another way."""
    passes = range(place // faces, (place + count - 1) // faces + 1)
    rows = torch.cat([shuffled(faces, mixed(seed, number)) for number in passes])
    begin = place - passes.start * faces
    return rows[begin : begin + count]


def shuffled(faces: int, seed: int) -> Tensor:
    """All row numbers in an order that the seed alone decides."""
    return torch.randperm(faces, generator=torch.Generator().manual_seed(seed))


def mixed(seed: int, count: int) -> int:
    """One seed of two numbers, in the 32 bits that torch's generator takes."""
    return zlib.crc32(f"{seed} {count}".encode())
