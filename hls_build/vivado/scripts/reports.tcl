# SPDX-License-Identifier: Apache-2.0
#
# Reports of the implemented design, which is open, and its checkpoint; beside FINN+'s own of the utilisation.
report_timing_summary -file timing.rpt
report_timing -delay_type min_max -max_paths 100 -sort_by slack -input_pins -file timing_paths.rpt
report_cdc -details -file cdc.rpt
report_methodology -file methodology.rpt
report_power -file power.rpt
report_utilization -file utilization.rpt
report_utilization -hierarchical -hierarchical_depth 4 -file utilization_hierarchical.rpt
write_checkpoint -force accelerator.dcp
