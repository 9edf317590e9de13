# SPDX-License-Identifier: Apache-2.0
"""FINN+'s settings outside of its own command line."""

from __future__ import annotations

import os
from typing import Any

from finn.util.exception import FINNUserError
from finn.util.settings import get_settings, initialize_dummy_settings

from board.core.files import writable_cache


def finn_settings() -> Any:
    """FINN+'s settings object, with its defaults where its command line has not made one."""
    try:
        return _settings()
    except OSError:  # it makes ~/.finn, which a container's user cannot
        os.environ["FINN_SETTINGS"] = str(writable_cache("finn") / "settings.yaml")
        return _settings()


def _settings() -> Any:
    try:
        return get_settings()
    except FINNUserError:
        initialize_dummy_settings()
        return get_settings()
