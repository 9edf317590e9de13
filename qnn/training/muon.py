# SPDX-License-Identifier: Apache-2.0
"""Muon (Jordan et al. 2024): matrices move by their orthogonalised momentum, everything else by AdamW."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, overload

import torch
from torch import Tensor

MOMENTUM = 0.95
BETAS, EPSILON = (0.9, 0.999), 1e-8
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of x, x^3 and x^5 that bring singular values from [0, 1] near 1 in NEWTON_SCHULZ_STEPS."""
NEWTON_SCHULZ_STEPS = 5


def is_matrix(parameter: Tensor) -> bool:
    """Whether a parameter, its first axis as rows and all others as columns, has several of both.

    Biases, batch norm, quantizer scales and the single-output spatial convolutions have not.
    """
    return parameter.ndim > 1 and min(len(parameter), parameter.numel() // len(parameter)) > 1


def orthogonalised(matrix: Tensor) -> Tensor:
    """A matrix (R, C) with its singular values brought near 1 (0.7 to 1.2), by a Newton-Schulz iteration."""
    tall = len(matrix) > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + EPSILON)
    a, b, c = NEWTON_SCHULZ
    for _ in range(NEWTON_SCHULZ_STEPS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


class Scales:
    """A group's factors of this step where its parameters are, which a CUDA graph reads there.

    Attributes:
        rate: Of the step.
        keep: What decay leaves of a parameter.
        mean: Share of its value that Adam's mean has reached, as it began with zeros.
        square: The same of its mean square.
    """

    def __init__(self, device: torch.device) -> None:
        self.rate, self.keep, self.mean, self.square = torch.ones(4, device=device)

    def set(self, group: dict[str, Any]) -> None:
        """Take a group's settings and the number of its steps."""
        self.rate.fill_(group["lr"])
        self.keep.fill_(1 - group["lr"] * group["weight_decay"])
        self.mean.fill_(1 - BETAS[0] ** group["steps"])
        self.square.fill_(1 - BETAS[1] ** group["steps"])


class Muon(torch.optim.Optimizer):
    """One optimiser of two kinds of parameter groups, so that one schedule and one state serve both."""

    def __init__(
        self,
        matrices: Iterable[Tensor],
        others: Iterable[Tensor],
        matrix_rate: float,
        rate: float,
        weight_decay: float,
    ) -> None:
        """Take parameters by kind.

        Args:
            matrices: Hidden weights, see is_matrix.
            others: Whatever else; it does not decay.
            matrix_rate: Of the matrices, as a share of a step that moves every direction alike.
            rate: AdamW's, of the others.
            weight_decay: Of the matrices, times the rate.
        """
        groups: list[dict[str, Any]] = [
            {"params": list(matrices), "lr": matrix_rate, "weight_decay": weight_decay, "orthogonal": True, "steps": 0},
            {"params": list(others), "lr": rate, "weight_decay": 0.0, "orthogonal": False, "steps": 0},
        ]
        super().__init__([group for group in groups if group["params"]], {})
        self.capture = False
        """Whether to capture a step as a CUDA graph, for which gradients must stay where they are."""
        self._warm = False
        self._graph: torch.cuda.CUDAGraph | None = None
        self._scales = [Scales(group["params"][0].device) for group in self.param_groups]

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move every parameter that has a gradient; the loss, where a closure computes it."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group, scales in zip(self.param_groups, self._scales, strict=True):
            group["steps"] += 1
            scales.set(group)
        if not (self.capture and self._warm):  # the first makes the state, and libraries choose their kernels in it
            self._move()
            self._warm = True
            return loss
        if self._graph is None:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._move()
        self._graph.replay()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state, also from an older version's, which counted the steps of each parameter."""
        super().load_state_dict(state_dict)
        counts = [int(state.pop("steps")) for state in self.state.values() if "steps" in state]
        for group in self.param_groups:
            group.setdefault("steps", max(counts, default=0))

    def _with_gradient(self) -> Iterator[tuple[Tensor, Tensor, Scales, bool]]:
        """What moves, its gradient, its scales and whether it is a matrix."""
        for group, scales in zip(self.param_groups, self._scales, strict=True):
            for parameter in group["params"]:
                if parameter.grad is not None:
                    yield parameter, parameter.grad, scales, group["orthogonal"]

    def _move(self) -> None:
        """Move every parameter that has a gradient, by numbers on its device alone."""
        for parameter, gradient, scales, orthogonal in self._with_gradient():
            step = (
                self._along_matrix(parameter, gradient)
                if orthogonal
                else self._along_moments(parameter, gradient, scales)
            )
            parameter.mul_(scales.keep).sub_(step * scales.rate)

    def _along_matrix(self, parameter: Tensor, gradient: Tensor) -> Tensor:
        """Nesterov's momentum, orthogonalised; tall matrices move further, so that outputs change alike."""
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        momentum = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        matrix = gradient.lerp(momentum, MOMENTUM).reshape(len(parameter), -1)
        rows, columns = matrix.shape
        return (orthogonalised(matrix) * max(1.0, rows / columns) ** 0.5).reshape(parameter.shape)

    def _along_moments(self, parameter: Tensor, gradient: Tensor, scales: Scales) -> Tensor:
        """Adam's direction (Kingma and Ba 2015)."""
        state = self.state[parameter]
        if not state:
            state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        mean = state["mean"].lerp_(gradient, 1 - BETAS[0])
        square = state["square"].lerp_(gradient.square(), 1 - BETAS[1])
        return mean / scales.mean / ((square / scales.square).sqrt() + EPSILON)
