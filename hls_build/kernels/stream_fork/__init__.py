# SPDX-License-Identifier: Apache-2.0
"""StreamFork: one stream to several."""
