# SPDX-License-Identifier: Apache-2.0
"""Calibration finds what logits were bent by, and its error is that of known bins."""

from __future__ import annotations

import numpy as np
import pytest

from board.core.decoding import sigmoid, softmax
from qnn.evaluation.aus.calibration import calibrated, calibration_error, fit, reliability, temperature
from qnn.evaluation.aus.statistics import Resampling


def test_the_error_of_known_bins() -> None:
    """Four faces at 0.9 of which three show it, and two at 0.2 of which none does."""
    said = np.array([0.9, 0.9, 0.9, 0.9, 0.2, 0.2, 0.5])
    so = np.array([True, True, True, False, False, False, True])
    known = np.array([True] * 6 + [False])
    error = calibration_error(said, so, known)(np.ones((1, 7)))[0]
    assert error == pytest.approx((4 * 0.15 + 2 * 0.2) / 6)
    bins = reliability(said[known], so[known])
    assert bins.faces.sum() == 6
    assert bins.to_json() == {"said": pytest.approx([0.2, 0.9]), "so": [0.0, 0.75], "faces": [2, 4]}


def test_an_interval_is_around_its_error() -> None:
    """Drawn faces leave bins emptier, which alone makes errors larger."""
    rng = np.random.default_rng(0)
    said = rng.random((400, 1))
    found = calibrated(said, rng.random((400, 1)) < said, said >= 0, ["AU1"], Resampling(np.full(400, "")))
    assert found.mean == found.errors["AU1"] and found.mean.value is not None and found.mean.interval is not None
    low, high = found.mean.interval
    assert 0 <= low < found.mean.value < high < 0.1


def test_probabilities_of_one_are_in_the_last_bin() -> None:
    assert reliability(np.array([1.0, 0.0]), np.array([True, False])).faces[[0, -1]].tolist() == [1, 1]


@pytest.mark.parametrize(("slope", "offset"), [(0.4, -1.0), (3.0, 2.0), (1.0, 0.0)])
def test_fit_undoes_a_bent_logit(slope: float, offset: float) -> None:
    """Every logit has as many faces as its probability asks for, so that the answer is exact but for Platt's."""
    true = np.linspace(-4, 4, 81)
    shown = np.rint(20_000 * sigmoid(true))
    logits = np.concatenate([true, true])
    weights = np.concatenate([shown, 20_000 - shown])
    active = np.concatenate([np.ones(81, bool), np.zeros(81, bool)])
    bent = np.repeat((logits - offset) / slope, weights.astype(int))
    found = fit(bent, np.repeat(active, weights.astype(int)), np.ones(len(bent)))
    assert found == pytest.approx((slope, offset), abs=2e-3)
    halves = fit((logits - offset) / slope, active, np.maximum(weights, 1e-9))
    assert halves == pytest.approx(
        (slope, offset), rel=0.1, abs=0.1
    )  # weights count as faces, but for Platt's one more


def test_a_perfect_output_has_a_finite_slope() -> None:
    active = np.arange(20) >= 10
    slope, offset = fit(np.where(active, 1.0, -1.0), active, np.ones(20))
    assert sigmoid(np.array([slope + offset, offset - slope])) == pytest.approx([11 / 12, 1 / 12])


def test_an_output_that_falls_with_its_au_is_refused() -> None:
    active = np.arange(20) >= 10
    with pytest.raises(ValueError, match="higher where the AU is shown, got slope -"):
        fit(-np.arange(20.0), active, np.ones(20))
    with pytest.raises(ValueError, match="with the AU and without, got 0 of 20"):
        fit(np.arange(20.0), np.zeros(20, bool), np.ones(20))


def test_temperature_is_what_logits_were_divided_by() -> None:
    """Each emotion of a row of probabilities occurs as often as they say."""
    sure = np.log(np.array([[0.6, 0.2, 0.1, 0.05, 0.03, 0.01, 0.01]]))
    counts = np.rint(1000 * softmax(sure)[0]).astype(int)
    emotions = np.repeat(np.arange(7), counts)
    assert temperature(np.repeat(sure / 2.5, len(emotions), axis=0), emotions) == pytest.approx(1 / 2.5, rel=1e-6)
