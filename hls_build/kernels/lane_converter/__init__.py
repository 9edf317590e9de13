# SPDX-License-Identifier: Apache-2.0
"""LaneConverter: the same elements in more or fewer lanes."""
