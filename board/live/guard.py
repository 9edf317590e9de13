# SPDX-License-Identifier: Apache-2.0
"""The guard: which requests are answered. Another site's page must not reach this one through a visitor's browser."""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
import socket
from email.message import Message
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit

from board.core.files import whole

LOOPBACK = ("localhost", "127.0.0.1", "::1")
TOKEN_BYTES = 24
FOREIGN = ("cross-site", "same-site")
"""Values of Sec-Fetch-Site of a request that another origin's page caused, such as one of another port."""


def is_loopback(host: str) -> bool:
    """Whether only programs of this computer reach what is bound to an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_token(path: Path) -> str:
    """The token of a file that only its owner reads; where there is none, one is made.

    Raises:
        ValueError: The file holds something else.
        RuntimeError: It cannot be read or written.
    """
    if not path.is_file():
        with whole(path) as partial, open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(TOKEN_BYTES) + "\n")
    try:
        token = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise RuntimeError(f"cannot read the token in {path}: {error.strerror}") from None
    if len(token) < 16 or not all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in token):
        raise ValueError(f"a token must be at least 16 letters, digits, - or _, got others in {path}: delete the file")
    return token


class Guard:
    """Checks requests.

    Args:
        host: What the server is bound to.
        token: What a request must bring, in the query or in the cookie; None where nobody else can ask.

    Attributes:
        cookie: A Set-Cookie header that brings the token from now on; None where none is needed.
    """

    def __init__(self, host: str, port: int, token: str | None) -> None:
        name = socket.gethostname()
        self._hosts = {*LOOPBACK, host.lower(), name.lower(), f"{name.lower()}.local"}
        self._token = token
        self._cookie = f"auflow-{port}"  # a cookie is of a host, all ports of it
        self.cookie = None if token is None else f"{self._cookie}={token}; HttpOnly; SameSite=Strict; Path=/"

    def refusal(self, headers: Message, navigates: bool) -> str | None:
        """Why a request is not answered, before its token is looked at; None where it may be.

        Args:
            headers: Of the request.
            navigates: Whether it asks for the page itself, to which any link may lead.
        """
        host = headers.get("Host", "")
        name = _name(host)
        # a name of somebody else's, which leads here, would make this page one of his; an address cannot be that
        if name not in self._hosts and not _is_address(name):
            return f"the page must be asked for by this computer's name or address, got {host!r}: open the printed URL"
        origin = headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return f"a request must come from this page, got one from {origin!r}"
        if headers.get("Sec-Fetch-Site") in FOREIGN and not navigates:
            return "a request must come from this page, got one from another site's"
        return None

    def knows(self, headers: Message, given: str | None) -> bool:
        """Whether a request brings the token, in its query or its cookie."""
        if self._token is None:
            return True
        brought = (given or "", self._brought(headers))
        return any(hmac.compare_digest(one.encode(), self._token.encode()) for one in brought)

    def _brought(self, headers: Message) -> str:
        try:
            found = SimpleCookie(headers.get("Cookie", "")).get(self._cookie)
        except CookieError:
            return ""
        return "" if found is None else found.value


def _name(host: str) -> str:
    """A Host header without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
