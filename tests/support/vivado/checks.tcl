# SPDX-License-Identifier: Apache-2.0
#
# What validate_bd_design finds.

# Streams and registers that FINN's modules have but a design without run-time weights leaves open.
set ::standin::open_by_design {*/s_axilite */in1_V *_wstrm/s_axis_0}

vendor validate_bd_design {args} {
  need_design
  check_pins
  check_interfaces
  set ::standin::is_valid 1
}

# Every net by its members: net -> handles.
proc nets {table} {
  set nets [dict create]
  foreach handle [array names $table] { dict lappend nets [net_of $handle] $handle }
  return $nets
}

proc is_leaf {handle} {
  return [expr {[kind_of $handle] in {pin ipin} && [dict get $::standin::cells([owner $handle]) kind] ne "hier"}]
}

proc check_pins {} {
  dict for {net handles} [nets ::standin::pins] {
    set drivers {}
    set readers {}
    foreach handle $handles {
      lassign $::standin::pins($handle) direction width kind
      set drives [expr {($direction eq "O") == ([kind_of $handle] eq "pin")}]
      if {[kind_of $handle] eq "pin" && ![is_leaf $handle]} continue
      if {$drives} { lappend drivers $handle } else { lappend readers $handle }
    }
    if {[llength $drivers] > 1} { error "several drivers of one net: $drivers" }
    foreach reader $readers {
      lassign $::standin::pins($reader) direction width kind mhz
      if {![llength $drivers]} {
        if {$kind ne "optional" && ![string match sim_finish* [leaf_name $reader]]} { error "unconnected pin [path_of $reader]" }
        continue
      }
      lassign $::standin::pins([lindex $drivers 0]) -> driven
      if {$driven != $width} { error "[path_of $reader] has $width bits, its driver [path_of [lindex $drivers 0]] $driven" }
      check_clock $reader [lindex $drivers 0] $mhz
    }
    foreach handle $handles {
      if {[kind_of $handle] eq "pin" && ![is_leaf $handle] && [llength $handles] == 1} {
        error "unconnected pin [path_of $handle]"
      }
    }
  }
}

# A packaged design's clock must get the frequency that it was packaged for: Vivado compares to the Hz, and the
# processor's clock, which the wizard starts from, is 99.999 MHz where 100 are asked for. Where a core's ipi_drc has
# ignore_freq_hz, Vivado does not compare; the stand-in does so within 0.1 %, lest a wrong clock be wired.
set ::standin::processor_share 0.99999

proc check_clock {reader driver mhz} {
  if {$mhz eq ""} return
  set asked [clock_mhz $driver]
  if {$asked eq ""} return
  if {abs($asked - $mhz) > 0.001 * $mhz} {
    error "[path_of $reader] was packaged for $mhz MHz, [path_of $driver] gives $asked MHz"
  }
  set vlnv [dict get $::standin::cells([owner $reader]) reference]
  if {![dict exists $::standin::shelf $vlnv] || ![dict get $::standin::shelf $vlnv ignores_freq_hz]} {
    set hz [expr {round(1e6 * $::standin::processor_share * $asked)}]
    error "\[BD 41-237\] Bus Interface property FREQ_HZ does not match between [path_of $reader]([expr {round(1e6 * $mhz)}])\
      and [path_of $driver]($hz)"
  }
}

proc clock_mhz {driver} {
  set cell [owner $driver]
  if {[kind_of $driver] ne "pin" || ![string match *clk_wiz* [dict get $::standin::cells($cell) reference]]} { return "" }
  set config [dict get $::standin::cells($cell) config]
  set number [string index [leaf_name $driver] end]
  return [dict get $config CLKOUT${number}_REQUESTED_OUT_FREQ]
}

proc check_interfaces {} {
  dict for {net handles} [nets ::standin::intfs] {
    set ends {}
    foreach handle $handles {
      if {[kind_of $handle] eq "iport" || [is_leaf $handle]} { lappend ends $handle }
    }
    if {[llength $ends] == 1 || ![llength $ends]} {
      check_open [lindex [concat $ends $handles] 0]
      continue
    }
    if {[llength $ends] > 2} { error "several ends of one interface: $ends" }
    lassign $ends first second
    set roles [lsort [list [role $first] [role $second]]]
    if {$roles ne {Master Slave}} { error "[path_of $first] and [path_of $second] are both $roles" }
    foreach key {protocol width} {
      set values [list [dict get $::standin::intfs($first) $key] [dict get $::standin::intfs($second) $key]]
      if {[lindex $values 0] in {AXI AXI4LITE} && [lindex $values 1] in {AXI AXI4LITE}} continue
      # an interconnect takes any width and protocol
      if {[string match *connect_* [path_of $first]] || [string match *connect_* [path_of $second]]} continue
      if {$key eq "width" && [dict get $::standin::intfs($first) protocol] ni {AXIS AXI3}} continue
      if {[lindex $values 0] ne [lindex $values 1]} {
        error "$key of [path_of $first] is [lindex $values 0], of [path_of $second] [lindex $values 1]"
      }
    }
    check_same_clock $first $second
  }
}

# What an end is to the other: a port stands for what is outside.
proc role {handle} {
  set mode [dict get $::standin::intfs($handle) mode]
  if {[kind_of $handle] eq "ipin"} { return $mode }
  return [expr {$mode eq "Master" ? "Slave" : "Master"}]
}

proc check_open {handle} {
  foreach pattern $::standin::open_by_design {
    if {[string match $pattern [path_of $handle]]} return
  }
  # an interconnect of the processor that nobody uses
  if {[dict get $::standin::intfs($handle) protocol] eq "AXI" && [string match M_AXI* [leaf_name $handle]]} return
  error "unconnected interface [path_of $handle]"
}

# Both ends of a stream must be clocked by one net, where each has one clock.
proc check_same_clock {first second} {
  set clocks {}
  foreach handle [list $first $second] {
    if {[kind_of $handle] ne "ipin" || [dict get $::standin::intfs($handle) protocol] ne "AXIS"} return
    lappend clocks [net_of pin:[owner $handle]/ap_clk]
  }
  if {[lindex $clocks 0] ne [lindex $clocks 1]} { error "[path_of $first] and [path_of $second] have different clocks" }
}
