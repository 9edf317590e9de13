# SPDX-License-Identifier: Apache-2.0
"""The verilated accelerator: streams beats through a simulation library, cycle by cycle."""
