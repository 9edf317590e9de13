# SPDX-License-Identifier: Apache-2.0
"""CUDA graph of a training step: captured once and replayed, so that thousands of small kernels start as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

WARM_UP = 3
"""Runs before the capture, in which libraries choose their kernels and memory is allocated."""


class CudaGraph:
    """Forward and backward pass of one batch as a CUDA graph.

    Each call writes its outputs, and the gradients of the model's parameters, over those of the call before. The
    parameters may change in place between calls, but not move.
    """

    def __init__(self, model: nn.Module, compute: Callable[..., tuple[Tensor, ...]], inputs: Sequence[Tensor]) -> None:
        """Capture `compute`; the model's state and the random numbers stay as they are.

        Args:
            model: Whose parameters get gradients.
            compute: Takes tensors of the inputs' shapes, runs the backward pass and gives what is to be seen of it. It
                must neither look at values, as by an `if`, nor copy any to the GPU: during the capture there are none.
            inputs: Tensors on the GPU, such as a first batch.
        """
        self._inputs = [value.clone() for value in inputs]
        state = {name: value.clone() for name, value in model.state_dict().items()}
        random = torch.cuda.get_rng_state()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                compute(*self._inputs)
        torch.cuda.current_stream().wait_stream(stream)
        model.zero_grad(set_to_none=True)  # the capture allocates them anew and writes instead of adding
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = compute(*self._inputs)
        with torch.no_grad():
            for name, value in model.state_dict().items():  # in place: Brevitas' load_state_dict makes new parameters
                value.copy_(state[name])
        torch.cuda.set_rng_state(random)

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Replay it with other values; the outputs hold until the next call."""
        for mine, new in zip(self._inputs, inputs, strict=True):
            mine.copy_(new)
        self._graph.replay()
        return self._outputs
