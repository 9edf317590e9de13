# SPDX-License-Identifier: Apache-2.0
#
# What an implemented design leaves, in Vivado's formats: bitfile, hardware handoff, reports.
#
# STANDIN_SLACK    worst set-up slack in ns (0.412)
# STANDIN_PART     part to put into the bitfile instead of the project's

set ::standin::is_implemented 0

# Device, package and speed grade as Vivado writes them.
proc part_pieces {} {
  set part [dict get $::standin::project part]
  if {[regexp {^xc(7z\d+)(\w+)-(\d)$} $part -> device package speed]} { return [list zynq $device $package $speed] }
  lassign [split $part -] device package speed
  return [list zynquplus $device $package $speed]
}

proc write_bitfile {path} {
  lassign [part_pieces] arch device package
  set name [expr {$arch eq "zynq" ? "$device$package" : [dict get $::standin::project part]}]
  set name [environment STANDIN_PART $name]
  set content [binary format H* 00090ff00ff00ff00ff0000001]
  foreach {letter text} [list a "top_wrapper;UserID=0XFFFFFFFF;Version=$::standin::release" b $name c 2026/01/01 d 00:00:00] {
    append content $letter [binary format S [expr {[string length $text] + 1}]] $text \0
  }
  set data [string repeat \xff 64]
  append content e [binary format I [string length $data]] $data
  file mkdir [file dirname $path]
  set file [open $path wb]
  puts -nonewline $file $content
  close $file
}

# What a run leaves that dies while it writes.
proc half_bitfile {} { spill [place runs impl_1 top_wrapper.bit] "half" }

# Every slave with registers must have its address.
proc check_addresses {} {
  foreach handle [array names ::standin::intfs ipin:*] {
    if {[dict exists $::standin::intfs($handle) maps] && [dict get $::standin::intfs($handle) maps]} {
      if {![info exists ::standin::ranges(aseg:[path_of $handle]/Reg)]} { error "[path_of $handle] has no address" }
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
    if {![regexp {^aseg:(\w+)/(\w+)/Reg$} $segment -> cell port]} continue
    lappend lines "<MEMRANGE ADDRESSBLOCK=\"Reg\" BASENAME=\"C_BASEADDR\" BASEVALUE=\"[format 0x%X $base]\"\
      HIGHNAME=\"C_HIGHADDR\" HIGHVALUE=\"[format 0x%X [expr {$base + [dict get $::standin::ranges($segment) range] - 1}]]\"\
      INSTANCE=\"$cell\" IS_DATA=\"TRUE\" MASTERBUSINTERFACE=\"$master\" MEMTYPE=\"REGISTER\"\
      SLAVEBUSINTERFACE=\"$port\"/>"
  }
  return $lines
}

proc need_implemented {} {
  if {!$::standin::is_implemented} { error "no implemented design is open" }
}

vendor report_timing_summary {args} {
  need_implemented
  set slack [environment STANDIN_SLACK 0.412]
  set failing [expr {$slack < 0 ? 3 : 0}]
  spill [dict get [options $args {} {-file}] -file] "
------------------------------------------------------------------------------------------------
| Design Timing Summary
| ---------------------
------------------------------------------------------------------------------------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)  THS Failing Endpoints  THS Total Endpoints     WPWS(ns)     TPWS(ns)  TPWS Failing Endpoints  TPWS Total Endpoints
    -------      -------  ---------------------  -------------------      -------      -------  ---------------------  -------------------     --------     --------  ----------------------  --------------------
      $slack       0.000                      $failing                57213        0.018        0.000                      0                57213        3.750        0.000                       0                 23874

"
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
