# SPDX-License-Identifier: Apache-2.0
"""The network: float CBAM-CNN, its quantized twin, data, training and export to QONNX."""
