# SPDX-License-Identifier: Apache-2.0
"""Every form of a build compared by `==`, and the first difference named."""
