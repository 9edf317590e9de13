# SPDX-License-Identifier: Apache-2.0
"""The weights in the repository as a deployment, so that detection works right after set-up."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from board.deployment import MANIFEST

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINT = ROOT / "qnn/checkpoints/w4a4.safetensors"
MAKERS = ("board", "qnn", "hls_build/lowering")
"""Folders of all code that such a deployment depends on."""


def software(checkpoint: Path = CHECKPOINT) -> Path:
    """A deployment without an accelerator, made of a checkpoint once and kept in the user's cache.

    Args:
        checkpoint: A quantized .safetensors file with its card.

    Returns:
        Its folder, for the backends `numpy` and `onnx`.
    """
    code = [path for folder in MAKERS for path in sorted((ROOT / folder).rglob("*.py"))]
    cache = Path(os.environ.get("AUFLOW_CACHE", "~/.cache/auflow")).expanduser() / "deployments"
    out = cache / f"{checkpoint.stem}-{_digest([checkpoint, checkpoint.with_suffix('.json'), *code])}"
    if not (out / MANIFEST).is_file():
        print(f"auflow: preparing the weights {checkpoint.stem}, this once", file=sys.stderr)
        from hls_build.build.package import write_software  # torch takes seconds to import

        cache.mkdir(parents=True, exist_ok=True)
        write_software(checkpoint, out)
    return out


def _digest(files: Sequence[Path]) -> str:
    """Sixteen digits that change with any of the files; one that is missing counts as empty."""
    content = (path.read_bytes() if path.is_file() else b"" for path in files)
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in content)).hexdigest()[:16]
