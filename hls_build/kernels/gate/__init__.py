# SPDX-License-Identifier: Apache-2.0
"""Gate: an attention gate as one table look-up."""
