# SPDX-License-Identifier: Apache-2.0
"""Rendered faces: heads of anny, moved by FACS actions of exact strength, lit and drawn by a small rasteriser."""
