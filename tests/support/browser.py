# SPDX-License-Identifier: Apache-2.0
"""Chromium without a window, by chromedriver's protocol."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


class Browser:
    """One tab.

    Args:
        profile: A folder of its own.
        size: Width and height of the page in pixels.
        dark: Whether it prefers dark colours.
    """

    def __init__(self, profile: Path, size: tuple[int, int] = (1400, 900), dark: bool = False) -> None:
        driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
        if driver is None or chromium is None:
            pytest.skip("needs chromium and chromedriver (Debian: apt install chromium chromium-driver)")
        self._log = open(profile / "driver.log", "w+")  # noqa: SIM115 # closed by __exit__
        self._driver = subprocess.Popen([driver, "--port=0"], stdout=self._log, stderr=subprocess.STDOUT)
        port = wait_for(self._port)
        options = {
            "binary": chromium,
            "args": [
                *ARGUMENTS,
                f"--user-data-dir={profile}",
                f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            ],
            "mobileEmulation": {
                "deviceMetrics": {"width": size[0], "height": size[1], "pixelRatio": 1, "touch": False}
            },
        }
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self._url = f"http://127.0.0.1:{port}"
        made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._url += f"/session/{made['sessionId']}"

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._ask("DELETE", "", None)
        finally:
            self._driver.terminate()
            self._driver.wait(10)
            self._log.close()

    def go(self, url: str) -> None:
        """Open a page; one whose streams never end is not waited for."""
        self._ask("POST", "/timeouts", {"pageLoad": 20000, "script": 20000})
        self._ask("POST", "/url", {"url": url})

    def run(self, script: str) -> Any:
        """What a script returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": []})

    def until(self, script: str, timeout_s: float = 20.0) -> Any:
        """Wait until a script returns something that is true."""
        return wait_for(lambda: self.run(script), timeout_s, script)

    def errors(self) -> list[str]:
        """What went wrong in the page since the last call: errors of scripts, refused and failed requests."""
        return [one["message"] for one in self._ask("POST", "/se/log", {"type": "browser"}) if one["level"] == "SEVERE"]

    def screenshot(self, path: Path) -> None:
        """What a person sees, as PNG."""
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot", None)))

    def _port(self) -> int | None:
        self._log.flush()
        said = Path(self._log.name).read_text()
        _, found, rest = said.partition("started successfully on port ")
        return int(rest.split(".")[0]) if found and "." in rest else None

    def _ask(self, method: str, path: str, content: Any) -> Any:
        body = None if content is None else json.dumps(content).encode()
        request = Request(self._url + path, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except HTTPError as error:
            raise RuntimeError(error.read().decode(errors="replace")[:800]) from None


def wait_for(found: Callable[[], Any], timeout_s: float = 20.0, what: str = "it") -> Any:
    """The first answer that is true."""
    deadline = time.monotonic() + timeout_s
    while not (value := found()):
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s for {what}"
        time.sleep(0.05)
    return value
