# SPDX-License-Identifier: Apache-2.0
"""The folder of a build: where it keeps what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from board.core.files import read_json, write_json
from board.deployment import BITFILE, CONTRACT, HANDOFF, INTEGER, LIBRARY

Report = Literal["export", "estimate", "parity", "simulation", "bitstream", "synthesis"]
"""Names of the files in report/ that steps and commands write, each for one."""


@dataclass(frozen=True)
class BuildFolder:
    """Where a build keeps what; `root` is build/<name>."""

    root: Path

    @property
    def state(self) -> Path:
        """Finished steps and what they were made from."""
        return self.root / "build.json"

    @property
    def log(self) -> Path:
        """What happened, with times."""
        return self.root / "build.log"

    @property
    def integer(self) -> Path:
        """The integer graph."""
        return self.root / INTEGER

    @property
    def dataflow(self) -> Path:
        """The FINN+ graph."""
        return self.root / "dataflow.onnx"

    @property
    def contract(self) -> Path:
        """What the host needs to know."""
        return self.root / CONTRACT

    @property
    def rtl(self) -> Path:
        """Sources, memory files and their manifest."""
        return self.root / "rtl"

    @property
    def sim(self) -> Path:
        """The verilated accelerator."""
        return self.root / "sim"

    @property
    def library(self) -> Path:
        """Shared library of the verilated accelerator."""
        return self.root / LIBRARY

    @property
    def finn(self) -> Path:
        """What FINN+ writes on the way."""
        return self.root / "finn"

    @property
    def bitfile(self) -> Path:
        """The bitstream, where Vivado made one."""
        return self.root / BITFILE

    @property
    def handoff(self) -> Path:
        """The bitstream's description for pynq."""
        return self.root / HANDOFF

    @property
    def vivado(self) -> Path:
        """The Vivado project as an archive, and unpacked where it was run."""
        return self.root / "vivado"

    @property
    def deploy(self) -> Path:
        """The deployment package."""
        return self.root / "deploy"

    @property
    def archive(self) -> Path:
        """The deployment package as one file."""
        return self.root / f"{self.root.resolve().name}.zip"

    @property
    def report(self) -> Path:
        """Figures as JSON."""
        return self.root / "report"

    @property
    def timeline(self) -> Path:
        """When every stream moved, recorded for the report's page."""
        return self.report / "timeline.npz"

    @property
    def vivado_reports(self) -> Path:
        """Vivado's own reports."""
        return self.report / "vivado"

    def report_file(self, name: Report) -> Path:
        """report/<name>.json."""
        return self.report / f"{name}.json"

    def write_report(self, name: Report, content: Mapping[str, Any]) -> None:
        """Write report/<name>.json."""
        write_json(self.report_file(name), content)

    def read_report(self, name: Report) -> dict[str, Any]:
        """Read report/<name>.json.

        Raises:
            ValueError: The build did not get that far.
        """
        content: dict[str, Any] = read_json(
            self.report_file(name), f"the {name} report of a build", "run `auflow build` to its end first"
        )
        return content
