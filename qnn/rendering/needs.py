# SPDX-License-Identifier: Apache-2.0
"""What rendering needs besides the rest of the host's packages."""

from __future__ import annotations

from importlib.util import find_spec

PACKAGES = ("anny", "numba", "roma", "trimesh")


def check_installed() -> None:
    """See whether it is installed.

    Raises:
        RuntimeError: It is not.
    """
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise RuntimeError(
            f"rendering needs the Python packages {', '.join(PACKAGES)}, {', '.join(missing)} not installed: in"
            " AUFlow's repository run `pip install --no-deps --requirement requirements/render-nodeps.txt`"
        )
