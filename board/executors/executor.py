# SPDX-License-Identifier: Apache-2.0
"""Executor: one way to compute the accumulators of faces. All give the same integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

FACE = (48, 48, 3)
"""(height, width, channels) of a face."""


class Executor(Protocol):
    """One way to compute.

    What it gives for a face is the output frame: the accumulators, and behind them the codes of the first spatial gate
    where the network was built with attention in its output (`board.core.contract.Contract.attention`).

    Attributes:
        name: Short, for programs: "numpy", "onnx", "rtl", "fpga"; on the host also "torch", "qonnx", "dataflow".
        description: What it runs on, for a person.
        output: By what the output frame leaves it, such as "tensor fc3" or "stream out0".
    """

    name: str
    description: str
    output: str

    def accumulators(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """The integers that the network ends with.

        Args:
            faces: uint8 of shape (N, 48, 48, 3), N at least 1.

        Returns:
            int64 of shape (N, AUs), or (N, AUs + codes) with attention in the output.

        Raises:
            ValueError: Faces have another type or shape.
            RuntimeError: The device or tool behind it fails.
        """

    def close(self) -> None:
        """Give back what it holds; it computes no more."""


@runtime_checkable
class LayerExecutor(Executor, Protocol):
    """An executor that also shows what lies between faces and accumulators."""

    def layers(self, faces: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.int64]]:
        """Every tensor of integers inside, in the order of execution.

        Args:
            faces: uint8 of shape (N, 48, 48, 3), N at least 1.

        Returns:
            int64 of shape (N, H, W, C) by the name that the integer graph has for it. A vector has H = W = 1, a pair
            of channel descriptors W = 2.

        Raises:
            ValueError: Faces have another type or shape.
        """


def batches(faces: npt.NDArray[np.uint8], size: int, shape: tuple[int, ...] = FACE) -> list[npt.NDArray[np.uint8]]:
    """Faces in groups of `size`, the last one shorter.

    Args:
        faces: uint8 of shape (N, *shape), N at least 1.
        size: Faces of a group.
        shape: Of one face.

    Raises:
        ValueError: Faces have another type or shape, or there are none.
    """
    if faces.dtype != np.uint8 or faces.ndim != 4 or faces.shape[1:] != shape or not len(faces):
        need = ", ".join(map(str, shape))
        raise ValueError(f"faces must be uint8 of shape (N, {need}), N at least 1, got {faces.dtype} {faces.shape}")
    return [faces[start : start + size] for start in range(0, len(faces), size)]


def planes(faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Faces (N, H, W, 3) in the layout of torch and ONNX: float32 (N, 3, H, W)."""
    return np.ascontiguousarray(faces.transpose(0, 3, 1, 2), dtype=np.float32)
