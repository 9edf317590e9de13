# SPDX-License-Identifier: Apache-2.0
"""What the compiler writes stays as it was to the last byte, unless a commit says which file changed and why.

Of model.onnx, all but its real numbers: they differ in their last bits from one processor to another, whose torch adds
in another order. The integers that become of them do not, and integer.npz has all of these.

`python tests/test_frozen.py` writes tests/frozen.json anew, from what the compiler writes now.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

ROOT = Path(__file__).parents[1]
FROZEN = Path(__file__).with_name("frozen.json")
NAMES = ("tiny", "w4a4")
FILES = ("model.onnx", "integer.npz", "accelerator.json")


def digests(name: str, out: Path) -> dict[str, str]:
    """sha256 of every file that a build of pynq-z2_NAME.toml has after its step `compile`."""
    config = ROOT / "hls_build" / "config" / "builds" / f"pynq-z2_{name}.toml"
    command = [sys.executable, "-m", "hls_build.cli.main", "build", "--config", str(config), "--out", str(out)]
    subprocess.run([*command, "--stop-after", "compile"], check=True, capture_output=True, cwd=ROOT)
    files = [out / file for file in FILES] + sorted(path for path in (out / "rtl").iterdir() if path.is_file())
    return {path.relative_to(out).as_posix(): digest(path) for path in files}


def digest(path: Path) -> str:
    """sha256 of a file, or of what it says."""
    return hashlib.sha256(SAID.get(path.name, Path.read_bytes)(path)).hexdigest()


def said_by_arrays(path: Path) -> bytes:
    """What the members of an .npz hold, since another zlib packs them otherwise."""
    with ZipFile(path) as packed:
        members = [(name, hashlib.sha256(packed.read(name)).hexdigest()) for name in sorted(packed.namelist())]
    return repr(members).encode()


def said_by_model(path: Path) -> bytes:
    """Nodes, edges, attributes and whole numbers of an ONNX file; of real numbers only how many there are."""
    graph = onnx.load(path).graph
    nodes = [
        (node.op_type, node.name, *node.input, *node.output, *sorted(map(str, node.attribute))) for node in graph.node
    ]
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    numbers = [
        (name, array.shape, array.tolist() if (array == np.round(array)).all() else "real")
        for name, array in sorted(arrays.items())
    ]
    return repr((nodes, numbers, str(graph.input), str(graph.output))).encode()


def said_by_contract(path: Path) -> bytes:
    """accelerator.json without the digest of model.onnx."""
    return json.dumps({**json.loads(path.read_text()), "model_sha256": None}).encode()


SAID = {"model.onnx": said_by_model, "integer.npz": said_by_arrays, "accelerator.json": said_by_contract}


@pytest.mark.parametrize("name", NAMES)
def test_the_compiler_writes_what_it_wrote(name: str, tmp_path: Path) -> None:
    frozen = json.loads(FROZEN.read_text())[name]
    found = digests(name, tmp_path / name)
    changed = sorted(file for file in frozen.keys() | found.keys() if frozen.get(file) != found.get(file))
    assert changed == []


def freeze() -> None:
    """Write frozen.json."""
    with tempfile.TemporaryDirectory() as folder:
        content = {name: digests(name, Path(folder) / name) for name in NAMES}
    FROZEN.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    freeze()
