# SPDX-License-Identifier: Apache-2.0
"""The dataflow graph while it is written: links, rules of folding, and what FINN+'s own blocks make of a layer."""
