# SPDX-License-Identifier: Apache-2.0
"""What a compilation left, for Python."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from board.core.plain_contract import PlainContract
from board.deployment import Deployment
from board.executors import open_executor
from hls_build.build import model_flow
from hls_build.build.model_flow import ModelJob
from hls_build.build_folder import BuildFolder
from hls_build.cost.resources import Resources


@dataclass(frozen=True)
class Compiled:
    """A model that was compiled to its end.

    Attributes:
        folder: Where all is: rtl/, report/index.html, deploy/ and what docs/formats.md names.
    """

    folder: Path

    @property
    def deploy(self) -> Path:
        """The deployment package."""
        return BuildFolder(self.folder).deploy

    @cached_property
    def contract(self) -> PlainContract:
        """What the accelerator takes and gives."""
        return PlainContract.load(BuildFolder(self.folder).contract)

    @property
    def verdict(self) -> str:
        """How many frames, which executors, how many differences."""
        return str(BuildFolder(self.folder).read_report("parity")["verdict"])

    @cached_property
    def simulation(self) -> dict[str, Any]:
        """Figures of the simulated RTL: report/simulation.json."""
        return BuildFolder(self.folder).read_report("simulation")

    @property
    def frames_per_second(self) -> float:
        """Simulated, at the clock that it is compiled for."""
        return float(1e6 * self.contract.clock_mhz / self.simulation["interval_cycles"])

    @property
    def latency_ms(self) -> float:
        """From a frame's first pixel to its first result, simulated."""
        return float(self.simulation["first_out_cycles"] / self.contract.clock_mhz / 1000)

    @property
    def resources(self) -> Resources:
        """What the accelerator takes, estimated."""
        return Resources.from_json(BuildFolder(self.folder).read_report("estimate")["total"])

    def run(self, frames: npt.NDArray[np.uint8], executor: str = "numpy") -> npt.NDArray[np.float64]:
        """Compute frames.

        Args:
            frames: uint8 of shape (N, height, width, channels).
            executor: One of board.executors.CHOICES; all give the same.

        Returns:
            Real outputs, float64 (N, height, width, channels); of a model with several outputs their elements, one
            output behind the other.
        """
        return self.contract.real(self._integers(frames, executor))

    def run_heads(self, frames: npt.NDArray[np.uint8], executor: str = "numpy") -> dict[str, npt.NDArray[np.float64]]:
        """Compute frames by a model with several outputs.

        Args:
            frames: As `run` takes them.
            executor: Likewise.

        Returns:
            Real outputs by their names, float64 (N, height, width, channels) each.

        Raises:
            ValueError: The model has one output.
        """
        return self.contract.by_head(self._integers(frames, executor))

    def _integers(self, frames: npt.NDArray[np.uint8], executor: str) -> npt.NDArray[np.int64]:
        running = open_executor(Deployment(self.deploy), executor)
        try:
            return running.accumulators(frames)
        finally:
            running.close()


def compile_model(
    model: Path | str,
    board: str,
    fps: float | None,
    clock_mhz: float | None,
    single_clock: bool,
    out: Path | str | None,
    inputs: npt.NDArray[np.uint8] | Path | str | None,
    frames: int,
    resume: bool,
) -> Compiled:
    """What `hls_build.compile` does."""
    model, given = Path(model), Path(inputs) if isinstance(inputs, str) else inputs
    folder = BuildFolder(Path(out) if out is not None else Path("build") / model_flow.build_name(model))
    wish = model_flow.wish(board, fps, clock_mhz, single_clock)
    job = ModelJob(folder, model, wish, frames, given, True, Console(quiet=True), None)
    model_flow.run(job, None, resume)
    return Compiled(folder.root)
