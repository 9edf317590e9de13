# SPDX-License-Identifier: Apache-2.0
"""The `auflow` command of the host."""
