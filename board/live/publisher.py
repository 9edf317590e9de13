# SPDX-License-Identifier: Apache-2.0
"""The publisher: one thread that makes pictures and events for all browsers, and only while one looks."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from board.core.arrays import Reals
from board.live.hub import Hub, Point, Seen
from board.live.picture import to_jpeg
from board.observation import Observation

PICTURE, EVENTS = "picture", "events"
"""Streams that a browser looks at."""
SHARE = 0.15
"""Most CPU time of the publisher, as a share of what the rest of the program takes. Sending adds a little."""
SLOWEST_S = 1.0
"""Longest time between two pictures of a stream that goes on, whatever they cost, and between two events."""
CHECK_S = 0.03
"""Time after which a publisher that rests looks whether it may go on."""


@dataclass(frozen=True)
class Published:
    """What all browsers get.

    Attributes:
        number: Grows.
        jpeg: The newest picture; empty where there is none yet.
        picture: Number of this picture, see Seen.
        event: JSON: state, rates, the faces in this picture, and the points since the event before.
    """

    number: int = 0
    jpeg: bytes = b""
    picture: int = 0
    event: str = ""


class Publisher:
    """Makes a picture and an event of the newest frame, once for everybody.

    Nobody waits for it: the pipeline only leaves its frame in the hub, and frames that come meanwhile are not shown. A
    browser that is slow gets the newest again when it is ready. While nobody looks it sleeps.

    Args:
        hub: Where frames are.
        describe: State and rates for the event, as JSON takes them.
        fps: Most pictures per second.
        width: Most pixels across a picture.
        share: See SHARE.
    """

    def __init__(
        self, hub: Hub, describe: Callable[[], dict[str, Any]], fps: float, width: int, share: float = SHARE
    ) -> None:
        self._hub, self._describe = hub, describe
        self._fps, self._width, self._share = fps, width, share
        self._changed = threading.Condition()
        self._viewers: Counter[str] = Counter()
        self._closed = False
        self._newest = Published()
        self._points = 0  # number of the frame of the newest that was published
        self.encoded = 0
        """Pictures so far."""
        self._thread = threading.Thread(target=self._work, name="publisher", daemon=True)
        self._thread.start()

    def viewers(self, stream: str) -> int:
        """How many look at a stream."""
        return self._viewers[stream]

    @contextmanager
    def watching(self, stream: str) -> Iterator[None]:
        """Look at a stream; what was published before is no longer new."""
        with self._changed:
            self._viewers[stream] += 1
            self._changed.notify_all()
        self._hub.touch()
        try:
            yield
        finally:
            with self._changed:
                self._viewers[stream] -= 1

    def next(self, after: int) -> Published | None:
        """Wait for what is newer than `after`, the newest alone; None when it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._newest.number > after)
            return None if self._closed else self._newest

    def close(self) -> None:
        """End it, and every `next`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._hub.touch()
        self._thread.join()

    def _work(self) -> None:
        changes = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._viewers.total())
            if self._closed:
                return
            changes = self._hub.wait(changes, SLOWEST_S)
            began_s, busy_s = time.perf_counter(), time.thread_time()
            self._publish()
            self._rest(began_s, time.thread_time() - busy_s)

    def _publish(self) -> None:
        before, seen = self._newest, self._hub.newest
        jpeg, picture = before.jpeg, before.picture
        if seen is not None and seen.number != picture and seen.frame.picture is not None and self._viewers[PICTURE]:
            jpeg, picture = to_jpeg(seen.frame.picture, self._width), seen.number
            self.encoded += 1
        points = self._hub.points(self._points)
        if points:
            self._points = points[-1].number
        event = as_json(seen, points, self._hub.now_s, self._describe())
        with self._changed:
            self._newest = Published(before.number + 1, jpeg, picture, event)
            self._changed.notify_all()

    def _rest(self, began_s: float, cost_s: float) -> None:
        """Wait until the next picture is due and the rest of the program has worked enough to pay for this one."""
        others_s, own_s = time.process_time(), time.thread_time()
        while not self._closed:
            now_s = time.perf_counter()
            paid_s = (time.process_time() - others_s) - (time.thread_time() - own_s)
            due_s = began_s + 1 / self._fps - now_s
            if due_s <= 0 and (paid_s * self._share >= cost_s or now_s - began_s >= SLOWEST_S):
                return
            time.sleep(max(due_s, CHECK_S))


def as_json(seen: Seen | None, points: Sequence[Point], now_s: float, described: dict[str, Any]) -> str:
    """An event: the time, what a view says of itself, the frame with its faces, and points."""
    content = {"now_s": round(now_s, 3), **described, "frame": _frame(seen), "points": as_rows(points)}
    return json.dumps(content, separators=(",", ":"))


def as_rows(points: Sequence[Point]) -> list[list[float]]:
    """Points for JSON: time, face and the probabilities in thousandths."""
    return [[round(point.time_s, 3), point.face_id, *_thousandths(point.probabilities)] for point in points]


def _thousandths(probabilities: Reals) -> list[int]:
    thousandths: list[int] = (probabilities * 1000).round().astype(int).tolist()
    return thousandths


def _frame(seen: Seen | None) -> dict[str, Any] | None:
    if seen is None:
        return None
    frame = seen.frame
    size = None if frame.picture is None else [frame.picture.shape[1], frame.picture.shape[0]]
    return {
        "index": frame.index,
        "time_s": round(frame.timestamp_s, 3),
        "size": size,
        "rows": [_row(one) for one in seen.observations],
    }


def _row(seen: Observation) -> dict[str, Any]:
    row: dict[str, Any] = {"status": seen.status, "message": seen.message}
    if seen.face is not None:
        box = seen.face.box
        row |= {"face": seen.face.face_id, "box": [box.left, box.top, box.side]}
        row["confidence"] = round(seen.face.confidence, 3)
    if seen.aus is not None:
        row["emotion"] = seen.aus.emotion
        if seen.aus.emotion_probabilities is not None:
            row["emotions"] = _thousandths(seen.aus.emotion_probabilities)
        row["aus"] = _thousandths(seen.aus.probabilities)
        row["present"] = [int(there) for there in seen.aus.occurrence]
    return row
