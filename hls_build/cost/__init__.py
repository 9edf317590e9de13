# SPDX-License-Identifier: Apache-2.0
"""What every block of an accelerator takes on a 7-series device, from its parameters and what it compares with.

DSP slices and block RAMs are counted as the RTL's parameters and the shapes of its memories say; LUTs and flip-flops
by the structure of the RTL, with few coefficients fitted to synthesis, and a table of it for width converters
(hls_build.yosys.calibrate).
"""
