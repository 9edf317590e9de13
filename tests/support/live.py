# SPDX-License-Identifier: Apache-2.0
"""A live page on a small deployment, and a visitor who speaks HTTP to it."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from packages import faces

from board.detector import AUDetector
from board.live.playback import Playback
from board.live.server import BOUNDARY, LiveServer
from board.live.view import View
from board.sources.array import ArraySource
from board.sources.frame import Source

FPS = 50.0


def clip(count: int = 40, loop: bool = False) -> Callable[[], Source]:
    """Opens a video of random faces, played at FPS."""
    x = faces(count)
    return lambda: Playback(ArraySource(x, "clip", moving=True, fps=FPS), loop)


def write_clip(path: Path, count: int = 40) -> Path:
    """A video file of random faces."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (48, 48))
    for face in faces(count):
        writer.write(face)
    writer.release()
    return path


@contextmanager
def served(
    detector: AUDetector,
    open_input: Callable[[], Source],
    folder: Path,
    *,
    host: str = "127.0.0.1",
    token: str | None = None,
    **settings: Any,
) -> Iterator[tuple[View, Visitor]]:
    """A page on a free port; pictures come as fast as `page_fps` says, whatever they cost."""
    view = View(detector, open_input, "clip", folder, **{"page_fps": 20, "page_width": 320, "share": 1e9, **settings})
    try:
        with LiveServer(view, host, 0, token) as server:
            serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            serving.start()
            try:
                yield view, Visitor(server.server_port)
            finally:
                server.shutdown()
                serving.join()
    finally:
        view.close()


class Visitor:
    """Asks the server of a port."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def open(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> http.client.HTTPResponse:
        """An answer whose body is still to be read; the names of headers have _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_host="Host" in named)
        if body is not None:
            named = {"Content-Type": "application/json", "Content-Length": str(len(body)), **named}
        for name, value in named.items():
            connection.putheader(name, value)
        connection.endheaders(None if body is None else body.encode())
        return connection.getresponse()

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Status and body."""
        with self.open(path, **headers) as answer:
            return answer.status, answer.read()

    def post(self, path: str, content: object = None, **headers: str) -> tuple[int, str]:
        """Status and body of a command."""
        with self.open(path, "POST", json.dumps({} if content is None else content), **headers) as answer:
            return answer.status, answer.read().decode()

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Kinds and contents of the server's events."""
        with self.open("/events") as answer:
            kind = "message"
            while line := answer.readline().decode().rstrip("\n"):
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    yield kind, json.loads(value)
                    kind = "message"
                    assert answer.readline() == b"\n"

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first event of which something is true."""
        return next(content for kind, content in self.events() if kind == "message" and wanted(content))

    def pictures(self) -> Iterator[np.ndarray]:
        """Pictures of the stream, decoded, BGR uint8 (H, W, 3)."""
        with self.open("/picture") as answer:
            yield from parts(answer)


def parts(answer: http.client.HTTPResponse) -> Iterator[np.ndarray]:
    """The pictures of a multipart stream."""
    assert answer.headers["Content-Type"] == f"multipart/x-mixed-replace; boundary={BOUNDARY}"
    while answer.readline() == f"--{BOUNDARY}\r\n".encode():
        headers = http.client.parse_headers(answer)
        assert headers["Content-Type"] == "image/jpeg"
        content = answer.read(int(headers["Content-Length"]))
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None and answer.readline() == b"\r\n"
        yield np.asarray(decoded)
