# SPDX-License-Identifier: Apache-2.0
"""Distributed training: several processes train as one by shared draws and shared batch statistics.

Every process seeds alike, draws for the whole batch and uses its own rows, so that the random numbers a face meets do
not depend on how many processes share the batch.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.distributed
from brevitas.quant_tensor import QuantTensor
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor, nn


def rank_and_world() -> tuple[int, int]:
    """This process's number, and how many there are."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def is_first() -> bool:
    """Whether this process is the one that writes files; known before the processes meet, too."""
    rank: int = rank_zero_only.rank  # type: ignore[attr-defined] # Lightning sets it on the function
    return rank == 0


def shared_rand(like: Tensor, *shape: int) -> Tensor:
    """Uniform numbers in [0, 1), one row of `shape` for each row of `like`, as one process would draw for all."""
    rank, world = rank_and_world()
    rows = len(like)
    return torch.rand((rows * world, *shape), device=like.device)[rank * rows : (rank + 1) * rows]


class SharedDropout(nn.Dropout):
    """Dropout whose mask is drawn for the whole batch."""

    def forward(self, x: Tensor | QuantTensor) -> Tensor | QuantTensor:
        if not self.training or self.p == 0:
            return x
        values = x.value if isinstance(x, QuantTensor) else x
        kept = values * ((shared_rand(values, *values.shape[1:]) >= self.p) / (1 - self.p))
        return x.set(value=kept) if isinstance(x, QuantTensor) else kept


class _Sum(torch.autograd.Function):
    """Sum over all processes, of values on the way forward and of gradients on the way back."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        return _Sum.apply_to(x)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return _Sum.apply_to(gradient)

    @staticmethod
    def apply_to(x: Tensor) -> Tensor:
        total = x.clone()
        torch.distributed.all_reduce(total)
        return total


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the batches of all processes; torch's SyncBatchNorm refuses the CPU."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        assert self.running_mean is not None and self.running_var is not None
        assert self.momentum is not None and self.num_batches_tracked is not None
        _, world = rank_and_world()
        moments = torch.stack([x.mean((0, 2, 3)), x.square().mean((0, 2, 3))])  # (2, C)
        mean, square = cast(Tensor, _Sum.apply(moments)) / world
        variance = square - mean.square()
        count = x.numel() // x.shape[1] * world
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return x * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]


def share(model: nn.Module) -> None:
    """Replace a model's dropout, and with several processes its batch norm, by the shared ones; weights stay."""
    _, world = rank_and_world()
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Dropout:
                setattr(parent, name, SharedDropout(child.p))
            elif type(child) is nn.BatchNorm2d and world > 1:
                shared = SharedBatchNorm2d(child.num_features, child.eps, child.momentum)
                shared.load_state_dict(child.state_dict())
                setattr(parent, name, shared.to(child.weight.device))
