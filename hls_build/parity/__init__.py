# SPDX-License-Identifier: Apache-2.0
"""The executors of a build in software, from the quantized network to FINN+'s graph, for the ladder of board.parity."""
