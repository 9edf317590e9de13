# SPDX-License-Identifier: Apache-2.0
"""From a picture to the faces in it, cut out as the network takes them."""

from board.core.opencv import load_opencv

load_opencv()
