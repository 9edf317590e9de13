# SPDX-License-Identifier: Apache-2.0
"""CBAM-CNN for action units: data, float and quantized network, export to QONNX, training (QAT), evaluation."""

import board  # noqa: F401 # before OpenCV, whose limit it sets
