# SPDX-License-Identifier: Apache-2.0
#
# Implements the synthesized design by one strategy (AMD UG904) after the other until timing is met, and sets best to
# the run to go on with: the first that meets timing, else the one with the largest slack. Its bitfile becomes
# accelerator.bit. strategies.rpt has a line for each run: its worst slack in ns, and its name.

set strategies [lrange {
  {Vivado Implementation Defaults}
  Performance_ExplorePostRoutePhysOpt
  Performance_ExtraTimingOpt
  Congestion_SpreadLogic_high
} 0 [expr {@STRATEGIES@ - 1}]]

# Least slack of a run in ns, negative where timing is not met: of set-up, of hold, and of pulse width in all.
proc least_slack {run} {
  set setup [get_property STATS.WNS $run]
  set hold [get_property STATS.WHS $run]
  set pulse_width [get_property STATS.TPWS $run]
  return [expr {min($setup, $hold, $pulse_width < 0 ? $pulse_width : $setup)}]
}

set best ""
set tried [open strategies.rpt w]
foreach strategy $strategies {
  set name impl_[expr {[lsearch -exact $strategies $strategy] + 1}]
  if {$name eq "impl_1"} {
    set_property strategy $strategy [get_runs impl_1]
  } else {
    create_run $name -parent_run synth_1 -flow [get_property FLOW [get_runs impl_1]] -strategy $strategy
  }
  launch_runs -jobs @JOBS@ -to_step write_bitstream $name
  catch { wait_on_run [get_runs $name] }  ;# some releases raise where a run fails; its progress tells in all
  set run [get_runs $name]
  if {[get_property PROGRESS $run] ne "100%"} {
    if {$best eq ""} { error "strategy $strategy ended at [get_property PROGRESS $run] of $name" }
    puts $tried "none $strategy"
    continue
  }
  set slack [least_slack $run]
  puts $tried "$slack $strategy"
  if {$best eq "" || $slack > $best_slack} {
    set best $name
    set best_slack $slack
  }
  if {$slack >= 0} break
}
close $tried
file copy -force [file join [get_property DIRECTORY [get_runs $best]] top_wrapper.bit] accelerator.bit
