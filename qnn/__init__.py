# SPDX-License-Identifier: Apache-2.0
"""The network: float CBAM-CNN, its quantised twin, data, training and export to QONNX."""
