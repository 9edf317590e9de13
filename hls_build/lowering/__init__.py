# SPDX-License-Identifier: Apache-2.0
"""QONNX to the exact integer graph: every scalar function between two quantizers becomes activation thresholds."""
