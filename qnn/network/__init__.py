# SPDX-License-Identifier: Apache-2.0
"""The float CBAM-CNN, its quantized network, presets and checkpoints."""
