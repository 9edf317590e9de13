# SPDX-License-Identifier: Apache-2.0
"""The server: the page, its two streams and what its buttons do, with the standard library alone."""

from __future__ import annotations

import errno
import json
import logging
import select
import socket
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from board import __version__
from board.live.guard import Guard
from board.live.picture import snapshot
from board.live.publisher import EVENTS, PICTURE, as_rows
from board.live.view import View

LOG = logging.getLogger("auflow.live")
PAGE = Path(__file__).parent / "page"
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/live.js": ("live.js", "text/javascript; charset=utf-8"),
    "/live.css": ("live.css", "text/css; charset=utf-8"),
}
"""All that the server reads from disk by a request's path, besides the last recording."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
BOUNDARY = "auflow-picture"
STALLED_S = 10.0
"""Time after which a browser that takes nothing, or does not finish its request, is hung up on."""
SEND_BYTES = 128 << 10
"""What may wait in a stream's socket: more would show a slow browser old pictures."""
LARGEST_REQUEST = 1 << 12
MOST_VIEWERS = 16
"""Of one stream: a board has no more to give."""
HISTORY_ROWS = 1200
"""Most points of the last minute that a new page gets."""


class Refused(Exception):
    """A request that is answered with a sentence."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class LiveServer(ThreadingHTTPServer):
    """Serves a view; `serve_forever` runs it.

    Args:
        view: What is shown.
        host: Address or name to bind to.
        port: 0 takes a free one.
        token: See Guard.

    Attributes:
        view: What is shown.
        guard: Which requests are answered.

    Raises:
        RuntimeError: The address cannot be bound.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, view: View, host: str, port: int, token: str | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            raise RuntimeError(_unbound(host, port, error)) from None
        self.view = view
        self.guard = Guard(host, self.server_port, token)
        self.commands = threading.Lock()
        self._told: set[tuple[str, str]] = set()

    def server_bind(self) -> None:
        """Bind without the look-up of a name that http.server does, which takes seconds without a name server."""
        super(ThreadingHTTPServer, self).server_bind()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away in the middle is nothing to tell of."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            LOG.error("the page failed for %s: %s: %s", client_address[0], type(error).__name__, error)

    def tell(self, client: str, sentence: str) -> None:
        """Say once on the terminal why somebody is not answered."""
        if (client, sentence) not in self._told and len(self._told) < 1000:
            self._told.add((client, sentence))
            LOG.warning("%s is not answered: %s", client, sentence)


class Handler(BaseHTTPRequestHandler):
    """One connection of a browser."""

    server: LiveServer
    protocol_version = "HTTP/1.1"
    server_version = f"auflow/{__version__}"
    sys_version = ""
    timeout = STALLED_S

    def do_GET(self) -> None:
        """A file of the page, a stream, a snapshot or the last recording."""
        self._answer(self.READS)

    def do_POST(self) -> None:
        """What a button does."""
        self._answer(self.COMMANDS)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""

    def _answer(self, known: dict[str, Callable[[Handler], None]]) -> None:
        url = urlsplit(self.path)
        if url.path == "/favicon.ico":  # which a browser wants of a refusal too
            self._begin(HTTPStatus.NO_CONTENT, {})
            return
        try:
            self._check(url.path, parse_qs(url.query).get("token", [None])[0])
            if url.query and url.path == "/":
                self._redirect()
            elif url.path in known:
                known[url.path](self)
            elif url.path in self.READS or url.path in self.COMMANDS:
                raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"{url.path} does not take {self.command}")
            else:
                raise Refused(HTTPStatus.NOT_FOUND, f"there is no {url.path[:80]} here")
        except Refused as refused:
            self._send(refused.status, f"{refused}\n".encode(), "text/plain; charset=utf-8", close=True)
        except (ValueError, RuntimeError) as error:
            self._send(HTTPStatus.CONFLICT, f"{error}\n".encode(), "text/plain; charset=utf-8")

    def _check(self, path: str, given: str | None) -> None:
        """Refuse what does not come from this page or has no token."""
        navigates = self.command == "GET" and path == "/"
        refusal = self.server.guard.refusal(self.headers, navigates)
        if refusal is None and not self.server.guard.knows(self.headers, given):
            refusal = "a request must bring the token, got none or another: open the URL that `auflow live` printed"
        if refusal is None:
            return
        self.server.tell(self.client_address[0], refusal)
        raise Refused(HTTPStatus.FORBIDDEN, refusal)

    def _redirect(self) -> None:
        """The page itself, without the token in its address; the cookie brings it from now on."""
        headers = {"Location": "/", "Content-Length": "0"}
        if self.server.guard.cookie is not None:
            headers["Set-Cookie"] = self.server.guard.cookie
        self._begin(HTTPStatus.SEE_OTHER, headers)

    def _file(self) -> None:
        name, kind = FILES[urlsplit(self.path).path]
        self._send(HTTPStatus.OK, (PAGE / name).read_bytes(), kind)

    def _pictures(self) -> None:
        """The picture as it changes, as multipart JPEG."""
        published, sent = 0, 0
        for one in self._watch(PICTURE, f"multipart/x-mixed-replace; boundary={BOUNDARY}"):
            if published == 0:
                self.wfile.write(f"--{BOUNDARY}\r\n".encode())
            published = one.number
            if one.picture == sent:
                continue
            sent = one.picture
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(one.jpeg)}\r\nX-Picture: {one.picture}\r\n\r\n"
            # a browser shows a picture when the next one begins
            self.wfile.write(head.encode() + one.jpeg + f"\r\n--{BOUNDARY}\r\n".encode())

    def _events(self) -> None:
        """State, rates and action units, as server-sent events."""
        view = self.server.view
        for number, one in enumerate(self._watch(EVENTS, "text/event-stream")):
            if number == 0:
                points = view.hub.points()
                rows = as_rows(points[:: max(1, len(points) // HISTORY_ROWS)])
                about = json.dumps({**view.about(), "points": rows}, separators=(",", ":"))
                self.wfile.write(f"event: about\ndata: {about}\n\n".encode())
            self.wfile.write(f"data: {one.event}\n\n".encode())

    def _watch(self, stream: str, kind: str) -> Any:
        """Begin a stream; yield what is published until the browser or the server goes."""
        publisher = self.server.view.publisher
        if publisher.viewers(stream) >= MOST_VIEWERS:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, f"at most {MOST_VIEWERS} pages at once, got one more")
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        self._begin(HTTPStatus.OK, {"Content-Type": kind, "Connection": "close"})
        self.close_connection = True
        published = 0
        with publisher.watching(stream):
            while (one := publisher.next(published)) is not None and not self._gone():
                published = one.number
                yield one

    def _gone(self) -> bool:
        """Whether the browser has closed a stream, to which nothing may be written for a long time."""
        ready, _, _ = select.select([self.connection], [], [], 0)
        return bool(ready) and not self.connection.recv(1, socket.MSG_PEEK)

    def _snapshot(self) -> None:
        """The newest frame with all that is known of it, as a file to keep."""
        seen = self.server.view.hub.newest
        if seen is None:
            raise ValueError("a snapshot needs a picture, got none yet: start the input")
        name = f"auflow-{seen.frame.index:06d}.jpg"
        self._send(HTTPStatus.OK, snapshot(seen, self.server.view.contract), "image/jpeg", name)

    def _recording(self) -> None:
        """The last finished recording."""
        recording = self.server.view.recorder.recording
        if recording.path is None or recording.running or not recording.path.is_file():
            raise Refused(HTTPStatus.NOT_FOUND, "there is no finished recording: stop the one that is running")
        self._send(HTTPStatus.OK, recording.path.read_bytes(), "text/csv; charset=utf-8", recording.path.name)

    def _start(self) -> None:
        self._do(lambda wanted: self.server.view.session.start())

    def _stop(self) -> None:
        self._do(lambda wanted: self.server.view.session.stop())

    def _finder(self) -> None:
        self._do(lambda wanted: self.server.view.session.choose(str(wanted.get("name"))))

    def _record(self) -> None:
        self._do(lambda wanted: self.server.view.record(wanted.get("on") is True))

    def _do(self, command: Callable[[dict[str, Any]], None]) -> None:
        """Carry a command out, one at a time, and answer when it is done."""
        wanted = self._content()
        with self.server.commands:
            command(wanted)
        self.server.view.hub.touch()
        self._send(HTTPStatus.OK, b"{}", "application/json")

    def _content(self) -> dict[str, Any]:
        """The JSON object of a request. Its type is one that a form of another site cannot send."""
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a command must be JSON")
        size = self.headers.get("Content-Length", "0")
        if not size.isdecimal() or int(size) > LARGEST_REQUEST:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a command must have at most {LARGEST_REQUEST} bytes")
        try:
            content = json.loads(self.rfile.read(int(size)) or b"{}")
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "a command must be a JSON object")
        return content

    def _send(self, status: HTTPStatus, content: bytes, kind: str, name: str = "", close: bool = False) -> None:
        headers = {"Content-Type": kind, "Content-Length": str(len(content))}
        if name:
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        if close:  # what is left of the request is not read
            headers["Connection"] = "close"
            self.close_connection = True
        self._begin(status, headers)
        self.wfile.write(content)

    def _begin(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    READS: ClassVar[dict[str, Callable[[Handler], None]]] = {
        **dict.fromkeys(FILES, _file),
        "/picture": _pictures,
        "/events": _events,
        "/snapshot.jpg": _snapshot,
        "/recording.csv": _recording,
    }
    COMMANDS: ClassVar[dict[str, Callable[[Handler], None]]] = {
        "/start": _start,
        "/stop": _stop,
        "/finder": _finder,
        "/record": _record,
    }


def _unbound(host: str, port: int, error: OSError) -> str:
    """Why an address cannot be bound, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return f"the page needs a free port, got {port}, which another program has: end it, or name another with --port"
    if error.errno == errno.EACCES:
        return f"the page needs a port that this user may have, got {port}: name one above 1023 with --port"
    return (
        f"the page needs an address of this computer, got {host} ({error.strerror or error}): name another with --host"
    )
