# SPDX-License-Identifier: Apache-2.0
"""The network: float CBAM-CNN, its quantized network, data, training and export to QONNX."""
