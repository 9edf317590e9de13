# SPDX-License-Identifier: Apache-2.0
"""accelerator.json survives a round trip, computes the outputs and refuses whatever does not belong."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packages import small_contract

from board.core.contract import Contract, InputRule, StreamPacking
from board.core.decoding import BY_EMOTION, DECODINGS
from board.core.facs import AU_NAMES, EMOTIONS, PROTOTYPES
from board.core.files import sha256
from board.core.outputs import ActionUnit, Attention
from board.core.timing import TimingClosure

UNITS = (
    ActionUnit("AU6 Cheek raiser", scale=2.0**-6, offset=-0.25),
    ActionUnit("AU12 Lip corner puller", scale=2.0**-5, offset=0.5, threshold=0.75),
)
CONTRACT = Contract(
    model_sha256="0" * 64,
    bitfile_sha256=None,
    input=InputRule((48, 48, 3), "uint8", "grey", 0.0),
    action_units=UNITS,
    accumulator="INT14",
    input_stream=StreamPacking.of_frame(48 * 48 * 3, lanes=3, bits=8, signed=False),
    output_stream=StreamPacking.of_frame(len(UNITS), lanes=1, bits=14, signed=True),
    clock_mhz=100.0,
    part="xc7z020clg400-1",
    board="Pynq-Z2",
    folding={"MVAU_rtl_0": {"PE": 16, "SIMD": 3, "ram_style": "distributed"}},
    layers=("MVAU_rtl_0",),
)


APPENDED = replace(
    CONTRACT,
    attention=Attention(2, 3, bits=4, signed=False),
    output_stream=StreamPacking.of_frame(len(UNITS) + 6, lanes=1, bits=14, signed=True),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    CONTRACT.write(tmp_path / "accelerator.json")
    return tmp_path / "accelerator.json"


def test_round_trip(path: Path) -> None:
    assert Contract.read(path) == CONTRACT


def test_attention_is_said_where_the_output_frame_carries_it(tmp_path: Path) -> None:
    path = tmp_path / "accelerator.json"
    APPENDED.write(path)
    assert Contract.read(path) == APPENDED
    assert json.loads(path.read_text())["attention"] == {"rows": 2, "columns": 3, "bits": 4, "signed": False}
    CONTRACT.write(path)
    assert "attention" not in json.loads(path.read_text())  # as it was before there was such an output


def test_attention_follows_the_accumulators() -> None:
    one, other = APPENDED.outputs(np.array([[80, -16, 0, 1, 2, 3, 4, 15], [16, 16, 15, 15, 15, 15, 15, 15]]))
    assert (one.accumulators.tolist(), one.logits.tolist()) == ([80, -16], [1.0, 0.0])
    assert one.attention is not None and one.attention.dtype == np.float32
    np.testing.assert_array_equal(one.attention, np.array([[0, 1 / 15, 2 / 15], [3 / 15, 4 / 15, 1]], np.float32))
    assert other.attention is not None and (other.attention == 1).all()
    assert CONTRACT.outputs(np.array([[80, -16]]))[0].attention is None
    assert APPENDED.output_names[1:4] == ("AU12 Lip corner puller", "attention code [0, 0]", "attention code [0, 1]")
    assert (len(APPENDED.output_names), CONTRACT.output_names) == (8, CONTRACT.au_names)


def test_signed_codes_of_attention_begin_at_their_least() -> None:
    maps = Attention(1, 3, bits=4, signed=True).maps(np.array([[-8, 0, 7]]))
    np.testing.assert_array_equal(maps, np.array([[[0, 8 / 15, 1]]], np.float32))


def test_accumulators_without_the_promised_attention_are_refused() -> None:
    with pytest.raises(ValueError, match=r"need accumulators and 6 attention codes of shape \(N, 8\), got \(4, 2\)"):
        APPENDED.outputs(np.zeros((4, 2), int))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"rows": 2, "columns": 3, "bits": 4}, "attention must have the key 'signed', got none"),
        ({"rows": 2, "columns": 0, "bits": 4, "signed": False}, "need attention.columns >= 1, got 0"),
        ({"rows": 2, "columns": 3, "bits": 4, "signed": 0}, "attention.signed must be true or false, got 0"),
        (
            {"rows": 2, "columns": 2, "bits": 4, "signed": False},
            "the 6 elements of a frame in output_stream, got 1 x 8",
        ),
        ([2, 3], "attention must be of type dict, got list"),
        (None, "the 2 elements of a frame in output_stream, got 1 x 8"),
    ],
)
def test_a_wrong_attention_is_refused(value: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "accelerator.json"
    APPENDED.write(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "attention": value}))
    with pytest.raises(ValueError, match=message):
        Contract.read(path)


def test_outputs_of_emotions_come_back(tmp_path: Path) -> None:
    path = tmp_path / "accelerator.json"
    contract = small_contract(attention=True, emotions=True)
    contract.write(path)
    assert Contract.read(path) == contract
    assert contract.output_names[12:22] == (AU_NAMES[12], *EMOTIONS, "attention code [0, 0]", "attention code [0, 1]")
    assert (contract.accumulators, len(contract.output_names)) == (20, 20 + 24 * 24)


def test_what_says_nothing_is_left_out_and_means_what_it_did(path: Path) -> None:
    """So the file of a network without such outputs is as it was before there were any."""
    content = json.loads(path.read_text())
    assert set(content["action_units"][0]) == {"name", "scale", "offset", "threshold"}
    assert not {"emotions", "attention"} & set(content)
    unit = Contract.read(path).action_units[0]
    assert (unit.slope, unit.shift, unit.validity, Contract.read(path).emotions) == (1, 0, "", ())


TIMED = replace(
    CONTRACT,
    bitfile_sha256="1" * 64,
    timing=TimingClosure("Vivado 2022.2", "Performance_Explore", 0.4, 0.018, 3.75, 0, 0, {"clk_out1": 99.999}),
)


def test_slack_and_clocks_are_said_of_a_bitfile_alone(tmp_path: Path) -> None:
    path = tmp_path / "accelerator.json"
    TIMED.write(path)
    assert Contract.read(path) == TIMED
    assert json.loads(path.read_text())["timing"]["clocks_mhz"] == {"clk_out1": 99.999}
    with pytest.raises(ValueError, match="timing is a bitfile's, got no bitfile_sha256 beside it"):
        replace(TIMED, bitfile_sha256=None)
    CONTRACT.write(path)
    assert "timing" not in json.loads(path.read_text())


@pytest.mark.parametrize(
    ("change", "met"),
    [
        ({}, True),
        ({"worst_setup_slack_ns": 0.0}, True),
        ({"worst_setup_slack_ns": -0.001}, False),
        ({"worst_hold_slack_ns": -0.001}, False),
        ({"worst_pulse_width_slack_ns": -0.1}, False),
        ({"failing_endpoints": 1}, False),
        ({"unclocked": 1}, False),
    ],
)
def test_timing_is_met_where_every_path_was_timed_and_holds(change: dict[str, Any], met: bool) -> None:
    assert TIMED.timing is not None
    timing = replace(TIMED.timing, **change)
    assert timing.met == met and ("TIMING IS NOT MET" in timing.sentence) != met


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["timing"].pop("strategy"), "timing must have the key 'strategy', got none"),
        (lambda c: c["timing"].update(tool=1), "timing.tool must be of type str, got int"),
        (lambda c: c["timing"].update(worst_hold_slack_ns="0"), "worst_hold_slack_ns must be a number, got '0'"),
        (lambda c: c["timing"].update(failing_endpoints=-1), "failing_endpoints must be a whole number .*, got -1"),
        (lambda c: c["timing"].update(clocks_mhz={}), "clocks_mhz must have at least one clock, .* got {}"),
        (lambda c: c["timing"].update(clocks_mhz={"c": 0}), "all above 0 MHz, got {'c': 0}"),
        (lambda c: c.update(timing=[1]), "timing must be of type dict, got list"),
    ],
)
def test_a_wrong_timing_is_refused(change: Callable[[Any], None], message: str, tmp_path: Path) -> None:
    path = tmp_path / "accelerator.json"
    TIMED.write(path)
    test_refuses(path, change, message)


def test_emotions_come_from_their_own_outputs() -> None:
    contract = small_contract(emotions=True)
    frames = np.random.default_rng(1).integers(-20_000, 20_000, (50, 20))
    for row, found in zip(frames, contract.outputs(frames), strict=True):
        assert found.accumulators.tolist() == row.tolist()
        logits = [unit.scale * sums + unit.offset for unit, sums in zip(contract.action_units, row, strict=False)]
        assert found.logits.tolist() == logits
        chances = [
            1 / (1 + math.exp(-(unit.slope * logit + unit.shift)))
            for unit, logit in zip(contract.action_units, logits, strict=True)
        ]
        assert found.probabilities == pytest.approx(chances, rel=1e-12)
        assert found.occurrence.tolist() == [chance >= 0.5 for chance in chances]
        own = [each.scale * sums + each.offset for each, sums in zip(contract.emotions, row[13:], strict=True)]
        assert found.emotion_logits is not None and found.emotion_logits.tolist() == own
        scores = np.exp([each.slope * logit for each, logit in zip(contract.emotions, own, strict=True)])
        assert found.emotion_probabilities == pytest.approx(scores / scores.sum(), rel=1e-12)
        assert found.emotion == EMOTIONS[int(np.argmax(own))]


def test_what_learned_from_emotions_says_so() -> None:
    contract = small_contract()
    assert set(contract.validity) == {""}
    assert set(replace(contract, decoding=BY_EMOTION).validity) == {"emotion"}
    units = (replace(contract.action_units[0], validity="coded"), *contract.action_units[1:])
    assert replace(contract, decoding=BY_EMOTION, action_units=units).validity == ("coded", *["emotion"] * 12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["emotions"].pop(), "emotions must be none or neutral, .*, surprise in this order, got neutral"),
        (lambda c: c["emotions"].reverse(), "in this order, got surprise, sadness"),
        (lambda c: c["emotions"][0].pop("offset"), "emotions must have the key 'offset', got none"),
        (lambda c: c["emotions"][1].update(slope=0), "need slope > 0, got 0 for anger"),
        (lambda c: c["emotions"][1].update(shift="far"), "the shift must be a finite number, got 'far' for anger"),
        (lambda c: c["emotions"][1].update(threshold=0.5), "emotions must have only known keys, got 'threshold'"),
        (lambda c: c["emotions"][2].update(name=3), "the name of an emotion must be text, got 3"),
        (lambda c: c.update(emotions={}), "emotions must be of type list, got dict"),
        (lambda c: c.pop("emotions"), "the 13 elements of a frame in output_stream, got 1 x 20"),
        (lambda c: c["action_units"][0].update(slope=-1), "need slope > 0, got -1 for AU1"),
        (
            lambda c: c["action_units"][0].update(validity="sure"),
            "one of coded, .* or empty, got 'sure' for AU1",
        ),
        (lambda c: c.update(decoding="emotions"), "'emotions' is for networks without outputs for emotions"),
    ],
)
def test_damaged_outputs_are_refused(change: Callable[[Any], None], message: str, tmp_path: Path) -> None:
    path = tmp_path / "accelerator.json"
    small_contract(emotions=True).write(path)
    test_refuses(path, change, message)


def test_packing() -> None:
    assert CONTRACT.input_stream == StreamPacking(3, 8, False, bytes_per_beat=3, beats_per_frame=2304)
    assert CONTRACT.output_stream == StreamPacking(1, 14, True, bytes_per_beat=2, beats_per_frame=2)


def test_outputs() -> None:
    first, second = CONTRACT.outputs(np.array([[16, 16], [80, -16]]))
    assert (first.accumulators.tolist(), first.logits.tolist()) == ([16, 16], [0.0, 1.0])
    assert (second.accumulators.tolist(), second.logits.tolist()) == ([80, -16], [1.0, 0.0])
    likely = 1 / (1 + math.exp(-1))
    np.testing.assert_allclose(first.probabilities, [0.5, likely], rtol=1e-15)
    np.testing.assert_allclose(second.probabilities, [likely, 0.5], rtol=1e-15)
    assert first.occurrence.tolist() == second.occurrence.tolist() == [True, False]
    assert first.emotion is None  # of other AUs than Table 2's


@pytest.mark.parametrize("decoding", DECODINGS)
def test_emotions_of_table_2_have_probabilities_in_both_decodings(decoding: str) -> None:
    contract = replace(small_contract(), decoding=decoding)
    accumulators = np.random.default_rng(0).integers(-20_000, 20_000, (50, len(AU_NAMES)))
    for found in contract.outputs(accumulators):
        logits = found.logits @ PROTOTYPES.T.astype(np.float64)  # log-likelihoods of the rows, up to one constant
        shares = np.exp(logits - logits.max())
        assert found.emotion_probabilities == pytest.approx(shares / shares.sum(), abs=1e-12)
        assert found.emotion == EMOTIONS[int(np.argmax(found.emotion_probabilities))]
        if decoding == BY_EMOTION:
            assert found.probabilities == pytest.approx(found.emotion_probabilities @ PROTOTYPES, abs=1e-12)


def test_other_action_units_have_no_emotions() -> None:
    contract = small_contract()
    one = replace(
        contract, action_units=contract.action_units[:1], output_stream=StreamPacking.of_frame(1, 1, 24, True)
    )
    (found,) = one.outputs(np.zeros((1, 1), np.int64))
    assert found.emotion is None and found.emotion_probabilities is None


def test_outputs_at_the_ends_of_the_range() -> None:
    low, high = CONTRACT.outputs(np.array([[-(2**62)] * 2, [2**62] * 2]))
    assert (low.probabilities.tolist(), high.probabilities.tolist()) == ([0, 0], [1, 1])


@pytest.mark.parametrize(
    ("accumulators", "message"),
    [
        (np.zeros((4, 3), int), r"need accumulators of shape \(N, 2\), got \(4, 3\)"),
        (np.zeros(2, int), r"need accumulators of shape \(N, 2\), got \(2,\)"),
        (np.zeros((1, 2)), "need integer accumulators, got float64"),
    ],
)
def test_bad_accumulators(accumulators: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CONTRACT.outputs(accumulators)


def test_hashes(tmp_path: Path) -> None:
    model, bitfile = tmp_path / "model.onnx", tmp_path / "auflow.bit"
    model.write_bytes(b"model")
    bitfile.write_bytes(b"bits")
    bound = replace(CONTRACT, model_sha256=sha256(model), bitfile_sha256=sha256(bitfile))
    bound.check_model(model)
    bound.check_bitfile(bitfile)
    with pytest.raises(ValueError, match=r"the bitfile must have sha256 .*: use the files of one build"):
        bound.check_bitfile(model)
    with pytest.raises(ValueError, match=r"the model must have sha256 0{12}\.\.\., got .* for .*model"):
        CONTRACT.check_model(model)
    with pytest.raises(ValueError, match="built without a bitfile"):
        CONTRACT.check_bitfile(bitfile)


def put(*keys: Any, value: Any) -> Callable[[Any], None]:
    """Change that sets one value deep in the JSON."""

    def change(content: Any) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


def drop(*keys: Any) -> Callable[[Any], None]:
    """Change that removes one key deep in the JSON."""

    def change(content: Any) -> None:
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("format", value=1), "must have format 2, got 1 in .*: build again"),
        (drop("format"), "must have format 2, got None"),
        (drop("board"), "accelerator.json must have the key 'board', got none"),
        (put("colour", value=1), "must have only known keys, got 'colour'"),
        (put("input", "gamma", value=1), "input must have only known keys, got 'gamma'"),
        (put("input", value=[]), "input must be of type dict, got list"),
        (put("input", "shape", value=[48, 48]), r"three sizes of at least 1, got \(48, 48\)"),
        (put("input", "dtype", value="float32"), "must be uint8, got 'float32'"),
        (put("input", "colour", value="bgr"), "must be one of grey, rgb, got 'bgr'"),
        (put("input", "crop_margin", value="wide"), "need -0.5 < input.crop_margin <= 1, got 'wide'"),
        (put("input", "preprocessing", value="none"), "got 'none' in .*: build again"),
        (drop("action_units", 0, "scale"), "action_units must have the key 'scale'"),
        (put("action_units", 0, "scale", value=0), "need scale > 0, got 0 for AU6"),
        (put("action_units", 0, "offset", value=math.nan), "the offset must be a finite number, got nan for AU6"),
        (put("action_units", 1, "threshold", value=1), "need 0 < threshold < 1, got 1 for AU12"),
        (put("action_units", 1, "name", value="AU6 Cheek raiser"), "distinct names"),
        (put("action_units", value=[]), "at least one"),
        (put("accumulator", value="INT12"), "14 bits signed, got 'INT12'"),
        (put("input_stream", "lanes", value=0), "need lanes >= 1 in a stream, got 0"),
        (put("input_stream", "bytes_per_beat", value=4), "3 x 8 bits, got 4"),
        (put("output_stream", "beats_per_frame", value=3), "the 2 elements of a frame in output_stream"),
        (put("output_stream", "signed", value=1), "must be true or false"),
        (put("clock_mhz", value=-5), "need clock_mhz > 0, got -5"),
        (put("model_sha256", value="abc"), "must be 64 hexadecimal digits, got 'abc'"),
        (put("model_sha256", value=None), "must be 64 hexadecimal digits, got None"),
        (put("part", value=7), "part must be of type str, got int"),
        (put("folding", "MVAU_rtl_0", value=3), "must be of type dict, got int"),
        (put("layers", value="MVAU_rtl_0"), "layers must be of type list, got str"),
    ],
)
def test_refuses(path: Path, change: Callable[[Any], None], message: str) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message) as caught:
        Contract.read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_refuses_other_files(tmp_path: Path) -> None:
    path = tmp_path / "accelerator.json"
    with pytest.raises(ValueError, match=r"got none at .*accelerator\.json"):
        Contract.read(path)
    path.write_text("{")
    with pytest.raises(ValueError, match="must be JSON, got"):
        Contract.read(path)
    path.write_text("[]")
    with pytest.raises(ValueError, match="must be of type dict, got list"):
        Contract.read(path)


def test_lanes_that_do_not_divide() -> None:
    with pytest.raises(ValueError, match="must divide the 13 elements of a frame, got 2"):
        StreamPacking.of_frame(13, 2, 14, True)
