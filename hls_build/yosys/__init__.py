# SPDX-License-Identifier: Apache-2.0
"""Open synthesis: what a block costs on a 7-series device, counted by Yosys."""
