# SPDX-License-Identifier: Apache-2.0
#
# The block design that is being built. An object is named by a kind and a path: pin:cell/name, port:name, ipin:cell/name
# and iport:name for interfaces, cell:path. Pins that are connected through the borders of hierarchies are one net.

array set ::standin::cells {}    ;# path -> dict of kind (ip, module, hier), reference, config
array set ::standin::pins {}     ;# handle of a pin or port -> direction width kind mhz
array set ::standin::intfs {}    ;# handle of an interface pin or port -> dict
array set ::standin::parents {}  ;# nets, as a forest over handles
array set ::standin::ranges {}   ;# handle of an address segment -> dict of offset and range
set ::standin::design ""
set ::standin::is_valid 0

proc plain {path} { return [string trimleft $path /] }
proc path_of {handle} { return [string range $handle [string first : $handle]+1 end] }
proc kind_of {handle} { return [string range $handle 0 [string first : $handle]-1] }
proc owner {handle} { return [string range [path_of $handle] 0 [string last / [path_of $handle]]-1] }
proc leaf_name {handle} { return [file tail [path_of $handle]] }

proc net_of {handle} {
  while {[info exists ::standin::parents($handle)]} { set handle $::standin::parents($handle) }
  return $handle
}

proc join_nets {first second} {
  set first [net_of $first]
  set second [net_of $second]
  if {$first ne $second} { set ::standin::parents($second) $first }
}

proc members {handle} {
  set net [net_of $handle]
  set found {}
  foreach other [concat [array names ::standin::pins] [array names ::standin::intfs]] {
    if {[net_of $other] eq $net} { lappend found $other }
  }
  return $found
}

proc need_design {} {
  if {$::standin::design eq ""} { error "no block design is open" }
}

vendor create_bd_design {name} {
  if {$::standin::design ne ""} { error "the block design $::standin::design is open" }
  set ::standin::design $name
}

vendor save_bd_design {} { need_design }
vendor current_bd_design {} { need_design; return $::standin::design }

# Cells

vendor create_bd_cell {args} {
  need_design
  set found [options $args {} {-type -vlnv -reference}]
  set path [plain [lindex [dict get $found rest] 0]]
  if {$path eq ""} { error "a cell needs a name" }
  if {[info exists ::standin::cells($path)]} { error "a cell $path is there" }
  set parent [string range $path 0 [string last / $path]-1]
  if {$parent ne "" && ![info exists ::standin::cells($parent)]} { error "no hierarchy $parent for cell $path" }
  if {[dict exists $found -vlnv]} {
    add_ip $path [dict get $found -vlnv]
  } elseif {[dict exists $found -reference]} {
    set module [dict get $found -reference]
    set ::standin::cells($path) [dict create kind module reference $module]
    add_component $path [module_component [module_file $module] $module [expr {$::standin::design eq "top"}]]
  } else {
    set ::standin::cells($path) [dict create kind hier reference ""]
  }
  set ::standin::is_valid 0
  return cell:$path
}

proc add_ip {path vlnv} {
  if {$vlnv in $::standin::xilinx} {
    set name [lindex [split $vlnv :] 2]
    set ::standin::cells($path) [dict create kind ip reference $vlnv config [dict get $::standin::settings $name]]
    add_component $path [xilinx_component $name [dict get $::standin::settings $name]]
  } elseif {[dict exists $::standin::shelf $vlnv]} {
    set ::standin::cells($path) [dict create kind ip reference $vlnv config {}]
    add_component $path [dict get $::standin::shelf $vlnv]
  } else {
    error "no IP $vlnv in the catalog"
  }
}

proc add_component {path component} {
  dict for {name pin} [dict get $component pins] {
    if {![info exists ::standin::pins(pin:$path/$name)]} { set ::standin::pins(pin:$path/$name) $pin }
  }
  dict for {name intf} [dict get $component intfs] {
    if {![info exists ::standin::intfs(ipin:$path/$name)]} { set ::standin::intfs(ipin:$path/$name) $intf }
  }
}

# Gives a cell a new configuration; pins that go away must not be connected.
proc configure {path key value} {
  set cell $::standin::cells($path)
  set config [dict get $cell config]
  if {![dict exists $config $key]} { error "[dict get $cell reference] has no setting $key" }
  dict set config $key $value
  dict set ::standin::cells($path) config $config
  set component [xilinx_component [lindex [split [dict get $cell reference] :] 2] $config]
  foreach {table prefix section} {::standin::pins pin pins ::standin::intfs ipin intfs} {
    foreach handle [array names $table $prefix:$path/*] {
      if {![dict exists $component $section [leaf_name $handle]]} {
        if {[llength [members $handle]] > 1} { error "setting $key takes [path_of $handle] away, which is connected" }
        unset ${table}($handle)
      }
    }
  }
  add_component $path $component
}

vendor create_bd_pin {args} {
  set found [options $args {} {-dir -type}]
  set path [plain [lindex [dict get $found rest] 0]]
  need_hierarchy $path
  set ::standin::pins(pin:$path) [list [dict get $found -dir] 1 [option $found -type other]]
}

vendor create_bd_intf_pin {args} {
  set found [options $args {} {-mode -vlnv}]
  set path [plain [lindex [dict get $found rest] 0]]
  need_hierarchy $path
  if {![string match xilinx.com:interface:* [dict get $found -vlnv]]} { error "no interface [dict get $found -vlnv]" }
  set ::standin::intfs(ipin:$path) [dict create mode [dict get $found -mode] protocol "" width 0]
}

proc need_hierarchy {path} {
  set parent [string range $path 0 [string last / $path]-1]
  if {![info exists ::standin::cells($parent)] || [dict get $::standin::cells($parent) kind] ne "hier"} { error "no hierarchy for pin $path" }
}

# Finding

proc matching {table kind pattern} {
  set found [lsort [array names $table $kind:[plain $pattern]]]
  if {![llength $found]} { error "no $kind $pattern in the design" }
  return $found
}

# Objects that pass a filter such as "MODE == Master && (NAME == a || NAME =~ b*)".
proc filtered {handles filter} {
  set kept {}
  foreach handle $handles {
    set condition $filter
    foreach {all name operator value} [regexp -all -inline {([\w.]+)\s*(==|!=|=~)\s*"?([^\s"&|()]+)"?} $filter] {
      set actual [property_of $handle $name]
      set holds [expr {$operator eq "=~" ? [string match $value $actual] : ($operator eq "==") == ($actual eq $value)}]
      set condition [string map [list $all $holds] $condition]
    }
    if {[expr $condition]} { lappend kept $handle }
  }
  return $kept
}

proc get_objects {table kind arguments} {
  need_design
  set found [options $arguments {-quiet} {-filter -of_objects -of -boundary_type}]
  if {[llength [dict get $found rest]]} {
    set handles {}
    foreach pattern [dict get $found rest] { lappend handles {*}[matching $table $kind $pattern] }
  } else {
    set handles [lsort [array names $table $kind:*]]
  }
  foreach key {-of -of_objects} {
    if {[dict exists $found $key]} { set handles [belonging $handles [dict get $found $key]] }
  }
  if {[dict exists $found -filter]} { set handles [filtered $handles [dict get $found -filter]] }
  return $handles
}

# Pins of cells, or pins on nets.
proc belonging {handles others} {
  set kept {}
  foreach handle $handles {
    foreach other $others {
      set fits [expr {[kind_of $other] eq "cell" ? [owner $handle] eq [path_of $other] :
        "inet:[net_of $handle]" eq $other}]
      if {$fits} { lappend kept $handle; break }
    }
  }
  return $kept
}

vendor get_bd_pins {args} { return [get_objects ::standin::pins pin $args] }
vendor get_bd_ports {args} { return [get_objects ::standin::pins port $args] }
vendor get_bd_intf_pins {args} { return [get_objects ::standin::intfs ipin $args] }
vendor get_bd_intf_ports {args} { return [get_objects ::standin::intfs iport $args] }

vendor get_bd_cells {args} {
  need_design
  set patterns [lmap pattern [lindex $args 0] { plain $pattern }]
  set found {}
  foreach path [lsort [array names ::standin::cells]] {
    set fits [expr {![llength $patterns] && ![string match */* $path]}]
    foreach pattern $patterns { if {[string match $pattern $path]} { set fits 1 } }
    if {$fits} { lappend found cell:$path }
  }
  if {[llength $patterns] && ![llength $found]} { error "no cell $patterns in the design" }
  return $found
}

vendor get_bd_intf_nets {args} {
  set found [options $args {-quiet} {-of -of_objects -boundary_type}]
  set handle [option $found -of [option $found -of_objects ""]]
  if {![info exists ::standin::intfs($handle)]} { error "nets of $handle are unknown" }
  return inet:[net_of $handle]
}

# Connecting

proc need {table handle} {
  if {![info exists ${table}($handle)]} { error "no object $handle" }
}

vendor connect_bd_net {args} {
  foreach handle [concat {*}$args] {
    need ::standin::pins $handle
    join_nets [lindex $args 0 0] $handle
  }
  set ::standin::is_valid 0
}

vendor connect_bd_intf_net {args} {
  set found [options $args {} {-boundary_type}]
  lassign [dict get $found rest] first second
  foreach handle [list $first $second] { need ::standin::intfs $handle }
  join_nets $first $second
  set ::standin::is_valid 0
}

vendor make_bd_pins_external {handle} {
  need ::standin::pins $handle
  set port port:[leaf_name $handle]_0
  if {[info exists ::standin::pins($port)]} { error "a port [path_of $port] is there" }
  set ::standin::pins($port) $::standin::pins($handle)
  join_nets $port $handle
}

vendor make_bd_intf_pins_external {handle} {
  need ::standin::intfs $handle
  # Vivado counts on where a name is taken
  for {set i 0} {[info exists ::standin::intfs(iport:[leaf_name $handle]_$i)]} {incr i} {}
  set port iport:[leaf_name $handle]_$i
  # a hierarchy's pin is as wide as what it leads to
  foreach inner [concat $handle [members $handle]] {
    if {[dict get $::standin::intfs($inner) protocol] ne ""} break
  }
  set ::standin::intfs($port) $::standin::intfs($inner)
  join_nets $port $handle
}

# Gives a port another name.
proc rename_port {handle name} {
  set renamed [kind_of $handle]:$name
  set table [expr {[kind_of $handle] eq "port" ? "::standin::pins" : "::standin::intfs"}]
  if {[info exists ${table}($renamed)]} { error "a port $name is there" }
  set ${table}($renamed) [set ${table}($handle)]
  join_nets $handle $renamed
  set members [members $handle]
  unset ${table}($handle)
  # a root that goes away leaves its net to the others
  foreach name [array names ::standin::parents] {
    if {$name eq $handle || $::standin::parents($name) eq $handle} { unset ::standin::parents($name) }
  }
  foreach other $members {
    if {$other ne $handle && $other ne $renamed} { join_nets $renamed $other }
  }
}

# The rules that connect a processor to its board.
vendor apply_bd_automation {args} {
  set found [options $args {} {-rule -config}]
  set cell [path_of [lindex [dict get $found rest] 0]]
  set rule [dict get $found -rule]
  if {$rule ni {xilinx.com:bd_rule:processing_system7 xilinx.com:bd_rule:zynq_ultra_ps_e}} { error "no rule $rule" }
  if {[get_property board_part [current_project]] eq ""} { error "apply_board_preset needs a board_part" }
  foreach intf {DDR FIXED_IO} {
    if {[info exists ::standin::intfs(ipin:$cell/$intf)]} {
      make_bd_intf_pins_external ipin:$cell/$intf
    }
  }
}

# Addresses

vendor get_bd_addr_segs {pattern} {
  set found [lsort [array names ::standin::ranges aseg:[plain $pattern]]]
  if {![llength $found]} {
    # a slave's registers, which have a segment before they have an address
    set intf ipin:[string range [plain $pattern] 0 [string last / [plain $pattern]]-1]
    if {[info exists ::standin::intfs($intf)] && [dict get $::standin::intfs($intf) maps]} {
      set segment [path_of $intf]/[registers_of $intf]
      if {[string match [plain $pattern] $segment]} { return aseg:$segment }
    }
    error "no address segment $pattern"
  }
  return $found
}

# What Vivado calls the registers of a slave: of an IP, or of a module that is no IP.
proc registers_of {intf} {
  return [expr {[dict get $::standin::cells([owner $intf]) kind] eq "module" ? "reg0" : "Reg"}]
}

vendor assign_bd_address {args} {
  need_design
  set found [options $args {} {-offset -range}]
  set segments [dict get $found rest]
  if {[llength $segments]} {
    set offset [expr {[dict get $found -offset]}]
    set range [expr {[dict get $found -range]}]
    if {$offset % $range} { error [format "offset 0x%x is no multiple of range 0x%x" $offset $range] }
    dict for {other place} [array get ::standin::ranges] {
      if {$offset < [dict get $place offset] + [dict get $place range] && [dict get $place offset] < $offset + $range} {
        error "addresses of $segments and $other overlap"
      }
    }
    set ::standin::ranges([lindex $segments 0]) [dict create offset $offset range $range]
    return
  }
  # masters that leave the design get a segment named after their port
  foreach port [array names ::standin::intfs iport:*] {
    if {[dict get $::standin::intfs($port) protocol] eq "AXI" && [dict get $::standin::intfs($port) mode] eq "Master"} {
      foreach pin [members $port] {
        if {[kind_of $pin] eq "ipin"} {
          set ::standin::ranges(aseg:[owner $pin]/Data_[leaf_name $pin]/SEG_[path_of $port]_Reg) [dict create offset 0 range 0]
        }
      }
    }
  }
}
