# SPDX-License-Identifier: Apache-2.0
"""Explain what a network sees: HiResCAM and Grad-CAM heat maps per AU, over one face or over a dataset."""
