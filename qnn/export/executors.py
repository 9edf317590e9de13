# SPDX-License-Identifier: Apache-2.0
"""Three forms of the quantized network with one face: faces in, integer accumulators and every layer's codes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
import onnxruntime
import torch
from brevitas.nn import QuantIdentity
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.change_batchsize import ChangeBatchSize
from qonnx.transformation.infer_shapes import InferShapes

from qnn.export.qonnx_graph import INPUT, OUTPUT, layers
from qnn.network.model import IMAGE_SIZE
from qnn.network.quantized import QuantCbamCnn

BATCH = 20
"""Faces at once: what qonnx and torch spend per call is shared, and the largest maps stay within a few caches."""


class Rung(Protocol):
    """A form of the network that must give the same integers as every other."""

    name: str

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        """Faces, uint8 (N, 48, 48, 3), to int32 (N, aus)."""

    def codes(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        """Every quantizer's integers (N, H, W, C) by its layer's name, in the order of execution, int64.

        A vector has H = W = 1, a pair of descriptors W = 2; `accumulators` come last.
        """


class TwinRung:
    """The frozen Brevitas twin in torch."""

    name = "torch"

    def __init__(self, twin: QuantCbamCnn) -> None:
        self.twin = twin

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            batches = [self.twin.accumulators(torch.from_numpy(planes(part))).numpy() for part in batches_of(faces)]
        return np.concatenate(batches)

    def codes(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        found: dict[str, list[np.ndarray]] = {}

        def hook(name: str, module: QuantIdentity) -> Any:
            def keep(_module: Any, _inputs: Any, result: Any) -> None:
                value = getattr(result, "value", result)
                integers = (value / module.act_quant.scale()).numpy()
                found.setdefault(name, []).append(frames(integers))

            return module.register_forward_hook(keep)

        quantizers = [(n, m) for n, m in self.twin.named_modules() if isinstance(m, QuantIdentity)]
        hooks = [hook(name, module) for name, module in quantizers]
        try:
            accumulators = self.accumulators(faces)
        finally:
            for handle in hooks:
                handle.remove()
        return {name: np.concatenate(parts) for name, parts in found.items()} | {OUTPUT: frames(accumulators)}


class QonnxRung:
    """model.onnx under qonnx's own executor, node by node, on whole batches."""

    name = "qonnx"

    def __init__(self, path: Path) -> None:
        wrapper = ModelWrapper(onnx.load(path))
        self.layers = layers(wrapper.model)
        self.wrapper = wrapper.transform(ChangeBatchSize(BATCH)).transform(InferShapes())

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        return np.concatenate([self._run(part, False)[OUTPUT] for part in batches_of(faces)]).astype(np.int32)

    def codes(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        parts = [self._run(part, True) for part in batches_of(faces)]
        found = {
            name: np.concatenate([frames(quant.codes(part[name])) for part in parts])
            for name, quant in self.layers.items()
        }
        return found | {OUTPUT: frames(np.concatenate([part[OUTPUT] for part in parts]))}

    def _run(self, faces: np.ndarray, everything: bool) -> dict[str, np.ndarray]:
        """Tensors of up to BATCH faces."""
        full = np.concatenate([faces, np.repeat(faces[-1:], BATCH - len(faces), axis=0)])
        result = execute_onnx(self.wrapper, {INPUT: planes(full)}, return_full_exec_context=everything)
        kept = (*self.layers, OUTPUT) if everything else (OUTPUT,)
        return {name: result[name][: len(faces)] for name in kept}


class ReferenceRung:
    """standard.onnx under ONNX Runtime as it comes."""

    name = "onnxruntime"

    def __init__(self, path: Path) -> None:
        self.model = onnx.load(path)
        self.session = _session(self.model)

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        return np.concatenate([self.session.run(None, {INPUT: planes(part)})[0] for part in batches_of(faces)])

    def codes(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        names = [node.output[0] for node in self.model.graph.node if node.op_type == "Clip"]
        watched = onnx.ModelProto.FromString(self.model.SerializeToString())
        watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
        session = _session(watched)
        parts = [session.run([*names, OUTPUT], {INPUT: planes(part)}) for part in batches_of(faces)]
        joined = [np.concatenate(part) for part in zip(*parts, strict=True)]
        return {n.removesuffix(".code"): frames(x) for n, x in zip([*names, OUTPUT], joined, strict=True)}


def batches_of(faces: np.ndarray) -> list[np.ndarray]:
    """Faces in groups of BATCH, the last one shorter.

    Raises:
        ValueError: They are anything but uint8 (N, 48, 48, 3), N at least 1.
    """
    if faces.dtype != np.uint8 or faces.ndim != 4 or faces.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE, 3) or not len(faces):
        raise ValueError(f"faces must be uint8 of shape (N, 48, 48, 3), got {faces.dtype} {faces.shape}")
    return [faces[start : start + BATCH] for start in range(0, len(faces), BATCH)]


def planes(faces: np.ndarray) -> np.ndarray:
    """Faces (N, 48, 48, 3) as the models take them: float32 (N, 3, 48, 48)."""
    return np.ascontiguousarray(faces.transpose(0, 3, 1, 2), dtype=np.float32)


def frames(x: np.ndarray) -> np.ndarray:
    """What ONNX holds as (N, C, H, W), (N, 2, C) or (N, C), as integers (N, H, W, C)."""
    nhwc = x.transpose(0, 2, 3, 1) if x.ndim == 4 else x.reshape(len(x), 1, -1, x.shape[-1])
    return nhwc.astype(np.int64)


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
