# SPDX-License-Identifier: Apache-2.0
"""Cycle-accurate simulation of the RTL: build a model with Verilator, stream beats through it, count."""
