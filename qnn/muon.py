# SPDX-License-Identifier: Apache-2.0
"""Muon (Jordan et al. 2024): matrices move by their orthogonalised momentum, everything else by AdamW."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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

    Biases, batch norm, quantiser scales and the single-output spatial convolutions have not.
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
            {"params": list(matrices), "lr": matrix_rate, "weight_decay": weight_decay, "orthogonal": True},
            {"params": list(others), "lr": rate, "weight_decay": 0.0, "orthogonal": False},
        ]
        super().__init__([group for group in groups if group["params"]], {})

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
        for group in self.param_groups:
            move = self._along_matrix if group["orthogonal"] else self._along_moments
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.sub_(move(parameter, parameter.grad), alpha=group["lr"])
        return loss

    def _along_matrix(self, parameter: Tensor, gradient: Tensor) -> Tensor:
        """Nesterov's momentum, orthogonalised; tall matrices move further, so that outputs change alike."""
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        momentum = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        matrix = gradient.lerp(momentum, MOMENTUM).reshape(len(parameter), -1)
        rows, columns = matrix.shape
        return (orthogonalised(matrix) * max(1.0, rows / columns) ** 0.5).reshape(parameter.shape)

    def _along_moments(self, parameter: Tensor, gradient: Tensor) -> Tensor:
        """Adam's direction (Kingma and Ba 2015)."""
        state = self.state[parameter]
        if not state:
            state["steps"] = torch.zeros(())
            state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["steps"] += 1
        mean = state["mean"].lerp_(gradient, 1 - BETAS[0])
        square = state["square"].lerp_(gradient.square(), 1 - BETAS[1])
        steps = state["steps"].item()
        return mean / (1 - BETAS[0] ** steps) / ((square / (1 - BETAS[1] ** steps)).sqrt() + EPSILON)
