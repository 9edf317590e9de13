# SPDX-License-Identifier: Apache-2.0
"""`auflow live`: what a camera sees, with its action units, as a page in a browser."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from board.cli.command import USE, Command
from board.cli.options import (
    Weights,
    add_deploy,
    add_executor,
    add_finder,
    add_tracking,
    deployment,
    finder,
    integer,
    number,
)

if TYPE_CHECKING:  # commands import what they need when they run
    from board.deployment import Deployment
    from board.faces.finders.finder import Finder
    from board.sources.frame import Source
from board.core.text import printable

PORT = 8080
PAGE_FPS = 8.0
PAGE_WIDTH_PX = 640 if sys.maxsize > 1 << 32 else 320
"""A picture of 640x480 takes a 32-bit board as long as a whole frame of detection."""


def command(weights: Weights | None) -> Command:
    """The command; `weights` makes a deployment where the user names none."""
    return Command(
        "live",
        USE,
        "Show a camera's faces and their action units (AUs) live, as a page in a browser.",
        lambda parser: _arguments(parser, weights),
        lambda options: _run(options, weights),
        (
            "auflow live                                 # the first camera, for a browser on this computer",
            "auflow live clip.mp4 --loop",
            "auflow live /dev/video0 --host 0.0.0.0      # for a laptop's browser; the URL has a token",
        ),
        "The page shows the picture with boxes, each AU now and over the last minute, frames per second, latency and"
        " which stage binds. It starts and stops the input, records rows into a CSV file on this computer, and saves"
        " snapshots. A video or an array is played at its own pace, as a camera would deliver it.\n\n"
        "Pictures for the page are made only while somebody looks at it, and take at most a seventh of the program's"
        " CPU time: where that is too little for --page-fps, fewer come. Ctrl-C or SIGTERM ends the program.",
    )


def _arguments(parser: argparse.ArgumentParser, weights: Weights | None) -> None:
    parser.add_argument(
        "input",
        nargs="?",
        default="/dev/video0",
        metavar="INPUT",
        help="camera such as /dev/video0, video, folder of pictures, picture, .npy or .npz",
    )
    add_deploy(parser, weights)
    add_executor(parser)
    add_finder(parser)
    parser.add_argument("--loop", action="store_true", help="play a video, folder or array again at its end")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="where browsers reach the page; 0.0.0.0 is the whole network, for which the page needs a token",
    )
    parser.add_argument("--port", type=integer(0, 65535), default=PORT, metavar="N", help="0 takes a free one")
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="F",
        help="keep the token here, so that the page's URL stays the same; made where it is missing (default: a new"
        " token every time)",
    )
    parser.add_argument("--record", type=Path, default=Path("."), metavar="DIR", help="folder that recordings go to")
    parser.add_argument(
        "--page-fps", type=number(0.1, 60), default=PAGE_FPS, metavar="N", help="most pictures per second of the page"
    )
    parser.add_argument(
        "--page-width",
        type=integer(64, 640),
        default=PAGE_WIDTH_PX,
        metavar="PX",
        help="width of the page's pictures; 320 where this is a 32-bit board",
    )
    parser.add_argument(
        "--colour",
        action="store_true",
        help="decode a camera's colours on a 32-bit board too, at about half the frames per second; grey else",
    )
    add_tracking(parser)


def _run(options: argparse.Namespace, weights: Weights | None) -> int:
    from board.detector import AUDetector
    from board.live.guard import is_loopback, read_token
    from board.live.server import LiveServer
    from board.live.view import View

    deployed = deployment(options.deploy, weights, options.trust)
    open_input, camera = _opener(options.input, options.loop, options.colour or deployed.contract.input.colour == "rgb")
    token = None
    if options.token_file is not None:
        token = read_token(options.token_file)
    elif not is_loopback(options.host):
        token = secrets.token_urlsafe(24)
    with AUDetector(deployed, options.executor, finder(options, deployed)) as detector, _ended_by_signals() as ended:
        searched = detector.finder.description
        said = f"{deployed.manifest.name} on {detector.executor.description}, faces by {searched}"
        print(printable(said), file=sys.stderr)
        view = View(
            detector,
            open_input,
            Path(options.input).name if not camera else options.input,
            options.record,
            page_fps=options.page_fps,
            page_width=options.page_width,
            finders=_finders(options, deployed),
            retry=camera,
            max_faces=options.max_faces,
            search_every=options.search_every,
        )
        try:
            with LiveServer(view, options.host, options.port, token) as server:
                serving = threading.Thread(target=server.serve_forever, name="server", daemon=True)
                serving.start()
                view.session.start()
                for url in _urls(options.host, server.server_port, token):
                    print(f"live page: {url}", flush=True)
                ended.wait()
                server.shutdown()
        finally:
            view.close()
    recording = view.recorder.recording
    if recording.path is not None and not recording.error:
        print(printable(f"{recording.rows} rows in {recording.path}"), file=sys.stderr)
    return 0


def _finders(options: argparse.Namespace, deployed: Deployment) -> dict[str, Callable[[], Finder]]:
    """What opens each finder that the deployment has, by name."""
    from board.faces.finders import NAMES, open_finder
    from board.faces.finders.yunet import YuNet

    names = [name for name in NAMES if name != YuNet.name or deployed.has_finder]
    return {name: partial(open_finder, deployed, name, options.min_confidence, options.min_face) for name in names}


def _opener(spec: str, loop: bool, colour: bool) -> tuple[Callable[[], Source], bool]:
    """What opens an input, as often as it is started, and whether it is a camera.

    Args:
        spec: As `open_source` takes it.
        loop: Whether to play it again at its end.
        colour: Whether a 32-bit board's camera shall give colours, whose decoding takes most of such a processor; any
            other input and computer has them.

    Raises:
        ValueError: It is missing or of no known kind; a camera may come later.
    """
    from board.live.playback import Playback
    from board.sources.open_source import is_camera, open_source

    if is_camera(spec):
        return lambda: open_source(spec, colour or sys.maxsize > 1 << 32), True
    source = open_source(spec)
    return lambda: Playback(source, loop), False


@contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set."""
    ended = threading.Event()
    before = {kind: signal.signal(kind, lambda *_: ended.set()) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _urls(host: str, port: int, token: str | None) -> list[str]:
    """Where the page is."""
    import socket

    query = "" if token is None else f"?token={token}"
    hosts = [socket.gethostname(), *_own_addresses()] if host in ("0.0.0.0", "::") else [host]
    return [f"http://{f'[{one}]' if ':' in one else one}:{port}/{query}" for one in hosts]


def _own_addresses() -> list[str]:
    """This computer's address on the network that leads out, if there is one; nothing is sent."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return [str(probe.getsockname()[0])]
        except OSError:
            return []
