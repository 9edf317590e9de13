# SPDX-License-Identifier: Apache-2.0
"""What becomes of a random QONNX network: exact on every level, refused in a sentence, or wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnx
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from board.executors.executor import Executor
from board.executors.numpy_executor import NumpyExecutor
from hls_build.compiler import RULES, compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.lower import lower
from hls_build.parity.executors import DataflowExecutor
from hls_build.rtl.stitch import stitch
from hls_build.simulation.open_rtl import open_rtl

FRAMES = 4


@dataclass(frozen=True)
class Verdict:
    """What became of a network.

    Attributes:
        kind: `exact`, `refused` in a sentence, or `wrong`: a difference, another error, or integers for a network
            that qonnx's executor cannot run.
        said: The difference or the error.
    """

    kind: Literal["exact", "refused", "wrong"]
    said: str = ""


def judge(model: onnx.ModelProto, seed: int, rtl: Path | None = None) -> Verdict:
    """Compare a network's levels with qonnx's executor by `==`.

    Args:
        model: From `pixels` to one output of integers.
        seed: Draws the frames.
        rtl: Folder for its RTL, which is simulated too; None leaves that out.
    """
    try:
        return _compared(model, seed, rtl)
    except Exception as error:
        return Verdict("wrong", f"{type(error).__name__}: {error}")


def _compared(model: onnx.ModelProto, seed: int, rtl: Path | None) -> Verdict:
    """What a network is, where nothing fails that should not."""
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim][1:]
    frames = _frames(shape, seed)
    try:
        graph = lower(model, RULES)
    except LoweringError as error:
        return Verdict("refused", str(error))
    try:
        wanted = _by_qonnx(model, frames)
    except Exception as error:
        return Verdict("wrong", f"it compiles, yet qonnx's executor says {error}")
    config = BuildConfig("random", "w4a4", load_board("Pynq-Z2"), 100.0)
    try:
        dataflow = compile_graph(graph, config)
    except ValueError as error:
        return Verdict("refused", str(error))
    levels: dict[str, Executor] = {"lowering": NumpyExecutor(graph), "dataflow": DataflowExecutor(dataflow)}
    for name, executor in levels.items():
        if (difference := _difference(executor.accumulators(frames), wanted)) is not None:
            return Verdict("wrong", f"{name} {difference}")
    if rtl is not None:
        stitch(dataflow, rtl, config.board.part, config.clk_period_ns)
        with open_rtl(rtl) as accelerator:
            if (difference := _difference(accelerator.run(frames).accumulators, wanted)) is not None:
                return Verdict("wrong", f"RTL {difference}")
    return Verdict("exact")


def _frames(shape: list[int], seed: int) -> npt.NDArray[np.uint8]:
    """Random pictures (FRAMES, H, W, C), one of them black and one white."""
    channels, height, width = shape
    frames = np.random.default_rng(seed).integers(0, 256, (FRAMES, height, width, channels)).astype(np.uint8)
    frames[0], frames[1] = 0, 255
    return frames


def _by_qonnx(model: onnx.ModelProto, frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """What qonnx's executor gives, (FRAMES, elements): one output behind the other, each by row, column and channel."""
    wrapper = ModelWrapper(model).transform(InferShapes())
    names = [value.name for value in wrapper.graph.output]
    answers = []
    for plane in frames.transpose(0, 3, 1, 2).astype(np.float32):
        found = execute_onnx(wrapper, {"pixels": plane[np.newaxis]})
        parts = [found[name] for name in names]
        answers.append([part.transpose(0, 2, 3, 1).ravel() if part.ndim == 4 else part.ravel() for part in parts])
    return np.array([np.concatenate(answer) for answer in answers])


def _difference(found: npt.NDArray[np.int64], wanted: npt.NDArray[np.float64]) -> str | None:
    """What differs, None where nothing does."""
    if found.shape != wanted.shape:
        return f"has shape {found.shape}, qonnx {wanted.shape}"
    differing = np.argwhere(found != wanted)
    if not len(differing):
        return None
    first = tuple(differing[0])
    return f"differs in {len(differing)} of {wanted.size}, first {found[first]} for {wanted[first]} at {first}"
