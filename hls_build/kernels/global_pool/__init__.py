# SPDX-License-Identifier: Apache-2.0
"""GlobalPool: sum and maximum over the pixels of a frame."""
