# SPDX-License-Identifier: Apache-2.0
"""Evaluation: metrics of probabilities against labels, with intervals, beside the paper's, and as pictures."""

from qnn.evaluation.metrics import AuMetrics, Evaluation, Interval, evaluate

__all__ = ["AuMetrics", "Evaluation", "Interval", "evaluate"]
