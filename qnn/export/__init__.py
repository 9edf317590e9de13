# SPDX-License-Identifier: Apache-2.0
"""From a checkpoint to QONNX and to standard ONNX, each equal to the quantized network by `==`."""
