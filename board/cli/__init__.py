# SPDX-License-Identifier: Apache-2.0
"""The command line of a board: what a command is, and `detect`, `bench`, `parity` and `completion`."""
