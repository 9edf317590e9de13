# SPDX-License-Identifier: Apache-2.0
"""A user's model under qonnx's own executor: what an accelerator of any network is held against."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from board.core.plain_contract import PlainContract
from board.executors.executor import batches, planes

NEAR = 0.25
"""How far a real output may lie from the integer that it stands for, in units of its scale."""


class ModelExecutor:
    """A model.onnx, node by node in qonnx, frame by frame.

    It gives the integers that its real outputs stand for by a contract's scales and offsets.

    Args:
        path: The model.
        contract: Says what its outputs are worth.

    Raises:
        ValueError: qonnx does not take the model.
    """

    name = "qonnx"
    description = "the model, node by node in qonnx"

    def __init__(self, path: Path, contract: PlainContract) -> None:
        self._contract = contract
        try:
            self._model = ModelWrapper(onnx.load(path)).transform(InferShapes())
        except Exception as error:  # onnx's own class is not public
            raise ValueError(
                f"a model must be QONNX that qonnx takes, got {_said(error)} in {path}: export it again"
            ) from None
        constants = {tensor.name for tensor in self._model.graph.initializer}
        inputs = [value.name for value in self._model.graph.input if value.name not in constants]
        if len(inputs) != 1:
            raise ValueError(f"a model must have one input, got {len(inputs)} in {path}: export it again")
        (self._input,) = inputs
        self._outputs = [value.name for value in self._model.graph.output]
        self.output = f"tensor {', '.join(self._outputs)}"

    def accumulators(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Frames, uint8 (N, H, W, C), to integers, int64 (N, elements).

        Raises:
            ValueError: Frames have another type or shape.
            RuntimeError: qonnx fails, or an output stands for no integer.
        """
        frames = batches(faces, 1, self._contract.shape)
        return np.concatenate([self._integers(self._run(planes(frame))) for frame in frames])

    def close(self) -> None:
        """Nothing to give back."""

    def _run(self, plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The outputs of one frame (1, C, H, W), in the order of an output frame: (1, elements)."""
        try:
            results = execute_onnx(self._model, {self._input: plane})
        except Exception as error:
            raise RuntimeError(f"qonnx must run the model, got {_said(error)}") from None
        found = [results[name] for name in self._outputs]
        elements = np.concatenate(
            [one.transpose(0, 2, 3, 1).ravel() if one.ndim == 4 else one.ravel() for one in found]
        )
        shape = self._contract.output.shape
        if elements.size != np.prod(shape):
            raise RuntimeError(
                f"qonnx must give an output of {shape}, got {', '.join(str(one.shape) for one in found)}"
            )
        return elements.reshape(1, -1)

    def _integers(self, real: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        """What reals (1, elements) stand for, int64 (1, elements)."""
        output = self._contract.output
        scale, offset = (np.broadcast_to(values, output.shape).ravel() for values in (output.scale, output.offset))
        units = (real.astype(np.float64) - offset) / scale
        integers = np.rint(units)
        off = np.abs(units - integers)
        if not (off <= NEAR).all():
            place = int(np.argmax(~(off[0] <= NEAR)))
            raise RuntimeError(
                f"qonnx's {self._contract.output_names[place]} must be a multiple of the layer's scale {scale[place]:g}"
                f" above {offset[place]:g}, got {real[0, place]:g}: float32 does not hold this network's sums"
            )
        return integers.astype(np.int64)


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
