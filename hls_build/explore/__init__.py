# SPDX-License-Identifier: Apache-2.0
"""Exploration: networks, boards and frame rates through folding, build, synthesis and evaluation, and their front."""
