# SPDX-License-Identifier: Apache-2.0
"""The shell of a build: its digest, its board's memory port, and a self-test that the integer graph has answered."""

from __future__ import annotations

import dataclasses

import numpy as np

from board.core.contract import AcceleratorContract
from board.core.graph import IntegerGraph
from board.core.parts import is_zynqmp, memory_port
from board.driver.debug import build_digest
from board.executors.numpy_executor import NumpyExecutor
from hls_build.config.shells import LEAN_SHELL, OWN_SHELL
from hls_build.rtl.stitch import Stitched
from hls_build.shell.spec import SelfTest, ShellSpec


def shell_of(
    stitched: Stitched, contract: AcceleratorContract, graph: IntegerGraph, shell: str = OWN_SHELL
) -> ShellSpec:
    """The shell round a build's accelerator.

    Args:
        stitched: What its RTL folder holds.
        contract: Of the build.
        graph: Its integer graph, which answers the self-test's frame.
        shell: OWN_SHELL has all parts; LEAN_SHELL no self-test, counters, checks and fills of FIFOs.
    """
    lean, (word_bytes, addr_bits) = shell == LEAN_SHELL, memory_port(contract.part)
    spec = ShellSpec.of(stitched, build_digest(contract), None if lean else self_test_of(contract, graph))
    if lean:
        spec = dataclasses.replace(spec, check=False, counters=False, fifos=())
    axi3 = not is_zynqmp(contract.part)
    return dataclasses.replace(spec, word_bytes=word_bytes, addr_bits=addr_bits, axi3=axi3)


def self_test_of(contract: AcceleratorContract, graph: IntegerGraph) -> SelfTest:
    """A grey frame of noise, nobody's picture, and the graph's answer to it."""
    height, width, channels = contract.shape
    grey = np.random.default_rng(0).integers(0, 256, (1, height, width, 1), np.uint8)
    frame = np.repeat(grey, channels, axis=3)
    answer = NumpyExecutor(graph).accumulators(frame)
    return SelfTest.of(contract.input_stream.lane_rule.pack(frame), contract.output_stream.lane_rule.pack(answer))
