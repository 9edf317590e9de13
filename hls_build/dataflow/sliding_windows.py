# SPDX-License-Identifier: Apache-2.0
"""FINN+'s padding and sliding window, which stand before whatever looks at a neighbourhood of pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from board.core.arrays import Integers
from board.core.layers.conv import windows
from hls_build.config.folding import Folding
from hls_build.dataflow import rules
from hls_build.dataflow.graph_writer import GraphWriter
from hls_build.dataflow.links import Link


@dataclass(frozen=True)
class Geometry:
    """How a window moves over a map.

    Attributes:
        name: Of the layer, for its helpers and for errors.
        shape: (height, width, channels) of the map.
        kernel: Rows and columns of the window.
        strides: Rows and columns from one window to the next.
        pads: Zeros above, before, below and behind the map.
    """

    name: str
    shape: tuple[int, int, int]
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, ...]

    @property
    def padded(self) -> tuple[int, int]:
        """Rows and columns of the map with its zeros."""
        (height, width, _), (above, before, below, behind) = self.shape, self.pads
        return height + above + below, width + before + behind

    @property
    def windows(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        return windows(self.shape[:2], self.kernel, self.strides, self.pads)

    @property
    def is_pixel(self) -> bool:
        """Whether every pixel is a window of its own, for which no hardware is needed."""
        return self.kernel == self.strides == (1, 1) and not any(self.pads)

    def cycles(self, lanes: int) -> int:
        """Cycles per frame of a sliding window: to give its elements, or to take the map where that is more."""
        given, taken = prod(self.windows) * prod(self.kernel), prod(self.padded)
        return max(given, taken) * self.shape[2] // lanes

    def fill(self, lanes: int) -> int:
        """Beats of a padded map that a sliding window takes before its first output."""
        return rules.window_fill_beats(self.padded[1], self.shape[2], self.kernel, lanes)

    def column_fill(self, lanes: int) -> int:
        """Beats of a map that our window by columns takes before its first output."""
        return rules.column_window_fill_beats(self.shape[1], self.shape[2], self.kernel, self.pads, lanes)

    @property
    def has_columns(self) -> bool:
        """Whether our window by columns moves so: from pixel to pixel, and padding is narrower than a window."""
        above, before, below, behind = self.pads
        rows, columns = self.kernel
        return self.strides == (1, 1) and max(above, below) < rows and max(before, behind) < columns

    @property
    def elements_ahead(self) -> int:
        """Elements to hold before a sliding window."""
        return rules.window_fifo_elements(*self.shape, self.kernel[0])

    def check(self) -> None:
        """Refuse what FINN+'s sliding window does not do.

        Raises:
            ValueError: The map has a side of one pixel, or windows of more than a pixel lie apart.
        """
        rows, columns = self.shape[:2]
        if min(rows, columns) < 2:
            raise ValueError(f"{self.name} needs at least 2x2 pixels for its sliding window, got {rows}x{columns}")
        if self.kernel == (1, 1) and all(n > 1 or side == 1 for n, side in zip(self.windows, self.padded, strict=True)):
            return
        if any(stride > side for stride, side in zip(self.strides, self.kernel, strict=True)):
            raise ValueError(
                f"{self.name} needs strides no greater than its window of {self.kernel[0]}x{self.kernel[1]}, got"
                f" {self.strides[0]} and {self.strides[1]}"
            )


def slide(writer: GraphWriter, geometry: Geometry, link: Link, folding: Folding, depthwise: bool = False) -> Link:
    """The windows of a map, each as one pixel: by row, column and channel, or as window_order has it.

    Args:
        writer: Takes the nodes, called X_pad, X_pad_slice and X_window after the layer, or X_window alone.
        geometry: Of the window.
        link: The map, in the window's lanes.
        folding: Of the layer.
        depthwise: Whether each beat's channels come with their whole window before the next ones do.
    """
    geometry.check()
    name, lanes, channels = geometry.name, link.lanes, link.shape[2]
    if folding.window == "columns":
        return _slide_by_columns(writer, geometry, link)
    if any(geometry.pads):
        padded = replace(link, tensor=f"{name}_pad", shape=(*geometry.padded, channels))
        writer.tensor(padded.tensor, padded.shape, link.datatype)
        writer.rtl(
            "FMPadding_rtl",
            padded.tensor,
            [link.tensor],
            padded.tensor,
            ImgDim=list(link.shape[:2]),
            Padding=list(geometry.pads),
            NumChannels=channels,
            SIMD=lanes,
            inputDataType=link.datatype,
            numInputVectors=1,
        )
        link = writer.cut(padded)  # the window's ready is long logic, the padding's control too
    result = replace(link, tensor=f"{name}_window", shape=(*geometry.windows, prod(geometry.kernel) * channels))
    writer.tensor(result.tensor, result.shape, link.datatype)
    beats = ((geometry.kernel[0] - 1) * link.shape[1] + geometry.kernel[1]) * channels // lanes
    writer.rtl(
        "ConvolutionInputGenerator_rtl",
        result.tensor,
        [link.tensor],
        result.tensor,
        ConvKernelDim=list(geometry.kernel),
        IFMChannels=channels,
        IFMDim=list(link.shape[:2]),
        OFMDim=list(geometry.windows),
        SIMD=lanes,
        Stride=list(geometry.strides),
        Dilation=[1, 1],
        inputDataType=link.datatype,
        outputDataType=link.datatype,
        depthwise=int(depthwise),
        is1D=0,
        parallel_window=0,
        ram_style=rules.memory_style(folding.window_ram_style, beats, lanes * link.bits),
    )
    return replace(result, cycles=max(link.cycles, geometry.cycles(lanes)))


def window_order(geometry: Geometry, folding: Folding) -> Integers:
    """Where the elements of a window, as it is given, stand in the order row, column, channel."""
    (rows, columns), channels = geometry.kernel, geometry.shape[2]
    places = np.arange(rows * columns * channels)
    if folding.window != "columns":
        return places
    lanes = folding.window_simd or channels
    return places.reshape(rows, columns, channels // lanes, lanes).transpose((1, 2, 0, 3)).ravel()


def _slide_by_columns(writer: GraphWriter, geometry: Geometry, link: Link) -> Link:
    """Windows by column, group of the link's lanes, row and channel, by our kernel."""
    if not geometry.has_columns:
        raise ValueError(
            f'{geometry.name} needs strides of 1 and padding narrower than its window for window = "columns", got'
            f" strides {geometry.strides[0]} and {geometry.strides[1]}, padding {list(geometry.pads)}"
        )
    (rows, _), channels = geometry.kernel, link.shape[2]
    result = replace(
        link,
        tensor=f"{geometry.name}_window",
        shape=(*geometry.windows, prod(geometry.kernel) * channels),
        lanes=rows * link.lanes,
    )
    writer.tensor(result.tensor, result.shape, link.datatype)
    node, cycles = writer.own.column_window(link, result, geometry.kernel, geometry.pads)
    writer.nodes.append(node)
    return replace(result, cycles=max(link.cycles, cycles))
