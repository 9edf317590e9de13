# SPDX-License-Identifier: Apache-2.0
"""What computes YuNet's network: ncnn where it is installed, else OpenCV's own dnn."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import cv2
import numpy as np

from board.core.arrays import Pixels

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

MULTIPLE_PX = 32
"""Sides of the network's input are multiples of it, and at least two: OpenCV's dnn computes nonsense with one."""
OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32))
"""Names in the ONNX file; ncnn's conversion calls them out0, out1, ... in this order."""
TINT = (0.73, 0.82, 1.0)
"""Blue, green and red that a grey picture is given: skin's. YuNet was trained on colours and finds more faces so."""

Blob: TypeAlias = "npt.NDArray[np.float32]"


class Network(Protocol):
    """YuNet on one runtime.

    Attributes:
        runtime: What computes, with its version.
    """

    runtime: str

    def run(self, picture: Pixels) -> Callable[[str], Blob]:
        """Compute.

        Args:
            picture: uint8, grey (H, W) or RGB (H, W, 3), both sides multiples of MULTIPLE_PX.

        Returns:
            Gives each of OUTPUTS by its name, (cells, values): 1 value for cls and obj, 4 for bbox, 10 for kps.
        """


class Ncnn:
    """ncnn on one thread, in single precision as OpenCV computes too.

    Args:
        param: The network as pnnx converts it.
        weights: Its weights.

    Raises:
        RuntimeError: ncnn is not installed, or does not load the files.
    """

    def __init__(self, param: Path, weights: Path) -> None:
        try:
            import ncnn
        except ImportError as error:
            raise RuntimeError(f"ncnn must be installed for this, got {error}: pip install --no-deps ncnn") from None
        self.runtime = f"ncnn {ncnn.__version__}"
        kinds = ncnn.Mat.PixelType
        self._from_pixels, self._grey, self._rgb = ncnn.Mat.from_pixels, kinds.PIXEL_GRAY2BGR, kinds.PIXEL_RGB2BGR
        self._net = ncnn.Net()
        self._net.opt.num_threads = 1  # a board's other core has other work
        for half in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(self._net.opt, half, False)
        if self._net.load_param(str(param)) or self._net.load_model(str(weights)):
            raise RuntimeError(f"ncnn must load {param} and its weights, {self.runtime} does not: install another one")

    def run(self, picture: Pixels) -> Callable[[str], Blob]:
        """See Network; what nobody asks for is not computed."""
        height, width = picture.shape[:2]
        pixels = self._from_pixels(picture, self._rgb if picture.ndim == 3 else self._grey, width, height)
        if picture.ndim == 2:
            pixels.substract_mean_normalize([], TINT)
        extractor = self._net.create_extractor()
        extractor.input("in0", pixels)
        return lambda name: np.array(extractor.extract(f"out{OUTPUTS.index(name)}")[1])


class OpenCv:
    """OpenCV's dnn, from 4.5.4 on.

    Args:
        model: The ONNX file.

    Raises:
        RuntimeError: This OpenCV has no dnn or does not read the file.
    """

    def __init__(self, model: Path) -> None:
        self.runtime = f"OpenCV {cv2.__version__}"
        if not hasattr(cv2, "dnn"):
            raise RuntimeError(f"finder yunet needs ncnn or OpenCV's dnn, {self.runtime} has none: install ncnn")
        try:
            self._net = cv2.dnn.readNetFromONNX(str(model))
        except cv2.error as error:
            raise RuntimeError(
                f"finder yunet needs ncnn or an OpenCV that reads {model.name}, {self.runtime} does not ({error.err}):"
                " install ncnn"
            ) from None

    def run(self, picture: Pixels) -> Callable[[str], Blob]:
        """See Network."""
        if picture.ndim == 3:
            bgr = picture[..., ::-1].astype(np.float32)
        else:
            bgr = np.multiply.outer(picture.astype(np.float32), np.array(TINT, np.float32))
        self._net.setInput(np.ascontiguousarray(bgr.transpose(2, 0, 1)[np.newaxis]))
        found = dict(zip(OUTPUTS, self._net.forward(OUTPUTS), strict=True))
        return lambda name: np.asarray(found[name], np.float32)[0]


def open_network(model: Path, converted: tuple[Path, Path] | None) -> Network:
    """The fastest runtime that is there.

    Args:
        model: The ONNX file.
        converted: The same for ncnn, network and weights; None where it was not converted.

    Raises:
        RuntimeError: No runtime is there, or it does not read its file.
    """
    return Ncnn(*converted) if converted is not None and find_spec("ncnn") else OpenCv(model)
