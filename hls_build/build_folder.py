# SPDX-License-Identifier: Apache-2.0
"""The folder of a build: where it keeps what."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
        return self.root / "integer.npz"

    @property
    def dataflow(self) -> Path:
        """The FINN+ graph."""
        return self.root / "dataflow.onnx"

    @property
    def contract(self) -> Path:
        """What the host needs to know."""
        return self.root / "accelerator.json"

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
        return self.sim / "accelerator.so"

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

    def write_report(self, name: str, content: dict[str, Any]) -> None:
        """Write report/<name>.json."""
        self.report.mkdir(exist_ok=True)
        (self.report / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
