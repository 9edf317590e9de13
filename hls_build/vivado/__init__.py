# SPDX-License-Identifier: Apache-2.0
"""Vivado: the simulated graph and RTL as a relocatable project made by FINN+'s own steps, and the project's run."""
