# SPDX-License-Identifier: Apache-2.0
"""A build from checkpoint to deployment: its steps, its folder, its package."""
