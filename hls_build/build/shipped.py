# SPDX-License-Identifier: Apache-2.0
"""The weights in the repository as a deployment, so that detection works right after set-up."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from board.core import cache
from board.core.files import sha256
from board.core.graph import IntegerGraph
from board.deployment import INTEGER
from hls_build.config.build import BuildConfig
from qnn.network import presets
from qnn.network.presets import shipped_checkpoint

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINT = shipped_checkpoint("w4a4")
"""What is taken where no weights are named."""
MAKERS = ("board", "qnn", "hls_build")
"""Packages whose code and settings such a deployment depends on."""


def software(checkpoint: Path = CHECKPOINT) -> Path:
    """A deployment without an accelerator, made of a checkpoint once and kept in the user's cache.

    Args:
        checkpoint: A quantized .safetensors file with its card.

    Returns:
        Its folder, for the executors `numpy` and `onnx`.
    """
    key = _digest([checkpoint, checkpoint.with_suffix(".json"), *makers()])

    def make(folder: Path) -> None:
        print(f"auflow: preparing the weights {checkpoint.stem}, this once", file=sys.stderr)
        from hls_build.build.package import write_software  # torch takes seconds to import

        write_software(checkpoint, folder)

    return cache.entry("deployments", f"{checkpoint.stem}-{key}", make)


def integer_graph(checkpoint: Path, attention: bool = False) -> IntegerGraph:
    """The network of a checkpoint as integers, with attention in its output where that is asked for."""
    if attention:
        from hls_build.compiler import lower_file
        from qnn.export import export  # torch takes seconds to import

        with tempfile.TemporaryDirectory() as folder:
            export.export(checkpoint, Path(folder), attention=True)
            return lower_file(Path(folder) / export.MODEL)
    return IntegerGraph.load(software(checkpoint) / INTEGER)


def checkpoint_of(path: Path, build: BuildConfig) -> Path:
    """The checkpoint that a build's file names, by name or relative to itself, else the preset's in the repository."""
    if build.checkpoint is None:
        return presets.preset_checkpoint(build.preset)
    return presets.checkpoint_of(build.checkpoint, path.parent)


def makers() -> list[Path]:
    """The files of all that makes a deployment: another one may make another."""
    found = (path for folder in MAKERS for path in (ROOT / folder).rglob("*"))
    return sorted(path for path in found if path.suffix in (".py", ".toml"))


def program() -> str:
    """Digest of `makers`: other code may find another result."""
    return _digest(makers())


def _digest(files: Sequence[Path]) -> str:
    """Sixteen digits that change with any of the files; or when one is missing."""
    return sha256("".join(sha256(path) if path.is_file() else "none" for path in files).encode())[:16]
