# SPDX-License-Identifier: Apache-2.0
"""The commands of the network: train, study, eval, tune, explain, export, complexity, data."""
