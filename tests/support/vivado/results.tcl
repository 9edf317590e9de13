# SPDX-License-Identifier: Apache-2.0
#
# What an implemented design leaves, in Vivado's formats: bitfile, hardware handoff, reports.
#
# It places nothing: slack, clocks and violations are what a test says. Reports are written after the examples in AMD
# UG906, so that they try how we read and act upon reports, not whether a design is fast.
#
# STANDIN_SLACK        worst set-up slack in ns of each run; the last one is that of all further runs (0.412)
# STANDIN_PROGRESS     how far each run comes, likewise (100%)
# STANDIN_HOLD         worst hold slack in ns (0.018)
# STANDIN_PULSE_WIDTH  worst pulse width slack in ns (3.750)
# STANDIN_UNCLOCKED    register pins without a clock (0)
# STANDIN_CROSSINGS    critical crossings of clocks (0)
# STANDIN_PART         part to put into the bitfile instead of the project's

set ::standin::is_implemented ""  ;# the run whose implemented design is open
set ::standin::launched {}  ;# implementation runs, in the order of their launches

# Device, package and speed grade as Vivado writes them.
proc part_pieces {} {
  set part [dict get $::standin::project part]
  if {[regexp {^xc(7z\d+)(\w+)-(\d)$} $part -> device package speed]} { return [list zynq $device $package $speed] }
  lassign [split $part -] device package speed
  return [list zynquplus $device $package $speed]
}

proc write_bitfile {path run} {
  lassign [part_pieces] arch device package
  set name [expr {$arch eq "zynq" ? "$device$package" : [dict get $::standin::project part]}]
  set name [environment STANDIN_PART $name]
  set content [binary format H* 00090ff00ff00ff00ff0000001]
  foreach {letter text} [list a "top_wrapper;UserID=0XFFFFFFFF;Version=$::standin::release" b $name c 2026/01/01 d 00:00:00] {
    append content $letter [binary format S [expr {[string length $text] + 1}]] $text \0
  }
  set data [string repeat \xff 64]$run
  append content e [binary format I [string length $data]] $data
  file mkdir [file dirname $path]
  set file [open $path wb]
  puts -nonewline $file $content
  close $file
}

# What a run leaves that dies while it writes.
proc half_bitfile {} { spill [place runs [lindex [dict keys $::standin::runs] end] top_wrapper.bit] "half" }

# Every slave with registers must have its address.
proc check_addresses {} {
  foreach handle [array names ::standin::intfs ipin:*] {
    if {[dict exists $::standin::intfs($handle) maps] && [dict get $::standin::intfs($handle) maps]} {
      if {![info exists ::standin::ranges(aseg:[path_of $handle]/[registers_of $handle])]} { error "[path_of $handle] has no address" }
    }
  }
}

proc processor {} {
  foreach path [array names ::standin::cells] {
    set name [lindex [split [dict get $::standin::cells($path) reference] :] 2]
    if {$name eq "processing_system7"} { return [list $path $name M_AXI_GP0] }
    if {$name eq "zynq_ultra_ps_e"} { return [list $path $name M_AXI_HPM0_FPD] }
  }
  error "the design has no processor"
}

proc write_handoff {path} {
  lassign [part_pieces] arch device package speed
  lassign [processor] ps ps_type ps_master
  set lines [list {<?xml version="1.0" encoding="UTF-8"?>} {<EDKSYSTEM EDWVERSION="1.2">} \
    "<SYSTEMINFO ARCH=\"$arch\" DEVICE=\"$device\" NAME=\"top\" PACKAGE=\"$package\" SPEEDGRADE=\"-$speed\"/>" \
    <EXTERNALPORTS/> <MODULES>]
  foreach cell [lsort [array names ::standin::cells]] {
    set vlnv [dict get $::standin::cells($cell) reference]
    lappend lines "<MODULE FULLNAME=\"/$cell\" INSTANCE=\"$cell\" IS_PL=\"[expr {$cell eq $ps ? "FALSE" : "TRUE"}]\"\
      MODTYPE=\"[lindex [split $vlnv :] 2]\" VLNV=\"$vlnv\">" <PARAMETERS>
    foreach {name value} [expr {$cell eq $ps ? [clock_parameters $ps_type] : {}}] {
      lappend lines "<PARAMETER NAME=\"$name\" VALUE=\"$value\"/>"
    }
    lappend lines </PARAMETERS> <PORTS/> <BUSINTERFACES> {*}[bus_interfaces $cell] </BUSINTERFACES>
    if {$cell eq $ps} { lappend lines <MEMORYMAP> {*}[memory_ranges $ps_master] </MEMORYMAP> }
    lappend lines </MODULE>
  }
  spill $path [join [lappend lines </MODULES> </EDKSYSTEM> ""] "\n"]
}

proc clock_parameters {type} {
  set found {}
  for {set i 0} {$i < 4} {incr i} {
    if {$type eq "processing_system7"} {
      lappend found PCW_FPGA_FCLK${i}_ENABLE 1 PCW_FCLK${i}_PERIPHERAL_DIVISOR0 5 PCW_FCLK${i}_PERIPHERAL_DIVISOR1 4
    } else {
      lappend found PSU__FPGA_PL${i}_ENABLE 1 PSU__CRL_APB__PL${i}_REF_CTRL__DIVISOR0 30 \
        PSU__CRL_APB__PL${i}_REF_CTRL__DIVISOR1 1
    }
  }
  return $found
}

proc bus_interfaces {cell} {
  set lines {}
  foreach handle [lsort [array names ::standin::intfs ipin:$cell/*]] {
    set intf $::standin::intfs($handle)
    set name [leaf_name $handle]
    if {[dict get $intf protocol] eq "AXIS"} {
      set type [expr {[dict get $intf mode] eq "Master" ? "INITIATOR" : "TARGET"}]
      lappend lines "<BUSINTERFACE BUSNAME=\"bus_$name\" NAME=\"$name\" TYPE=\"$type\" VLNV=\"xilinx.com:interface:axis:1.0\">" \
        "<PARAMETER NAME=\"TDATA_NUM_BYTES\" VALUE=\"[expr {[dict get $intf width] / 8}]\"/>" <PORTMAPS/> </BUSINTERFACE>
    } elseif {[string match AXI* [dict get $intf protocol]]} {
      set type [string toupper [dict get $intf mode]]
      lappend lines "<BUSINTERFACE BUSNAME=\"bus_$name\" NAME=\"$name\" TYPE=\"$type\" VLNV=\"xilinx.com:interface:aximm:1.0\">" \
        <PORTMAPS/> </BUSINTERFACE>
    }
  }
  return $lines
}

proc memory_ranges {master} {
  set lines {}
  foreach segment [lsort [array names ::standin::ranges]] {
    set base [dict get $::standin::ranges($segment) offset]
    if {![regexp {^aseg:(\w+)/(\w+)/(?:Reg|reg0)$} $segment -> cell port]} continue
    lappend lines "<MEMRANGE ADDRESSBLOCK=\"Reg\" BASENAME=\"C_BASEADDR\" BASEVALUE=\"[format 0x%X $base]\"\
      HIGHNAME=\"C_HIGHADDR\" HIGHVALUE=\"[format 0x%X [expr {$base + [dict get $::standin::ranges($segment) range] - 1}]]\"\
      INSTANCE=\"$cell\" IS_DATA=\"TRUE\" MASTERBUSINTERFACE=\"$master\" MEMTYPE=\"REGISTER\"\
      SLAVEBUSINTERFACE=\"$port\"/>"
  }
  return $lines
}

proc need_implemented {} {
  if {$::standin::is_implemented eq ""} { error "no implemented design is open" }
}

# What a test says of a run, in the order of their launches.
proc of_run {variable name default} {
  set values [environment $variable [list $default]]
  set at [lsearch -exact $::standin::launched $name]
  return [lindex $values [expr {min($at, [llength $values] - 1)}]]
}

proc setup_slack {name} { return [of_run STANDIN_SLACK $name 0.412] }

vendor report_timing_summary {args} {
  need_implemented
  set slack [setup_slack $::standin::is_implemented]
  set hold [environment STANDIN_HOLD 0.018]
  set pulse_width [environment STANDIN_PULSE_WIDTH 3.750]
  set unclocked [environment STANDIN_UNCLOCKED 0]
  foreach {key value} [list setup $slack hold $hold width $pulse_width] { set failing_$key [expr {$value < 0 ? 3 : 0}] }
  spill [dict get [options $args {} {-file}] -file] "
check_timing report

Table of Contents
-----------------
1. checking no_clock ($unclocked)
2. checking constant_clock (0)

1. checking no_clock ($unclocked)
------------------------
 There are $unclocked register/latch pins with no clock.

------------------------------------------------------------------------------------------------
| Design Timing Summary
| ---------------------
------------------------------------------------------------------------------------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)  THS Failing Endpoints  THS Total Endpoints     WPWS(ns)     TPWS(ns)  TPWS Failing Endpoints  TPWS Total Endpoints
    -------      -------  ---------------------  -------------------      -------      -------  ---------------------  -------------------     --------     --------  ----------------------  --------------------
      $slack       0.000                      $failing_setup                57213        $hold        0.000                      $failing_hold                57213        $pulse_width        0.000                       $failing_width                 23874

------------------------------------------------------------------------------------------------
| Clock Summary
| -------------
------------------------------------------------------------------------------------------------

Clock                       Waveform(ns)       Period(ns)      Frequency(MHz)
-----                       ------------       ----------      --------------
clk_fpga_0                  {0.000 5.000}      10.000          100.000
  clk_out1_top_clk_wiz_0_0  {0.000 5.000}      10.000          100.000
  clkfbout_top_clk_wiz_0_0  {0.000 5.000}      10.000          100.000

------------------------------------------------------------------------------------------------
| Intra Clock Table
| -----------------
------------------------------------------------------------------------------------------------

Clock                           WNS(ns)      TNS(ns)  TNS Failing Endpoints
-----                           -------      -------  ---------------------
  clk_out1_top_clk_wiz_0_0        $slack        0.000                      0
"
}

vendor report_timing {args} {
  need_implemented
  set found [options $args {-input_pins} {-delay_type -max_paths -sort_by -file}]
  if {[dict get $found -delay_type] ni {max min min_max}} { error "no delay type [dict get $found -delay_type]" }
  spill [dict get $found -file] "Slack: [setup_slack $::standin::is_implemented]ns (required time - arrival time)\n"
}

vendor report_cdc {args} {
  need_implemented
  set count [environment STANDIN_CROSSINGS 0]
  set text "CDC Report\n\nSeverity  ID      Count  Description\n--------  ------  -----  -----------\n"
  if {$count} { append text "Critical  CDC-1   $count      1-bit unknown CDC circuitry\n" }
  append text "Info      CDC-3   2      1-bit synchronized with ASYNC_REG property\n\n"
  for {set i 0} {$i < $count} {incr i} { append text "Critical  CDC-1  1-bit unknown CDC circuitry  0  None  a_reg/C  b_reg/D  Unknown\n" }
  spill [dict get [options $args {-details} {-file}] -file] $text
}

vendor report_methodology {args} {
  need_implemented
  spill [dict get [options $args {} {-file}] -file] "
Report Methodology

1. REPORT SUMMARY
-----------------
            Netlist: netlist
             Violations found: 7
+-----------+------------------+--------------------------------+------------+
| Rule      | Severity         | Description                    | Violations |
+-----------+------------------+--------------------------------+------------+
| TIMING-18 | Warning          | Missing input or output delay  | 2          |
| SYNTH-6   | Warning          | Timing of a RAM block is poor  | 4          |
| CLKC-55   | Advisory         | MMCME4 with global clock       | 1          |
+-----------+------------------+--------------------------------+------------+
"
}

vendor write_checkpoint {args} {
  need_implemented
  set found [options $args {-force} {}]
  set path [lindex [dict get $found rest] 0]
  if {[file exists $path] && ![dict exists $found -force]} { error "$path is there already" }
  spill $path "checkpoint of $::standin::is_implemented"
}

vendor report_power {args} {
  need_implemented
  spill [dict get [options $args {} {-file}] -file] "
1. Summary
----------

+--------------------------+--------------+
| Total On-Chip Power (W)  | 1.873        |
| Design Power Budget (W)  | Unspecified* |
| Dynamic (W)              | 1.728        |
| Device Static (W)        | 0.145        |
+--------------------------+--------------+
"
}

vendor report_utilization {args} {
  need_implemented
  set found [options $args {-hierarchical} {-hierarchical_depth -file -format}]
  set slice [expr {[lindex [part_pieces] 0] eq "zynq" ? "Slice" : "CLB"}]
  set rows [list "$slice LUTs              " 17342 "$slice Registers         " 21077 \
    "Block RAM Tile          " 9.5 "DSPs                    " 39]
  if {$slice eq "CLB"} { lappend rows "URAM                    " 0 }
  set text "+----------------------------+-------+-------+------------+-----------+-------+\n"
  append text "|          Site Type         |  Used | Fixed | Prohibited | Available | Util% |\n"
  foreach {name used} $rows { append text "| $name | $used |     0 |          0 |     53200 | 32.60 |\n" }
  spill [dict get $found -file] $text
}
