# SPDX-License-Identifier: Apache-2.0
"""The host side: what a PYNQ board and the compiler share, on numpy, OpenCV and the standard library."""

import os

__version__ = "0.2.0"
"""Of all three packages: both distributions read it here."""

# Read when numpy is first imported. More threads make the integer graph's small matrices no faster, and take the cores
# on which the pipeline's other stages run.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Read when OpenCV is first imported, which takes memory for all pixels that a broken file announces.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 26))
