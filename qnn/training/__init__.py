# SPDX-License-Identifier: Apache-2.0
"""Train the float network and quantized networks from it: runs, recipes, losses."""
