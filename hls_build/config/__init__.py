# SPDX-License-Identifier: Apache-2.0
"""What a build is told: its board, its folding, its preset."""
