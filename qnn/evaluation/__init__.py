# SPDX-License-Identifier: Apache-2.0
"""Evaluation: how well probabilities fit labels, with intervals, beside the paper's figures, and as pictures."""

from qnn.evaluation.metrics import AuFigures, Evaluation, Interval, evaluate

__all__ = ["AuFigures", "Evaluation", "Interval", "evaluate"]
