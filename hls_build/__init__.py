# SPDX-License-Identifier: Apache-2.0
"""The compiler: QONNX to an exact integer graph, to a FINN+ dataflow accelerator, to RTL and its simulation."""
