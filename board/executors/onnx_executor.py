# SPDX-License-Identifier: Apache-2.0
"""The integer network in ONNX Runtime: the fastest in software, where onnxruntime is installed."""

from __future__ import annotations

import os
from importlib.util import find_spec

import numpy as np

from board.deployment import Deployment

BATCH = 8


class OnnxExecutor:
    """Executes the deployment's standard.onnx, whose float32 operations are exact on these integers."""

    name = "onnx"

    def __init__(self, deployment: Deployment) -> None:
        if find_spec("onnxruntime") is None:
            raise RuntimeError("executor onnx needs onnxruntime, which is not installed: pip install onnxruntime")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        options.intra_op_num_threads = max(1, (os.cpu_count() or 1) - 1)  # one core finds the faces meanwhile
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads leave the CPU to others
        model = deployment.onnx
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self.description = f"ONNX Runtime {onnxruntime.__version__}"

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        """Faces, uint8 (N, 48, 48, 3), to integers (N, AUs)."""
        planes = np.ascontiguousarray(faces.transpose(0, 3, 1, 2), dtype=np.float32)  # (N, 3, 48, 48)
        parts = [self._run(planes[start : start + BATCH]) for start in range(0, len(planes), BATCH)]
        return np.concatenate(parts).astype(np.int64)

    def close(self) -> None:
        """Nothing to give back."""

    def _run(self, planes: np.ndarray) -> np.ndarray:
        return self._session.run(None, {self._input: planes})[0]
