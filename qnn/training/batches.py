# SPDX-License-Identifier: Apache-2.0
"""What a training step reads: faces where the network lives, and the order in which they come."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Sampler

from board.core.decoding import INDEPENDENT
from board.core.facs import AUS, PROTOTYPES
from qnn.data.faces import Faces
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
        self.by_emotion = follow_from_emotion(faces)
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


def follow_from_emotion(faces: Faces) -> bool:
    """Whether each face's AUs are those that Table 2 gives for its emotion."""
    known = bool((faces.emotions >= 0).all())
    return known and faces.aus == AUS and bool((faces.labels == PROTOTYPES[faces.emotions]).all())


class ShuffledRows(Sampler[Tensor]):
    """Row numbers of whole batches, in an order that seed and epoch alone decide, from the present step on.

    With several processes each gets its share of every batch.
    """

    def __init__(self, faces: int, batch: int, seed: int, step: Callable[[], int]) -> None:
        """Take the number of faces, of faces per batch, a seed, and what tells the steps taken so far."""
        if faces < batch:
            raise ValueError(f"need at least one batch of {batch} training faces, got {faces}: use --set batch=N")
        self.faces, self.batch, self.seed, self.step = faces, batch, seed, step

    def __len__(self) -> int:
        return self.faces // self.batch

    def __iter__(self) -> Iterator[Tensor]:
        rank, world = rank_and_world()
        if self.batch % world:
            raise ValueError(f"the processes must divide the batch of {self.batch} faces, got {world} processes")
        epoch, first = divmod(self.step(), len(self))
        order = torch.randperm(self.faces, generator=torch.Generator().manual_seed(mixed(self.seed, epoch)))
        for batch in range(first, len(self)):
            yield order[batch * self.batch : (batch + 1) * self.batch].chunk(world)[rank]


def mixed(seed: int, count: int) -> int:
    """One seed of two numbers, in the 32 bits that torch's generator takes."""
    return zlib.crc32(f"{seed} {count}".encode())
