# SPDX-License-Identifier: Apache-2.0
"""What every part of the host and of the compiler rests on: FACS, the integer graph, its arithmetic, the contract."""
