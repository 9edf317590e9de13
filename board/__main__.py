# SPDX-License-Identifier: Apache-2.0
"""`python -m board` is the `auflow` of a board."""

import sys

from board.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
