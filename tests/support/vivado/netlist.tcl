# SPDX-License-Identifier: Apache-2.0
#
# The block design as one flat Verilog module: its leaf cells, connected as the design connects them.

proc wire {handle} { return n_[regsub -all {\W} [net_of $handle] _] }

# Signals of a stream: suffix, and whether its master drives it.
proc signals {intf} {
  if {[dict get $intf protocol] ne "AXIS"} { return {} }
  return {tdata 1 tvalid 1 tready 0}
}

proc flat_module {name} {
  set ports {}
  set wires {}
  set ties {}
  set cells {}
  dict for {net handles} [nets ::standin::pins] {
    lassign $::standin::pins([lindex $handles 0]) direction width
    lappend wires "  wire [range $width] [wire $net];"
    foreach handle $handles {
      if {[kind_of $handle] eq "port"} { lappend ports [port_line $handle]; lappend ties [port_tie $handle] }
    }
  }
  dict for {net handles} [nets ::standin::intfs] {
    foreach handle $handles {
      if {[kind_of $handle] eq "ipin" && ![is_leaf $handle]} continue
      set intf $::standin::intfs($handle)
      break
    }
    foreach {signal forward} [signals $intf] {
      set width [expr {$signal eq "tdata" ? [dict get $intf width] : 1}]
      lappend wires "  wire [range $width] [wire $net]_$signal;"
    }
    foreach handle $handles {
      if {[kind_of $handle] eq "iport"} {
        foreach {signal forward} [signals $intf] {
          set out [expr {$forward == ([dict get $intf mode] eq "Master")}]
          set width [expr {$signal eq "tdata" ? [dict get $intf width] : 1}]
          set port [path_of $handle]_$signal
          lappend ports "  [expr {$out ? "output" : "input"}] wire [range $width] $port"
          lappend ties [expr {$out ? "  assign $port = [wire $net]_$signal;" : "  assign [wire $net]_$signal = $port;"}]
        }
      }
    }
  }
  foreach path [lsort [array names ::standin::cells]] {
    if {[dict get $::standin::cells($path) kind] eq "module"} { lappend cells [instance $path] }
  }
  return [join [list "module $name (" [join $ports ",\n"] ");" {*}$wires {*}$ties {*}$cells endmodule ""] "\n"]
}

proc range {width} { return "\[[expr {$width - 1}]:0\]" }

proc port_line {handle} {
  lassign $::standin::pins($handle) direction width
  return "  [expr {$direction eq "I" ? "input" : "output"}] wire [range $width] [path_of $handle]"
}

proc port_tie {handle} {
  if {[lindex $::standin::pins($handle) 0] eq "I"} { return "  assign [wire $handle] = [path_of $handle];" }
  return "  assign [path_of $handle] = [wire $handle];"
}

proc instance {path} {
  set connections {}
  foreach handle [lsort [array names ::standin::pins pin:$path/*]] {
    if {[owner $handle] eq $path} { lappend connections ".[leaf_name $handle]([wire $handle])" }
  }
  foreach handle [lsort [array names ::standin::intfs ipin:$path/*]] {
    if {[owner $handle] ne $path} continue
    set intf $::standin::intfs($handle)
    foreach {signal forward} [signals $intf] {
      set is_input [expr {$forward == ([dict get $intf mode] eq "Slave")}]
      if {[llength [members $handle]] > 1} {
        lappend connections ".[dict get $intf $signal]([wire $handle]_$signal)"
      } elseif {$is_input} {
        lappend connections ".[dict get $intf $signal]('0)"
      }
    }
    if {[dict get $intf protocol] eq "AXI4LITE"} {
      foreach input [dict get $intf inputs] { lappend connections ".${input}('0)" }
    }
  }
  return "  [dict get $::standin::cells($path) reference] [regsub -all {\W} $path _] (\n    [join $connections ",\n    "]\n  );"
}
