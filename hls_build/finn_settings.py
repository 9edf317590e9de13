# SPDX-License-Identifier: Apache-2.0
"""FINN+'s settings outside of its own command line."""

from __future__ import annotations

from typing import Any

from finn.util.exception import FINNUserError
from finn.util.settings import get_settings, initialize_dummy_settings


def finn_settings() -> Any:
    """FINN+'s settings object, with its defaults where its command line has not made one."""
    try:
        return get_settings()
    except FINNUserError:
        initialize_dummy_settings()
        return get_settings()
