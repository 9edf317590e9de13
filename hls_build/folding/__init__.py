# SPDX-License-Identifier: Apache-2.0
"""Choose every layer's folding by an integer programme over options that the compiler itself priced."""
