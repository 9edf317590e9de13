# SPDX-License-Identifier: Apache-2.0
"""The command line of a board: `auflow detect`, `auflow parity`, `auflow bench`."""
