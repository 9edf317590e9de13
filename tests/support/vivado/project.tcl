# SPDX-License-Identifier: Apache-2.0
#
# Projects: files, properties, the catalog of IP, runs.

array set ::standin::properties {}
array set ::standin::parameters {board.repoPaths "" tcl.collectionResultDisplayLimit 500}
set ::standin::files {}
set ::standin::runs [dict create synth_1 new impl_1 new]
set ::standin::flow "Vivado Implementation [lindex [split $::standin::release .] 0]"
set ::standin::properties(run:impl_1/FLOW) $::standin::flow
set ::standin::strategies {
  {Vivado Implementation Defaults} Performance_Explore Performance_ExplorePostRoutePhysOpt Performance_ExtraTimingOpt
  Performance_Retiming Performance_NetDelay_high Congestion_SpreadLogic_high
}

proc installed_boards {} {
  return [environment STANDIN_BOARDS {}]
}

vendor version {args} { options $args {-short} {}; return $::standin::release }
vendor get_parts {args} { return [dict get [options $args {-quiet} {}] rest] }

vendor get_board_parts {args} {
  return [lsearch -all -inline [installed_boards] [lindex [dict get [options $args {-quiet} {}] rest] 0]]
}

vendor create_project {args} {
  lassign [dict get [set found [options $args {-force} {-part}]] rest] name folder
  if {[info exists ::standin::project]} { error "a project is open" }
  if {[file exists [file join $folder $name.xpr]]} { error "project $name is there already in $folder" }
  set ::standin::project [dict create name $name folder [file normalize $folder] part [dict get $found -part]]
  array set ::standin::properties {project:/board_part "" project:/ip_repo_paths "" project:/BOARD_PART_REPO_PATHS ""}
  spill [file join $folder $name.xpr] ""
}

proc place {args} { return [file join [dict get $::standin::project folder] [dict get $::standin::project name].[lindex $args 0] {*}[lrange $args 1 end]] }

vendor current_project {} {
  if {![info exists ::standin::project]} { error "no project is open" }
  return project:
}

vendor close_project {} { current_project; unset ::standin::project }
vendor current_fileset {} { return fileset:sources_1 }
vendor set_msg_config {args} { options $args {-suppress} {-id} }

vendor get_filesets {name} {
  if {$name ni {sources_1 sim_1}} { error "no fileset $name" }
  return fileset:$name
}

vendor get_param {name} {
  if {![info exists ::standin::parameters($name)]} { error "no parameter $name" }
  return $::standin::parameters($name)
}

vendor set_param {name value} { get_param $name; set ::standin::parameters($name) $value }

vendor add_files {args} {
  foreach path [concat {*}[dict get [options $args {-norecurse} {}] rest]] {
    if {![file isfile $path]} { error "file $path does not exist" }
    if {[file pathtype $path] ne "absolute"} { error "file $path has no absolute path" }
    if {$path ni $::standin::files} { lappend ::standin::files $path }
  }
}

# The file among the project's that declares a module.
proc module_file {module} {
  foreach path $::standin::files {
    if {[file extension $path] in {.v .sv} && [regexp "\\mmodule\\s+$module\\M" [slurp $path]]} {
      if {[file extension $path] ne ".v"} { error "a block design takes Verilog modules, got $module in $path" }
      return $path
    }
  }
  error "no module $module in the project's files"
}

# Files that the RTL initialises memories from must be where it says.
proc check_memory_files {} {
  foreach path $::standin::files {
    if {[file extension $path] ni {.v .sv}} continue
    foreach {-> name} [regexp -all -inline {[=(]\s*"([^"\n]*/[^"\n]*)"} [slurp $path]] {
      if {[string match *:* $name]} continue
      if {[file pathtype $name] ne "absolute"} { error "memory file $name in $path has no absolute path" }
      if {![llength [glob -nocomplain $name*]]} { error "memory file $name in $path does not exist" }
    }
  }
}

vendor get_files {args} {
  set found [options $args {-quiet} {-filter}]
  if {[dict exists $found -filter]} { return $::standin::files }
  set pattern [lindex [dict get $found rest] 0]
  foreach path [concat $::standin::files [list [design_file]]] {
    if {$path eq $pattern || [file tail $path] eq $pattern} { return $path }
  }
  error "no file $pattern in the project"
}

proc design_file {} { return [place srcs sources_1 bd $::standin::design $::standin::design.bd] }

vendor make_wrapper {args} {
  set found [options $args {-top -import} {-files -fileset}]
  if {!$::standin::is_valid} { error "the design $::standin::design is not validated" }
  if {[dict get $found -files] ne [design_file]} { error "no block design [dict get $found -files]" }
  set wrapper [place srcs sources_1 bd $::standin::design hdl ${::standin::design}_wrapper.v]
  spill $wrapper [flat_module ${::standin::design}_wrapper]
  if {[dict exists $found -import]} { add_files $wrapper }
}

vendor update_compile_order {args} { options $args {} {-fileset} }

# Properties

proc property_of {handle name} {
  if {[regexp {^CONFIG\.(.*)$} $name -> key]} {
    switch -- [kind_of $handle] {
      cell { return [dict get $::standin::cells([path_of $handle]) config $key] }
      ipin - iport {
        set keys {PROTOCOL protocol ADDR_WIDTH address_width DATA_WIDTH width}
        if {![dict exists $keys $key]} { error "no setting $key of $handle" }
        return [dict get $::standin::intfs($handle) [dict get $keys $key]]
      }
    }
  }
  switch -- [kind_of $handle]/$name {
    ipin/NAME - iport/NAME - pin/NAME - port/NAME { return [leaf_name $handle] }
    ipin/MODE - iport/MODE { return [dict get $::standin::intfs($handle) mode] }
    ipdef/VLNV { return [path_of $handle] }
    ipdef/NAME { return [lindex [split [path_of $handle] :] 2] }
    ipdef/design_tool_contexts { return {IPI } }
  }
  if {![info exists ::standin::properties($handle/$name)]} { error "no property $name of $handle" }
  return $::standin::properties($handle/$name)
}

vendor get_property {name handle} { return [property_of $handle $name] }

vendor set_property {args} {
  set found [options $args {} {-dict -name -value -objects}]
  set rest [dict get $found rest]
  if {[dict exists $found -dict]} {
    set values [dict get $found -dict]
    set objects [lindex $rest 0]
  } elseif {[dict exists $found -name]} {
    set values [list [dict get $found -name] [dict get $found -value]]
    set objects [dict get $found -objects]
  } else {
    if {[llength $rest] != 3} { error "set_property needs name, value and object, got [llength $rest] words" }
    set values [lrange $rest 0 1]
    set objects [lindex $rest 2]
  }
  if {[llength $values] % 2} { error "properties must be pairs, got $values" }
  if {![llength $objects]} { error "set_property needs an object" }
  foreach object $objects {
    foreach {name value} $values { set_one $object $name $value }
  }
}

proc set_one {object name value} {
  switch -glob -- [kind_of $object]/$name {
    cell/CONFIG.* { configure [path_of $object] [string range $name 7 end] $value }
    port/name - iport/name { rename_port $object $value }
    port/CONFIG.FREQ_HZ {
      lassign $::standin::pins($object) direction width kind
      set ::standin::pins($object) [list $direction $width $kind [expr {$value / 1e6}]]
    }
    aseg/offset - aseg/range { dict set ::standin::ranges($object) $name $value }
    project/board_part {
      if {$value ni [installed_boards]} { error "board part $value is not installed" }
      set ::standin::properties($object/$name) $value
    }
    run/strategy {
      if {$value ni $::standin::strategies} { error "no strategy $value of $::standin::flow" }
      set ::standin::properties($object/$name) $value
    }
    project/* - fileset/* - run/* - core/* - bus*/* - map/* - block/* - core-file/* { set ::standin::properties($object/$name) $value }
    default {
      if {[string index $object 0] ne "/"} { error "no property $name of $object" }
    }
  }
  if {[kind_of $object] eq "fileset" && $name eq "top"} { module_file $value }
}

# The catalog of IP

vendor update_ip_catalog {args} {
  options $args {-rebuild -scan_changes} {}
  scan_repositories [property_of project: ip_repo_paths]
}

vendor get_ipdefs {args} {
  set found [options $args {-all} {-filter}]
  set pattern [expr {[llength [dict get $found rest]] ? [lindex [dict get $found rest] 0] : "*"}]
  set handles [lmap vlnv [lsearch -all -inline [concat $::standin::xilinx [dict keys $::standin::shelf]] $pattern] { string cat ipdef: $vlnv }]
  if {[dict exists $found -filter]} { set handles [filtered $handles [dict get $found -filter]] }
  if {![llength $handles]} { error "no IP $pattern in the catalog" }
  return $handles
}

# Runs

vendor get_runs {name} {
  if {![dict exists $::standin::runs $name]} { error "no run $name" }
  return run:$name
}

vendor create_run {args} {
  set found [options $args {} {-parent_run -flow -strategy}]
  set name [lindex [dict get $found rest] 0]
  if {[dict exists $::standin::runs $name]} { error "run $name is there" }
  get_runs [dict get $found -parent_run]
  if {[dict get $found -flow] ne $::standin::flow} { error "no flow [dict get $found -flow]" }
  dict set ::standin::runs $name new
  set_one run:$name strategy [dict get $found -strategy]
  return run:$name
}

vendor launch_runs {args} {
  set found [options $args {} {-jobs -to_step}]
  if {[dict get $found -jobs] < 1} { error "needs jobs" }
  set name [lindex [dict get $found rest] 0]
  get_runs $name
  if {[dict get $::standin::runs $name] ne "new"} { error "run $name needs to be reset before it is launched" }
  if {[property_of fileset:sources_1 top] ne "${::standin::design}_wrapper"} { error "the top must be the design's wrapper" }
  check_addresses
  check_memory_files
  lappend ::standin::launched $name
  set progress [of_run STANDIN_PROGRESS $name 100%]
  if {$progress eq "100%"} { write_bitfile [place runs $name top_wrapper.bit] $name }
  write_handoff [place gen sources_1 bd top hw_handoff top.hwh]
  dict set ::standin::runs $name done
  array set ::standin::properties [list run:$name/PROGRESS $progress run:$name/DIRECTORY [place runs $name] \
    run:$name/STATS.WNS [setup_slack $name] run:$name/STATS.WHS [environment STANDIN_HOLD 0.018] \
    run:$name/STATS.TPWS [expr {min(0, [environment STANDIN_PULSE_WIDTH 3.750])}]]
}

vendor wait_on_run {handle} {
  if {[dict get $::standin::runs [path_of $handle]] ne "done"} { error "run $handle was not launched" }
}

vendor open_run {name} {
  wait_on_run [get_runs $name]
  if {[property_of run:$name PROGRESS] ne "100%"} { error "run $name has no implemented design" }
  set ::standin::is_implemented $name
}
