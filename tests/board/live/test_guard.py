# SPDX-License-Identifier: Apache-2.0
"""Who is answered: this page's own requests, with the token where one is needed."""

from __future__ import annotations

import socket
import stat
from email.message import Message
from pathlib import Path

import pytest
from packages import largest_file

from board.live.guard import Guard, is_loopback, read_token

TOKEN = "0123456789abcdefghij"


def headers(**given: str) -> Message:
    made = Message()
    for name, value in given.items():
        made[name.replace("_", "-")] = value
    return made


@pytest.mark.parametrize(
    "host",
    ["localhost:8080", "127.0.0.1", "[::1]:9", "192.168.2.99:8080", "[fe80::1]", "LOCALHOST", socket.gethostname(),
     f"{socket.gethostname()}.local:8080", "board.example"],
)  # fmt: skip
def test_names_and_addresses_of_this_computer_are_known(host: str) -> None:
    assert Guard("board.example", 8080, None).refusal(headers(Host=host), False) is None


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "localhost.evil.example", "", "[", "127.0.0.1.evil.example"]
)
def test_a_name_that_somebody_led_here_is_refused(host: str) -> None:
    assert "must be asked for by this computer's name" in str(
        Guard("0.0.0.0", 8080, None).refusal(headers(Host=host), True)
    )


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://localhost:9090", "null", "http://localhost.evil.example:8080"]
)
def test_another_origin_is_refused(origin: str) -> None:
    asked = headers(Host="localhost:8080", Origin=origin)
    assert "must come from this page" in str(Guard("127.0.0.1", 8080, None).refusal(asked, False))


def test_the_page_s_own_origin_is_known_behind_a_tunnel_too() -> None:
    asked = headers(Host="localhost:9999", Origin="http://localhost:9999")
    assert Guard("127.0.0.1", 8080, None).refusal(asked, False) is None


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_may_link_to_the_page_and_use_nothing_else_of_it(site: str) -> None:
    guard, asked = Guard("127.0.0.1", 8080, None), headers(Host="localhost:8080", Sec_Fetch_Site=site)
    assert guard.refusal(asked, True) is None
    assert "another site's" in str(guard.refusal(asked, False))


def test_the_token_is_in_the_query_or_the_cookie_of_this_port() -> None:
    guard = Guard("0.0.0.0", 8080, TOKEN)
    assert guard.cookie == f"auflow-8080={TOKEN}; HttpOnly; SameSite=Strict; Path=/"
    assert guard.knows(headers(), TOKEN)
    assert guard.knows(headers(Cookie=f"other=1; auflow-8080={TOKEN}"), None)
    for cookie in ("", f"auflow-8081={TOKEN}", "auflow-8080=", f"auflow-8080={TOKEN}x", "=;=", "auflow-8080=\xe9"):
        assert not guard.knows(headers(Cookie=cookie), None)
    for given in (None, "", TOKEN[:-1], TOKEN.upper(), "é"):
        assert not guard.knows(headers(), given)
    assert Guard("127.0.0.1", 8080, None).knows(headers(), None)


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
                           ("0.0.0.0", False), ("::", False), ("192.168.2.99", False), ("pynq", False)],
)  # fmt: skip
def test_only_loopback_needs_no_token(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_token_is_made_once_and_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "auflow" / "token"
    token = read_token(path)
    assert len(token) == 32 and read_token(path) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_token(tmp_path / "other") != token


@pytest.mark.parametrize("content", ["", "short\n", "a token with spaces in it\n", "é" * 20])
def test_a_file_of_something_else_is_no_token(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    with pytest.raises(ValueError, match="a token must be at least 16 letters"):
        read_token(tmp_path / "token")


def test_a_token_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RuntimeError, match="cannot write"):
        read_token(tmp_path / "file" / "token")
    with largest_file(0), pytest.raises(RuntimeError, match="cannot write"):
        read_token(tmp_path / "token")
    assert not (tmp_path / "token").exists()
