# SPDX-License-Identifier: Apache-2.0
#
# Reports of the implemented design, which is open; beside FINN+'s own of the utilisation.
report_timing_summary -file timing.rpt
report_power -file power.rpt
report_utilization -file utilization.rpt
report_utilization -hierarchical -hierarchical_depth 4 -file utilization_hierarchical.rpt
