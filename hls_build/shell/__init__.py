# SPDX-License-Identifier: Apache-2.0
"""What stands between a processor and the accelerator, as RTL of ours: DMAs, counters, self-test, resets."""
