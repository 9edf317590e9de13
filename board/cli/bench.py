# SPDX-License-Identifier: Apache-2.0
"""`auflow bench`: frames per second and latency of detection."""

from __future__ import annotations

import argparse
import sys

from board.cli.command import USE, Command
from board.cli.options import (
    Weights,
    add_deploy,
    add_executor,
    add_finder,
    add_json,
    add_output,
    deployment,
    finder,
    integer,
    write_json,
)
from board.core.text import printable


def command(weights: Weights | None) -> Command:
    """The command; `weights` makes a deployment where the user names none."""
    return Command(
        "bench",
        USE,
        "Measure frames per second and latency: every stage alone, all together, and live.",
        lambda parser: _arguments(parser, weights),
        lambda options: _run(options, weights),
        ("auflow bench --json bench.json --plot bench.png", "auflow bench --executor numpy"),
        "It detects a face in a video of 640x480 that is made of the deployment's example picture. Live, the video"
        " comes at 30 frames/s, and frames that come while the detector is busy are dropped, as with a camera."
        " Latencies are of one frame, of up to 16 in `inference batched`, in the pipeline with its queues.",
    )


def _arguments(parser: argparse.ArgumentParser, weights: Weights | None) -> None:
    add_deploy(parser, weights)
    add_executor(parser)
    add_finder(parser)
    parser.add_argument("--frames", type=integer(1), default=300, metavar="N", help="length of the video")
    add_json(parser)
    add_output(parser, "--plot", metavar="F.png", help="draw frames per second and latencies here")


def _run(options: argparse.Namespace, weights: Weights | None) -> int:
    from board.bench import measure, plot
    from board.detector import AUDetector

    deployed = deployment(options.deploy, weights, options.trust)
    with AUDetector(deployed, options.executor, finder(options, deployed)) as detector:
        found = measure(detector, options.frames, lambda stage: print(f"measuring {stage}", file=sys.stderr))
    print(printable(f"{found.executor}: {found.description}; {found.finder}; {found.machine}"))
    print(f"{'':<20}{'frames/s':>10}{'p50 ms':>10}{'p90 ms':>10}{'p99 ms':>10}")
    content = found.as_json()
    rows = {name: (stage.frames_per_second, stage.latency_ms) for name, stage in found.alone.items()}
    for name in ("pipeline", "live"):
        rows[name] = (content[name]["fps"], content[name]["latency_ms"])
    for name, (rate, latency) in rows.items():
        print(f"{name.replace('_', ' '):<20}{rate:>10,.1f}" + "".join(f"{value:>10.2f}" for value in latency.values()))
    print(
        f"the pipeline does {found.share_of_slowest:.2f} of its slowest stage alone;"
        f" {found.live.dropped} of {found.frames} live frames were dropped"
    )
    write_json(options.json, content)
    if options.plot is not None:
        plot(found, options.plot)
    return 0
