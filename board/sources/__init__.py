# SPDX-License-Identifier: Apache-2.0
"""Where frames come from: pictures, videos, cameras, arrays."""

from board.core.opencv import load_opencv

load_opencv()
