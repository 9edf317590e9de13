# SPDX-License-Identifier: Apache-2.0
"""Ablation studies: attention, losses, the dense head, bits, quantization-aware training."""
