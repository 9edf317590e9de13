# SPDX-License-Identifier: Apache-2.0
"""The folding search: choose every layer's folding by a MILP over options that the compiler itself estimates."""
