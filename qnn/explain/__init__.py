# SPDX-License-Identifier: Apache-2.0
"""Where a network looks: heat maps per AU, over one face or over a dataset."""
