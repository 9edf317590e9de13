# SPDX-License-Identifier: Apache-2.0
"""The integer network in ONNX Runtime: the fastest in software, where onnxruntime is installed."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from board.executors.executor import batches, planes

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

BATCH = 8


class OnnxExecutor:
    """Executes a standard.onnx, whose float32 operations are exact on these integers.

    Args:
        path: The model: pixels, float32 (N, 3, 48, 48), to accumulators, int32 (N, AUs).

    Raises:
        ValueError: ONNX Runtime refuses the model.
        RuntimeError: onnxruntime is not installed.
    """

    name = "onnx"

    def __init__(self, path: Path) -> None:
        if find_spec("onnxruntime") is None:
            raise RuntimeError("executor onnx needs onnxruntime, which is not installed: pip install onnxruntime")
        import onnxruntime

        try:
            self._session = self._open(str(path))
        except Exception as error:  # of classes that ONNX Runtime keeps to itself
            said = " ".join(str(error).split())[:200]
            raise ValueError(
                f"executor onnx needs a model that ONNX Runtime {onnxruntime.__version__} takes, got {said} in {path}:"
                " build again, or use another executor"
            ) from None
        self._input = self._session.get_inputs()[0].name
        self.output = f"tensor {self._session.get_outputs()[0].name}"
        self.description = f"ONNX Runtime {onnxruntime.__version__}"

    def accumulators(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Faces, uint8 (N, 48, 48, 3), to integers, int64 (N, AUs).

        Raises:
            ValueError: Faces have another type or shape.
        """
        answers = [self._session.run(None, {self._input: planes(batch)})[0] for batch in batches(faces, BATCH)]
        return np.concatenate(answers).astype(np.int64)

    def close(self) -> None:
        """Nothing to give back."""

    @staticmethod
    def _open(model: str | bytes) -> Any:
        """A session of a model, given as its path or its bytes."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        options.intra_op_num_threads = max(1, (os.cpu_count() or 1) - 1)  # one core finds the faces meanwhile
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads leave the CPU to others
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
