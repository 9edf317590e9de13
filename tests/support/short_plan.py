# SPDX-License-Identifier: Apache-2.0
"""A plan of a few epochs for the tiny architecture, which learns the faces of bands.py in seconds."""

from qnn.network.model import Architecture
from qnn.training.recipes import Plan, Recipe

TINY = Architecture(divisor=8)
FLOAT_RECIPE = Recipe(epochs=8, batch=16, learning_rate=1e-2, average=0.9)
QUANTIZED_RECIPE = Recipe(epochs=3, batch=8, learning_rate=1e-3, average=0.9, distillation_weight=1.0)
PLAN = Plan(FLOAT_RECIPE, QUANTIZED_RECIPE)
