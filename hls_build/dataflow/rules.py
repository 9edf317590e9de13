# SPDX-License-Identifier: Apache-2.0
"""Rules of folding: legal parallelism, defaults, memory styles and the depths of FIFOs."""

from __future__ import annotations

from math import ceil

from hls_build.cost.resources import block_rams

BYTE = 8
OWN_WEIGHT_BITS, OWN_ACTIVATION_BITS = 4, 8
"""Widest operands of our own multipliers."""
MOST_LUT_FOLDS = 256
"""Folds of a multiplier of ours whose weights lie in LUTs, and groups of pe outputs of any of them."""
MOST_BLOCK_FOLDS = 4000
"""Folds of one whose weights lie in block RAM: Yosys unrolls no longer loop over the words of a memory."""
MOST_OWN_WEIGHT_BITS = 1_000_000
"""Bits of all weights of such a multiplier, a constant of its RTL: Vivado takes vectors of a million."""
BRAM18_BITS = 18 * 1024
FIFO_LUT_DEPTH = 256
"""Deepest FIFO that is made of LUTs when nothing is said."""

THRESHOLD_BLOCK_DEPTHS = {"auto": 1024, "block": 2, "distributed": 1 << 30}
"""Depth from which a stage of a threshold search lies in block RAM."""


def divisors(total: int) -> list[int]:
    """All divisors in ascending order."""
    return [n for n in range(1, total + 1) if total % n == 0]


def check_divides(layer: str, key: str, value: int, total: int, of: str) -> int:
    """Return a legal value of a folding.

    Raises:
        ValueError: It does not divide.
    """
    if value < 1 or total % value:
        raise ValueError(f"{key} of {layer} must divide its {total} {of} (one of {divisors(total)}), got {value}")
    return value


def simds(inputs: int, multiplier: str | None) -> list[int]:
    """All SIMD of a kind of multiplier over so many inputs per output, in ascending order.

    Of FINN+'s, which None means too, all inputs at once are left out: it then ends a sum in every cycle, and its output
    queue, an entry too short for that, loses one when what follows holds back
    (tests/hls_build/simulation/test_output_queue.py).
    """
    found = divisors(inputs)
    return found[:-1] if multiplier in (None, "finn") else found


def check_simd(layer: str, simd: int, inputs: int, multiplier: str | None) -> int:
    """Return a legal SIMD of a multiplier.

    Raises:
        ValueError: It is none of `simds`.
    """
    allowed = simds(inputs, multiplier)
    if not allowed:
        raise ValueError(
            f"{layer} must sum up at least two inputs per output, got {inputs}: FINN+'s multiplier loses sums otherwise"
        )
    if simd not in allowed:
        raise ValueError(f"simd of {layer} must be one of {allowed} of its {inputs} inputs per output, got {simd}")
    return simd


def check_own_multiplier(
    layer: str, kind: str, folds: int, groups: int, weights: int, bits: tuple[int, int], style: str
) -> None:
    """Check the size of a multiplier of ours.

    Args:
        layer: Its layer.
        kind: lut or dsp.
        folds: Beats of its matrix.
        groups: Of pe outputs.
        weights: How many it has.
        bits: Of a weight and of an activation.
        style: Memory of its weights.

    Raises:
        ValueError: It is too large.
    """
    weight_bits, activation_bits = bits
    limits = [
        ("bits of a weight", weight_bits, OWN_WEIGHT_BITS),
        ("bits of an activation", activation_bits, OWN_ACTIVATION_BITS),
        ("bits of weights", own_weight_bits(kind, weights, weight_bits), MOST_OWN_WEIGHT_BITS),
        ("groups of outputs", groups, MOST_LUT_FOLDS),
    ]
    where = "LUTs" if style == "distributed" else "block RAM"
    limits.append((f"folds with weights in {where}", folds, most_own_folds(style)))
    how = {"lut": "multiplies in LUTs, which takes", "dsp": "multiplies by dsp_mvu, which takes"}[kind]
    for name, value, most in limits:
        if value > most:
            raise ValueError(f"{layer} {how} at most {most} {name}, got {value}")


def has_multiplier(kind: str, pumped: bool, simd: int, folds: int, groups: int, style: str) -> bool:
    """Whether a kind of multiplier can be folded so, at its streams' clock or, pumped, at twice that.

    Args:
        kind: finn, dsp or lut.
        pumped: Whether it runs at twice the clock, on half of its simd.
        simd: Inputs at once.
        folds: Beats of its matrix.
        groups: Of pe outputs.
        style: Memory of its weights.
    """
    if kind == "finn":
        return not pumped or simd > 1
    if pumped and (kind == "lut" or simd % 2):
        return False
    return groups <= MOST_LUT_FOLDS and folds * (1 + pumped) <= most_own_folds(style)


def most_own_folds(style: str) -> int:
    """Most folds of a kernel of ours by the memory of its constants."""
    return MOST_LUT_FOLDS if style == "distributed" else MOST_BLOCK_FOLDS


def own_weight_bits(kind: str, weights: int, bits: int) -> int:
    """Bits of all weights of a multiplier of ours: in LUTs two for each ternary digit."""
    return weights * (2 * (bits - 1) if kind == "lut" else bits)


def nearest_lanes(channels: int, lanes: int) -> int:
    """Greatest divisor of the channels that is not above a neighbour's lanes."""
    return max(n for n in divisors(channels) if n <= lanes)


def window_lanes(channels: int, taps: int, simd: int, cycles_per_pixel: int) -> int:
    """Lanes of a sliding window that is never slower than its multiplier.

    A window pauses while it fills at the start of a frame, so it must be strictly faster; where even all
    channels at once are not, they are taken. Beyond that, the multiplier's SIMD spares a width converter.
    """
    fast = [n for n in divisors(channels) if taps * (channels // n) < cycles_per_pixel]
    if simd in fast:
        return simd
    return min(fast, default=channels)


def whole_bytes(bits: int) -> int:
    """Bits rounded up to whole bytes, as weights are stored and as elements leave for the host."""
    return ceil(bits / BYTE) * BYTE


def memory_style(style: str, depth: int, width: int) -> str:
    """Resolve "auto": block RAM where the memory fills half of the blocks it takes, else LUTs."""
    if style != "auto":
        return style
    return "block" if 2 * depth * width >= block_rams(depth, width) * BRAM18_BITS else "distributed"


def fifo_style(depth: int) -> str:
    """Memory of a FIFO; FINN+'s own choice for deep ones may be Ultra RAM, which small devices lack."""
    if depth <= FIFO_LUT_DEPTH:
        return "auto"
    return "block"


def window_fifo_elements(height: int, width: int, channels: int, kernel: int) -> int:
    """Elements to hold before a sliding window of so many rows.

    At the end of a frame it takes nothing while it emits its last kernel // 2 rows, and a pool in front of
    it delivers by the row.
    """
    return min(kernel // 2 + 1, height) * width * channels


def whole_memory_depth(depth: int) -> int:
    """The depth up to which fifo.sv needs no more memory than for a given one.

    Shift registers come by 32 words, distributed memories by powers of two up to 256, both with an output register;
    block RAM as one power of two or the sum of two.
    """
    if depth <= FIFO_LUT_DEPTH + 1:
        return next(words for words in (32, 64, 128, FIFO_LUT_DEPTH) if depth <= words + 1) + 1
    rows = depth - 1
    low = max(9, (rows - 1).bit_length())
    high = (rows - (1 << (low - 1)) - 1).bit_length()
    if low > 9 and high < low - 1:
        return (1 << (low - 1)) + (1 << max(1, high)) + 1
    return (1 << low) + 1


def window_fill_beats(width: int, channels: int, kernel: tuple[int, int], lanes: int) -> int:
    """Beats of a frame, so wide with its padding, that a sliding window takes before its first output.

    The multiplier behind it waits for them in every frame.
    """
    return ((kernel[0] - 1) * width + kernel[1]) * channels // lanes


def column_window_fill_beats(
    width: int, channels: int, kernel: tuple[int, int], pads: tuple[int, ...], lanes: int
) -> int:
    """Beats of a map that our window by columns takes before its first output: rows, and columns of the next one."""
    above, before, _, _ = pads
    return ((kernel[0] - 1 - above) * width + min(kernel[1] - before, width)) * channels // lanes


def window_vector_beats(beats: int, repeats: int, lanes: int, simd: int) -> int:
    """Beats to hold between a sliding window and its multiplier, 0 where none need be.

    The multiplier takes a pixel's vector while it computes its first outputs and repeats it from its own memory for
    the others. A window of fewer lanes must deliver the next vector meanwhile.
    """
    return max(2, beats) if repeats > 1 and lanes < simd else 0


def channel_bypass_elements(frame: int, frame_cycles: int, think_cycles: int) -> int:
    """Elements to hold round a channel gate: a whole frame, and what arrives until the gate is known.

    Args:
        frame: Elements of a frame.
        frame_cycles: Cycles in which the slowest layer upstream delivers a frame.
        think_cycles: Cycles from a frame's last element to the first of its gate.
    """
    arriving = ceil(frame * think_cycles / frame_cycles)
    return frame + arriving + arriving // 8


def append_elements(frame: int, frame_cycles: int, wait_cycles: int) -> int:
    """Elements to hold before an input of an append: as many frames as come while the other one is waited for.

    They are rounded up to a power of two, which takes fewer LUTs than a sum of two and, of narrow elements, no more
    block RAM. With fewer than one frame it would never go on, where both inputs come from one stream: that stream
    stops as soon as one of its copies is not taken, and the first input needs all of it.

    Args:
        frame: Elements of a frame.
        frame_cycles: Cycles in which the slowest layer delivers a frame.
        wait_cycles: Cycles that the other input takes longer.
    """
    frames = max(1, ceil(wait_cycles / frame_cycles))
    return 1 << (frames * frame - 1).bit_length()


def spatial_bypass_elements(height: int, width: int, channels: int, kernel: int) -> int:
    """Elements to hold round a spatial gate: the rows that its window waits for, and one for the latency."""
    return min(kernel // 2 + 1, height) * width * channels + min(kernel, width) * channels
