# SPDX-License-Identifier: Apache-2.0
"""The host side: what a PYNQ board and the compiler share, on numpy, OpenCV and the standard library."""
