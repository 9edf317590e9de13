# SPDX-License-Identifier: Apache-2.0
"""Executors of what a checkpoint becomes: the quantized network in torch, model.onnx and standard.onnx, with layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from brevitas.nn import QuantIdentity
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.change_batchsize import ChangeBatchSize
from qonnx.transformation.infer_shapes import InferShapes

from board.core.node import identifier
from board.executors.executor import batches, planes
from board.executors.onnx_executor import OnnxExecutor
from qnn.export.qonnx_graph import GATE, INPUT, OUTPUT, layers, read_model
from qnn.network.quantized import QuantCbamCnn

BATCH = 20
"""Faces at once: what qonnx and torch spend per call is shared, and the largest maps stay within a few caches."""


class TorchExecutor:
    """The quantized network in torch.

    Args:
        network: Frozen, on the CPU.
        attention: Whether the first spatial gate's codes follow the accumulators, as in a model exported with them.
    """

    name = "torch"
    description = f"the Brevitas network in PyTorch {torch.__version__}"
    output = f"tensor {OUTPUT}"

    def __init__(self, network: QuantCbamCnn, attention: bool = False) -> None:
        self._network, self._attention = network, attention

    def accumulators(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Faces, uint8 (N, 48, 48, 3), to integers, int64 (N, AUs), or (N, AUs + codes) with attention.

        Raises:
            ValueError: Faces have another type or shape.
        """
        if not self._attention:
            return self._run(faces)
        accumulators, codes = self._watched(faces, [GATE])
        return np.concatenate([accumulators, codes[identifier(GATE)].reshape(len(faces), -1)], axis=1)

    def layers(self, faces: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.int64]]:
        """What every quantizer of activations gives, int64 (N, H, W, C), in the order of execution."""
        return self._watched(faces, [n for n, m in self._network.named_modules() if isinstance(m, QuantIdentity)])[1]

    def close(self) -> None:
        """Nothing to give back."""

    def _run(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Accumulators (N, AUs)."""
        with torch.inference_mode():
            answers = [
                self._network.accumulators(torch.from_numpy(planes(batch))).numpy() for batch in batches(faces, BATCH)
            ]
        return np.concatenate(answers).astype(np.int64)

    def _watched(
        self, faces: npt.NDArray[np.uint8], names: Sequence[str]
    ) -> tuple[npt.NDArray[np.int64], dict[str, npt.NDArray[np.int64]]]:
        """Accumulators (N, AUs), and what some quantizers give, int64 (N, H, W, C)."""
        found: dict[str, list[npt.NDArray[np.int64]]] = {}

        def hook(name: str, module: QuantIdentity) -> Any:
            def keep(_module: Any, _inputs: Any, result: Any) -> None:
                value = getattr(result, "value", result)
                integers = (value / module.act_quant.scale()).numpy()
                found.setdefault(identifier(name), []).append(frames(integers))

            return module.register_forward_hook(keep)

        hooks = [hook(name, self._network.get_submodule(name)) for name in names]
        try:
            accumulators = self._run(faces)
        finally:
            for handle in hooks:
                handle.remove()
        return accumulators, {name: np.concatenate(parts) for name, parts in found.items()}


class QonnxExecutor:
    """A model.onnx under qonnx's own executor, node by node, on whole batches.

    Args:
        path: The model that `export` wrote.
    """

    name = "qonnx"
    description = "model.onnx, node by node in qonnx"
    output = f"tensor {OUTPUT}"

    def __init__(self, path: Path) -> None:
        whole = read_model(path)
        try:
            model = ModelWrapper(whole)  # which looks at every constant
            self._layers = layers(model.model)
            self._model = model.transform(ChangeBatchSize(BATCH)).transform(InferShapes())
        except Exception as error:  # onnx's own class is not public
            said = " ".join(str(error).split())
            raise ValueError(f"a model must be QONNX that qonnx runs, got {said} in {path}: export again") from None

    def accumulators(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Faces, uint8 (N, 48, 48, 3), to integers, int64 (N, AUs).

        Raises:
            ValueError: Faces have another type or shape.
        """
        return np.concatenate([self._run(batch, [OUTPUT])[OUTPUT] for batch in batches(faces, BATCH)]).astype(np.int64)

    def layers(self, faces: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.int64]]:
        """What every quantizer of activations gives, int64 (N, H, W, C), in the order of execution."""
        parts = [self._run(batch, list(self._layers)) for batch in batches(faces, BATCH)]
        return {
            identifier(name): np.concatenate([frames(quantizer.codes(part[name])) for part in parts])
            for name, quantizer in self._layers.items()
        }

    def close(self) -> None:
        """Nothing to give back."""

    def _run(self, faces: npt.NDArray[np.uint8], names: list[str]) -> dict[str, npt.NDArray[np.float32]]:
        """Tensors of up to BATCH faces, by their names in the model."""
        full = np.concatenate([faces, np.repeat(faces[-1:], BATCH - len(faces), axis=0)])
        result = execute_onnx(self._model, {INPUT: planes(full)}, return_full_exec_context=names != [OUTPUT])
        return {name: result[name][: len(faces)] for name in names}


class OnnxLayerExecutor(OnnxExecutor):
    """The board's executor of standard.onnx, with layers by the onnx package, which boards lack.

    Args:
        path: The model that `export` wrote.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._model = read_model(path)

    def layers(self, faces: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.int64]]:
        """What every quantizer of activations gives, int64 (N, H, W, C), in the order of execution."""
        names = [node.output[0] for node in self._model.graph.node if node.op_type == "Clip"]
        watched = onnx.ModelProto.FromString(self._model.SerializeToString())
        watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
        session = self._open(watched.SerializeToString())
        parts = [session.run(names, {INPUT: planes(batch)}) for batch in batches(faces, BATCH)]
        joined = [np.concatenate(part) for part in zip(*parts, strict=True)]
        return {identifier(n.removesuffix(".code")): frames(x) for n, x in zip(names, joined, strict=True)}


def frames(x: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """What ONNX holds as (N, C, H, W), (N, 2, C) or (N, C), as integers (N, H, W, C)."""
    nhwc = x.transpose(0, 2, 3, 1) if x.ndim == 4 else x.reshape(len(x), 1, -1, x.shape[-1])
    return nhwc.astype(np.int64)
