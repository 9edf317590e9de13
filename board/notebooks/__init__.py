# SPDX-License-Identifier: Apache-2.0
"""Notebooks, in the place where `pynq get-notebooks` looks for them."""
