# SPDX-License-Identifier: Apache-2.0
"""The compiler: QONNX to an exact integer graph, to a FINN+ dataflow accelerator, to RTL and its simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that importing this package stays cheap
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from hls_build.build.compiled import Compiled


def compile(
    model: Path | str,
    board: str = "Pynq-Z2",
    fps: float | None = None,
    clock_mhz: float | None = None,
    single_clock: bool = False,
    out: Path | str | None = None,
    inputs: npt.NDArray[np.uint8] | Path | str | None = None,
    frames: int = 2,
    resume: bool = False,
) -> Compiled:
    """Compile a QONNX model to an accelerator, prove it equal to the model, and pack it for a board.

    Does what `auflow compile` does, with the same folder, and says nothing meanwhile; build.log has the steps.

    Args:
        model: A QONNX file with one input (1, C, H, W) of the integers 0 to 255.
        board: One of `auflow fold --help`'s.
        fps: Frames per second to reach; None for as many as fit.
        clock_mhz: Clock of the accelerator; None takes the board's.
        single_clock: No DSPs at twice the clock.
        out: Folder to write to; None takes build/<name of the model>.
        inputs: Frames to compare besides noise, uint8 (N, H, W, C), or an .npy file of them.
        frames: Frames through the simulated RTL, beside test patterns.
        resume: Keep the finished steps of an interrupted compilation.

    Returns:
        What it left.

    Raises:
        ValueError: The model has what cannot be compiled exactly, does not fit, or an argument cannot be: in one
            sentence.
        RuntimeError: A tool is missing or failed, or an executor differs from the model.
    """
    from hls_build.build.compiled import compile_model

    return compile_model(model, board, fps, clock_mhz, single_clock, out, inputs, frames, resume)
