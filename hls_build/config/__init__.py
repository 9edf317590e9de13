# SPDX-License-Identifier: Apache-2.0
"""What a build is told: its board, its folding, its preset. A board is a file in boards/, a build one in builds/."""
