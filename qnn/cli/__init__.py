# SPDX-License-Identifier: Apache-2.0
"""The commands of the network, a file each: options, and what is printed; the work is done elsewhere."""
