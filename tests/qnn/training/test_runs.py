# SPDX-License-Identifier: Apache-2.0
"""Training runs: they learn, start from float, lose nothing when killed, and share a batch between processes."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from bands import FLOAT_RECIPE, PLAN, QUANTIZED_RECIPE, TINY, band_splits
from packages import largest_file
from safetensors.torch import load_file

from board.core.facs import AUS
from qnn.evaluation import evaluate
from qnn.evaluation.decision_thresholds import tune
from qnn.network import checkpoint
from qnn.network.checkpoint import Card
from qnn.network.inference import predict
from qnn.network.model import Architecture
from qnn.network.pixels import channels_first, network_input
from qnn.network.presets import FLOAT
from qnn.training import learning_curves, runs
from qnn.training.batches import ResidentFaces
from qnn.training.losses import euclidean
from qnn.training.recipes import change

ROOT = Path(__file__).parents[3]

TRAIN = """
import sys, torch
from pathlib import Path
sys.path[:0] = [".", "tests/support"]
from bands import PLAN, TINY, band_splits
from qnn.training import runs
from qnn.training.recipes import change
torch.set_num_threads(1)
out, preset, processes, faces, *settings = sys.argv[1:]
machine = runs.Machine("cpu", int(processes))
runs.train([preset], TINY, band_splits(int(faces)), Path(out), change(PLAN, settings), machine)
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums come in the same order in every process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float network and a quantized one from it, trained without an interruption."""
    folder = tmp_path_factory.mktemp("run")
    paths = runs.train(["tiny"], TINY, band_splits(), folder, PLAN, runs.Machine("cpu"))
    assert paths == [folder / "float.safetensors", folder / "tiny.safetensors"]
    return folder


HOLD = """
import sys
from pathlib import Path
from board.core.lock import lock_in, locked
with locked(lock_in(Path(sys.argv[1])), "the run"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_trainings_cannot_share_a_folder(tmp_path: Path) -> None:
    """They once wrote over each other's state."""
    folder = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(RuntimeError, match=rf"the run {folder} is in use by process {other.pid} \(-c\): wait for"):
            runs.train(["tiny"], TINY, band_splits(), folder, PLAN, runs.Machine("cpu"))
        other.communicate("")
    assert not folder.exists()


def test_only_the_first_process_of_a_training_holds_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with runs.held(tmp_path / "run", "the run"):
        monkeypatch.setattr(runs, "is_first", lambda: False)
        with runs.held(tmp_path / "run", "the run"):
            pass
    assert not (tmp_path / "run").exists()


def test_both_stages_learn(run: Path) -> None:
    for preset in (FLOAT, "tiny"):
        _, card = checkpoint.load(run / f"{preset}.safetensors", preset)
        assert card.metrics["micro_f1"] > 0.9
        assert card.metrics["fer_accuracy_prototype"] > 0.9
        assert card.metrics["n"] == 64
        assert len(card.thresholds) == 13
        assert card.training["terms"] == "none"


def test_thresholds_and_metrics_are_of_the_decoding_that_the_card_names(run: Path) -> None:
    """These AUs follow from emotions."""
    network, card = checkpoint.load(run / "tiny.safetensors", "tiny")
    splits = band_splits()
    assert card.decoding == "emotions"
    assert card.thresholds == tuple(
        tune(predict(network, splits.validation).probabilities(card), splits.validation.labels)
    )
    found, test = predict(network, splits.test), splits.test
    evaluation = evaluate(
        found.probabilities(card), test.labels, test.emotions, card.thresholds, AUS, nearest=found.emotions(card)
    )
    assert {name: card.metrics[name] for name in evaluation.headline()} == evaluation.headline()


def test_other_aus_are_decoded_one_by_one() -> None:
    faces = band_splits().train
    recipes = FLOAT_RECIPE, replace(FLOAT_RECIPE, decoding="independent")
    assert [ResidentFaces(faces, recipe).decoding for recipe in recipes] == ["emotions", "independent"]
    coded = replace(faces, labels=1 - faces.labels)
    assert ResidentFaces(coded, FLOAT_RECIPE).decoding == "independent"


def test_cards_hold_recipe_and_start(run: Path) -> None:
    of_float = checkpoint.read_card(run / "float.safetensors")
    of_quantized = checkpoint.read_card(run / "tiny.safetensors")
    assert of_float.training["recipe"] == asdict(FLOAT_RECIPE)
    assert of_float.training["start"] is None
    assert of_quantized.training["recipe"] == asdict(QUANTIZED_RECIPE)
    assert of_quantized.training["start"]["metrics"] == of_float.metrics


def test_logs_and_curves_lie_beside_the_state(run: Path) -> None:
    found = learning_curves.history(run / FLOAT)
    assert [epoch for epoch, _ in found["loss_epoch"]] == list(range(8))
    assert found["loss_epoch"][-1][1] < 0.7 * found["loss_epoch"][0][1]
    assert found["euclidean"][-1][1] < found["euclidean"][0][1]
    assert all(0 < share < 0.5 for _, share in found["data_share"])
    assert all(speed > 0 for _, speed in found["images_per_s"])
    picture = cv2.imread(str(run / FLOAT / "curves.png"))
    assert picture is not None and picture.std() > 10
    assert list((run / FLOAT).rglob("events.out.tfevents*"))


@pytest.mark.parametrize("preset", [FLOAT, "tiny"])
def test_the_averaged_weights_that_chose_the_epoch_are_kept(run: Path, preset: str) -> None:
    """Lightning saves weights alone without their average."""
    found = learning_curves.history(run / preset)
    best = max(found["micro_f1"], key=lambda entry: entry[1])[0]
    network, _ = checkpoint.load(run / f"{preset}.safetensors", preset)
    validation = band_splits().validation
    with torch.no_grad():
        logits = network.eval()(network_input(channels_first(torch.from_numpy(validation.pixels))))
    kept = float(euclidean(logits, torch.from_numpy(validation.labels)).mean())
    assert kept == pytest.approx(dict(found["valid_euclidean"])[best], rel=1e-4)


def test_the_average_decays_as_if_taken_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[float, int]] = []

    class Seen(runs.EMAWeightAveraging):
        """Notes how it averages."""

        def __init__(self, decay: float, update_every_n_steps: int) -> None:
            taken.append((decay, update_every_n_steps))
            super().__init__(decay=decay, update_every_n_steps=update_every_n_steps)

    monkeypatch.setattr(runs, "EMAWeightAveraging", Seen)
    runs.train_stage(Card(FLOAT, TINY), band_splits(), tmp_path, replace(FLOAT_RECIPE, epochs=1), runs.Machine("cpu"))
    ((decay, every),) = taken
    assert every > 1 and decay ** (1 / every) == pytest.approx(FLOAT_RECIPE.average)


def test_a_finished_run_is_not_repeated(run: Path) -> None:
    before = (run / "tiny.safetensors").stat().st_mtime_ns
    runs.train(["tiny"], TINY, band_splits(), run, PLAN, runs.Machine("cpu"))
    assert (run / "tiny.safetensors").stat().st_mtime_ns == before


def test_a_float_network_is_trained_on(run: Path, tmp_path: Path) -> None:
    """It goes on from its weights, not anew, and the quantized network starts from what that gives."""
    start = run / "float.safetensors"
    still = change(PLAN, ["epochs=1", "learning_rate=1e-9", "matrix_rate=1e-9", "average=0"])
    paths = runs.train([FLOAT, "tiny"], TINY, band_splits(), tmp_path, still, runs.Machine("cpu"), start)
    before, after = (load_file(path)["fc3.weight"] for path in (start, paths[0]))
    assert torch.allclose(before, after, atol=1e-6)
    of_float, of_quantized, of_start = (checkpoint.read_card(path) for path in (*paths, start))
    assert of_float.training["start"]["metrics"] == of_start.metrics
    assert of_quantized.training["start"]["metrics"] == of_float.metrics
    assert of_quantized.training["start"]["start"]["recipe"] == of_start.training["recipe"]


def test_a_quantized_network_starts_from_a_quantized_network(run: Path, tmp_path: Path) -> None:
    """It begins better than from the float network, which is its teacher all the same; its card names both."""
    short = change(PLAN, ["quantized.epochs=1", "quantized.learning_rate=1e-9", "quantized.matrix_rate=1e-9"])
    start, quantized = run / "float.safetensors", run / "tiny.safetensors"
    alone, after = (
        runs.train(["w2a2"], TINY, band_splits(), tmp_path / name, short, runs.Machine("cpu"), start, first)[0]
        for name, first in (("alone", None), ("after", quantized))
    )
    cards = [checkpoint.read_card(path) for path in (alone, after, quantized)]
    origin = cards[1].training["start"]
    assert origin["metrics"] == cards[0].training["start"]["metrics"] and "quantized" not in cards[0].training["start"]
    assert (origin["quantized"]["preset"], origin["quantized"]["metrics"]) == ("tiny", cards[2].metrics)
    assert not torch.equal(*(load_file(path)["fc3.weight"] for path in (alone, after)))
    with pytest.raises(ValueError, match=r"begun with start_quantized .*, got None: go on with the same"):
        runs.train(["w2a2"], TINY, band_splits(), tmp_path / "after", short, runs.Machine("cpu"), start)
    with pytest.raises(ValueError, match="--start-quantized must be a quantized network, got the float one"):
        runs.train(["w2a2"], TINY, band_splits(), tmp_path / "other", short, runs.Machine("cpu"), start, start)


def test_several_teachers_teach_by_their_mean(run: Path, tmp_path: Path) -> None:
    """What they say moves the weights, whoever starts; the card names each."""
    without, cpu = replace(TINY, attention=False), runs.Machine("cpu")
    (plain,) = runs.train([FLOAT], without, band_splits(), tmp_path / "plain", PLAN, cpu)
    start, short = run / "float.safetensors", change(PLAN, ["quantized.epochs=1"])
    (alone,), (distilled,) = (
        runs.train(["tiny"], TINY, band_splits(), tmp_path / name, short, cpu, start, teachers=teachers)
        for name, teachers in (("alone", ()), ("distilled", (start, plain)))
    )
    assert not torch.equal(*(load_file(path)["fc3_bias"] for path in (alone, distilled)))
    named = checkpoint.read_card(distilled).training["teachers"]
    assert [teacher["attention"] for teacher in named] == [True, False]
    assert "teachers" not in checkpoint.read_card(alone).training
    with pytest.raises(ValueError, match=r"begun with teachers .*, got None: go on with the same"):
        runs.train(["tiny"], TINY, band_splits(), tmp_path / "distilled", short, cpu, start)


def test_an_unfit_teacher_is_refused(run: Path, tmp_path: Path) -> None:
    teachers = [run / "float.safetensors"]
    with pytest.raises(ValueError, match=r"a teacher needs a weight, got .* and distillation_weight 0"):
        runs.train([FLOAT], TINY, band_splits(), tmp_path / "light", PLAN, runs.Machine("cpu"), teachers=teachers)
    other = replace(Card(FLOAT, Architecture(5, divisor=8)), aus=(1, 2, 4, 6, 12))
    checkpoint.save(tmp_path / "other.safetensors", checkpoint.build_model(other), other)
    plan, teachers = change(PLAN, ["float.distillation_weight=1"]), [tmp_path / "other.safetensors"]
    with pytest.raises(ValueError, match=r"a teacher must know AUs .*, .*other\.safetensors knows \(1, 2, 4, 6, 12\)"):
        runs.train([FLOAT], TINY, band_splits(), tmp_path / "others", plan, runs.Machine("cpu"), teachers=teachers)


@pytest.mark.parametrize("preset", [FLOAT, "tiny"])
def test_a_killed_run_ends_with_the_same_bits(run: Path, tmp_path: Path, preset: str) -> None:
    rng = np.random.default_rng()
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN, tmp_path, preset, "1", "240"], cwd=ROOT, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 300
    state = tmp_path / preset / "state.ckpt"
    while not state.exists():
        assert process.poll() is None, f"the run ended before it kept a state: {process.communicate()[1]!r}"
        assert time.monotonic() < deadline, "waited 300 s for the run to keep a state"
        time.sleep(0.02)
    delay = float(rng.uniform(0, 0.5))
    print(f"killed {delay:.3f} s after the first state")  # a random step
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    result = tmp_path / f"{preset}.safetensors"
    assert not result.exists(), "the run ended before it was killed"
    runs.train([preset], TINY, band_splits(), tmp_path, PLAN, runs.Machine("cpu"))
    assert result.read_bytes() == (run / f"{preset}.safetensors").read_bytes()
    found, whole = checkpoint.read_card(result), checkpoint.read_card(run / f"{preset}.safetensors")
    assert found.training.pop("hours") >= 0 and whole.training.pop("hours") >= 0  # which no two runs share
    if preset != FLOAT:
        assert found.training["start"].pop("hours") >= 0 and whole.training["start"].pop("hours") >= 0
    assert found == whole


def test_curves_of_a_resumed_run_are_whole(run: Path, tmp_path: Path) -> None:
    """A second metrics.csv of a resumed stage replaces no epoch of the first one, only what it measured again."""
    for version, epochs in ((0, {0: 5.0, 1: 4.0}), (1, {1: 4.5, 2: 3.0})):
        folder = tmp_path / "logs" / f"version_{version}"
        folder.mkdir(parents=True)
        with (folder / "metrics.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ["epoch", "step", "loss_epoch", "lr"])
            writer.writeheader()
            writer.writerows({"epoch": e, "step": 9, "loss_epoch": v} for e, v in epochs.items())
            writer.writerow({"step": 3, "lr": 0.1})
    assert learning_curves.history(tmp_path) == {"loss_epoch": [(0, 5.0), (1, 4.5), (2, 3.0)]}


def test_hours_are_of_all_epochs(tmp_path: Path) -> None:
    folder = tmp_path / "logs" / "version_0"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_text("epoch,step,images_per_s\n0,9,50\n1,19,25\n")
    assert learning_curves.hours(tmp_path, 1800) == pytest.approx((36 + 72) / 3600)


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """Same draws, same batch statistics, same gradients: rounding is left, which small learning rates keep small."""
    script = tmp_path / "train.py"  # a file: Lightning starts it again for the other process
    script.write_text(TRAIN)
    figures = {}
    for processes in ("1", "2"):
        settings = [processes, "96", "learning_rate=1e-4", "matrix_rate=1e-4", "epochs=2"]
        command = [sys.executable, str(script), str(tmp_path / processes), "tiny", *settings]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
        assert done.returncode == 0, done.stderr[-3000:]
        found = {preset: learning_curves.history(tmp_path / processes / preset) for preset in (FLOAT, "tiny")}
        figures[processes] = [
            [value for _, value in found[preset][name]]
            for preset in (FLOAT, "tiny")
            for name in ("loss_epoch", "euclidean", "valid_loss", "valid_euclidean")
        ]
    np.testing.assert_allclose(figures["2"], figures["1"], rtol=1e-3)


def test_a_pruned_network_keeps_the_greatest_weights(run: Path, tmp_path: Path) -> None:
    start = run / "float.safetensors"
    plan = change(PLAN, ["quantized.pruned=0.75"])
    (path,) = runs.train(["tiny"], TINY, band_splits(), tmp_path, plan, runs.Machine("cpu"), start)
    before, after = load_file(start), load_file(path)
    for name in ("fc1.weight", "fc2.weight"):
        least = before[name].abs().flatten().kthvalue(round(0.75 * before[name].numel())).values
        assert (after[name][before[name].abs() <= least] == 0).all()
        assert (after[name][before[name].abs() > least] != 0).float().mean() > 0.5  # the grid rounds small ones to 0
    assert (after["fc3.weight"] == 0).float().mean() < 0.4


def test_settings_of_an_older_version_are_completed(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / FLOAT / "settings.json"
    settings = json.loads(path.read_text())
    del settings["recipe"]["pruned"], settings["architecture"]["head_divisor"]
    del settings["recipe"]["augmentation"]["erase"]
    path.write_text(json.dumps(settings))
    runs.train_stage(Card(FLOAT, TINY), band_splits(), tmp_path / "run", FLOAT_RECIPE)
    with pytest.raises(ValueError, match=r"begun with recipe\.dropout 0\.2, got 0\.3"):
        runs.train_stage(Card(FLOAT, TINY), band_splits(), tmp_path / "run", replace(FLOAT_RECIPE, dropout=0.3))


def test_a_folder_of_another_run_is_refused(run: Path) -> None:
    other = replace(FLOAT_RECIPE, learning_rate=3e-3)
    with pytest.raises(ValueError, match=r"begun with recipe\.learning_rate 0\.01, got 0\.003: go on with the same or"):
        runs.train_stage(Card(FLOAT, TINY), band_splits(), run, other)
    with pytest.raises(ValueError, match="begun with faces"):
        runs.train_stage(Card(FLOAT, TINY), band_splits(train=200), run, FLOAT_RECIPE)


def test_a_state_that_cannot_be_read_is_named(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / FLOAT
    folder.mkdir()
    settings = json.loads((run / FLOAT / "settings.json").read_text())
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "state.ckpt").touch()
    with pytest.raises(ValueError, match=r"state\.ckpt cannot be read: delete .* to begin this stage again"):
        runs.train_stage(Card(FLOAT, TINY), band_splits(), tmp_path, FLOAT_RECIPE)


def test_a_quantized_network_without_a_float_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="preset tiny trains from a float checkpoint: give one"):
        runs.train_stage(Card("tiny", TINY), band_splits(), tmp_path, QUANTIZED_RECIPE)


def test_a_start_of_other_widths_is_refused(run: Path, tmp_path: Path) -> None:
    wide = Card("w4a4", Architecture(divisor=4))
    with pytest.raises(ValueError, match=r"got divisor=8 in .* and divisor=4 asked for"):
        runs.train_stage(wide, band_splits(), tmp_path, QUANTIZED_RECIPE, start=run / "float.safetensors")


def test_a_quantized_start_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is of preset tiny, need float"):
        runs.train_stage(Card("tiny", TINY), band_splits(), tmp_path, QUANTIZED_RECIPE, start=run / "tiny.safetensors")


def test_a_batch_beyond_the_faces_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="need at least one batch of 1000 training faces, got 240"):
        runs.train_stage(Card(FLOAT, TINY), band_splits(), tmp_path, replace(FLOAT_RECIPE, batch=1000))


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    wild = replace(FLOAT_RECIPE, learning_rate=1e30)
    said = r"the loss must stay finite, got \S+ in step [1-3]: use a new --run folder and"  # not at the epoch's end
    with pytest.raises(ValueError, match=said):
        runs.train_stage(Card(FLOAT, TINY), band_splits(), tmp_path, wild)
    assert not (tmp_path / "float.safetensors").exists()


def test_a_full_disk_names_the_folder_of_the_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It once named a temporary file, behind a progress bar on the same line."""
    refused = pytest.raises(RuntimeError, match=f"^cannot write {tmp_path}/float: File too large; make room there")
    with largest_file(100_000), refused:
        runs.train([FLOAT], TINY, band_splits(), tmp_path, PLAN)
    assert "".join(capfd.readouterr()).endswith("\n")
    assert not (tmp_path / "float.safetensors").exists()


def test_mixed_precision_is_refused_where_it_would_be_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a core with AVX2 alone a QAT step of 16 faces took six times as long at bf16-mixed as at 32-true."""
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for accelerator in ("cpu", "auto"):
        for precision in ("bf16-mixed", "16-mixed"):
            with pytest.raises(ValueError, match=f"{precision} needs AVX-512"):
                runs.Machine(accelerator, precision=precision)
    assert runs.Machine("gpu", precision="bf16-mixed").precision == "bf16-mixed"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert runs.Machine(precision="bf16-mixed").processes == 1
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    assert runs.Machine("cpu", precision="bf16-mixed").processes == 1
