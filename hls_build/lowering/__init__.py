# SPDX-License-Identifier: Apache-2.0
"""QONNX to the exact integer graph: every scalar function between two quantizers becomes thresholds."""

from hls_build.lowering.lower import lower, lower_file

__all__ = ["lower", "lower_file"]
