# SPDX-License-Identifier: Apache-2.0
"""Check of a network before it is trained: what of it has hardware, what is refused and why."""
