# SPDX-License-Identifier: Apache-2.0
"""Evaluation of AUs that stand for themselves: against rendered truth, against a teacher, calibrated, under damage."""
