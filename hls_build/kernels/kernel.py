# SPDX-License-Identifier: Apache-2.0
"""Kernel: what a kernel's folder registers of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from board.core.node import Node
from hls_build.dataflow.graph_writer import Translator
from hls_build.kernels.kernel_node import KernelNode
from hls_build.kernels.kernel_spec import KernelSpec
from hls_build.lowering.rule import Rule


@dataclass(frozen=True)
class Kernel:
    """One kernel as everything else finds it; the folder's __init__.py holds it as KERNEL.

    Attributes:
        node: FINN node class, whose spec_type is the kernel's spec.
        layers: What writes each kind of layer of the integer graph that the kernel computes.
        rules: What makes such layers of QONNX nodes.
    """

    node: type[KernelNode]
    layers: Mapping[type[Node], Translator] = field(default_factory=dict)
    rules: Sequence[Rule] = ()

    @property
    def spec(self) -> type[KernelSpec]:
        """Class of its specs."""
        return self.node.spec_type

    @property
    def name(self) -> str:
        """Name of its SystemVerilog module, and of its folder."""
        return self.spec.module
