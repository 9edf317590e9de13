# SPDX-License-Identifier: Apache-2.0
#
# Packaging a block design as an IP: its ports become the IP's pins.

set ::standin::core [dict create]

vendor ipx::package_project {args} {
  set found [options $args {-import_files} {-root_dir -vendor -library -taxonomy -module}]
  if {!$::standin::is_valid} { error "the design to package is not validated" }
  if {[property_of fileset:sources_1 top] ne "${::standin::design}_wrapper"} { error "the top must be the design's wrapper" }
  check_memory_files
  set module [dict get $found -module]
  if {$module ne $::standin::design} { error "no design $module to package" }
  set root [dict get $found -root_dir]
  file mkdir $root
  set pins [dict create]
  set intfs [dict create]
  foreach port [array names ::standin::pins port:*] { dict set pins [path_of $port] $::standin::pins($port) }
  foreach port [array names ::standin::intfs iport:*] {
    dict set intfs [path_of $port] [dict merge $::standin::intfs($port) {maps 0}]
  }
  set ::standin::core [dict create root $root vlnv [dict get $found -vendor]:[dict get $found -library]:$module:1.0 \
    component [dict create pins $pins intfs $intfs]]
}

proc need_core {handle} {
  if {$handle ne "core:" || ![dict size $::standin::core]} { error "no open core $handle" }
}

vendor ipx::current_core {} { need_core core:; return core: }

vendor ipx::find_open_core {vlnv} {
  if {[dict get $::standin::core vlnv] ne $vlnv} { error "no open core $vlnv" }
  return core:
}

vendor ipx::get_bus_interfaces {args} {
  set found [options $args {} {-of -of_objects}]
  need_core [option $found -of [option $found -of_objects ""]]
  set names [dict keys [dict get $::standin::core component intfs]]
  if {[llength [dict get $found rest]]} {
    set name [lindex [dict get $found rest] 0]
    if {$name ni $names} { error "the core has no interface $name" }
    set names [list $name]
  }
  return [lmap name $names { string cat bus: $name }]
}

vendor ipx::get_bus_parameters {args} {
  return [lmap bus [dict get [options $args {} {-of}] -of] { string cat bus-parameter: $bus }]
}

vendor ipx::get_address_spaces {name args} {
  need_core [dict get [options $args {} {-of_objects}] -of_objects]
  if {![dict exists $::standin::core component intfs $name]} { error "the core has no address space $name" }
  return space:$name
}

vendor ipx::remove_segment {args} { options $args {-quiet} {} }
vendor ipx::create_xgui_files {handle} { need_core $handle }
vendor ipx::update_checksums {handle} { need_core $handle }

vendor ipx::add_file_group {args} {
  set found [options $args {} {-type}]
  need_core [lindex [dict get $found rest] end]
  return group:[dict get $found -type]
}

vendor ipx::get_file_groups {name args} {
  need_core [dict get [options $args {} {-of}] -of]
  return group:$name
}

vendor ipx::add_file {path group} {
  if {![file isfile [file join [dict get $::standin::core root] $path]]} { error "no file $path in the core" }
  return core-file:$path
}

vendor ipx::get_files {args} { options $args {} {-of}; return {} }
vendor ipx::remove_file {name group} {}

vendor ipx::add_memory_map {name core} {
  need_core $core
  if {![dict exists $::standin::core component intfs $name]} { error "the core has no interface $name for a memory map" }
  dict set ::standin::core component intfs $name maps 1
  return map:$name
}

vendor ipx::add_address_block {name map} { return block:[path_of $map]/$name }

vendor ipx::save_core {handle} {
  need_core $handle
  save_component [file join [dict get $::standin::core root] component.xml] [dict get $::standin::core vlnv] [dict get $::standin::core component] \
    [expr {[info exists ::standin::properties(core:/ipi_drc)] && [dict get $::standin::properties(core:/ipi_drc) ignore_freq_hz]}]
}
