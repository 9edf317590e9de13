# SPDX-License-Identifier: Apache-2.0
"""QONNX to the exact integer graph: every scalar function between two quantizers becomes activation thresholds."""

from hls_build.lowering.lower import HANDLERS, lower, lower_file

__all__ = ["HANDLERS", "lower", "lower_file"]
