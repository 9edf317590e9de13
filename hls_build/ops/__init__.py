# SPDX-License-Identifier: Apache-2.0
"""Kernels of ours as FINN dataflow nodes; importing this package makes FINN find them by op_type."""

from finn.util.exception import FINNUserError
from finn.util.settings import get_settings, initialize_dummy_settings

try:
    get_settings()
except FINNUserError:
    initialize_dummy_settings()
