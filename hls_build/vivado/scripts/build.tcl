# SPDX-License-Identifier: Apache-2.0
#
# Builds the bitstream, wherever this folder lies:
#
#   vivado -mode batch -source build.tcl
#
# steps.tcl lists what FINN+'s Zynq build gives to the tools: the DMAs as IP, the accelerator as IP, the Zynq design; or
# that design alone, where AUFlow's shell is in it.
# Each step runs in a copy of its sources under work/, in which @ROOT@ has become the folder's present path, and leaves
# a stamp; a second run goes on after the last stamp. work/logs/ keeps every tool's output, result/ gets the outcome.
# The environment may name AUFLOW_JOBS (parallel runs, 4 if not), AUFLOW_STRATEGIES (of implementation, how many are
# tried where timing is not met, 4 if not) and AUFLOW_BOARD_FILES (a folder of board files).

set root [file dirname [file normalize [info script]]]
set work [file join $root work]
source [file join $root steps.tcl]

proc setting {name default} {
  return [expr {[info exists ::env($name)] ? $::env($name) : $default}]
}

proc fail {what} {
  puts "AUFlow failed: $what"
  exit 1
}

proc read_file {path} {
  set file [open $path r]
  fconfigure $file -encoding utf-8 -translation lf
  set content [read $file]
  close $file
  return $content
}

proc write_file {path content} {
  file mkdir [file dirname $path]
  set file [open $path w]
  fconfigure $file -encoding utf-8 -translation lf
  puts -nonewline $file $content
  close $file
}

proc files_below {folder} {
  set found [glob -nocomplain -directory $folder -type f *]
  foreach inner [glob -nocomplain -directory $folder -type d *] {
    lappend found {*}[files_below $inner]
  }
  return $found
}

# Copies a folder of src/ into work/, its placeholders replaced.
proc prepare {folder} {
  global root work board_files jobs strategies
  set from [file join $root src $folder]
  file delete -force [file join $work $folder]
  set places [list @ROOT@ $work @BOARD_FILES@ $board_files @JOBS@ $jobs @STRATEGIES@ $strategies]
  foreach path [files_below $from] {
    set relative [string range $path [string length $root/src/] end]
    write_file [file join $work $relative] [string map $places [read_file $path]]
  }
}

proc check_tools {} {
  global board_part board_files part steps
  if {[lsearch -exact {2022.2 2024.2} [version -short]] < 0} {
    fail "needs Vivado 2022.2 or 2024.2, got [version -short]"
  }
  if {[lsearch -index 1 $steps vitis_hls] >= 0 && [auto_execok vitis_hls] eq ""} {
    fail "needs vitis_hls on PATH, got none: source settings64.sh of Vitis HLS [version -short]"
  }
  if {[llength [get_parts -quiet $part]] == 0} {
    fail "needs the device $part, which this Vivado lacks: add its family with Vivado's installer"
  }
  set_param board.repoPaths [list $board_files]
  if {[llength [get_board_parts -quiet $board_part]] == 0} {
    fail "needs the board files of $board_part, got none: unpack them into $board_files,\
      or install them from Vivado's board store (Tools, XHub Stores)"
  }
}

# Runs a tool as from a fresh shell: what Vivado sets for itself would mislead another tool.
proc run_tool {tool arguments log} {
  set clean [list env]
  foreach name [array names ::env] {
    if {[string match RDI_* $name] || [string match HDI_* $name] || $name in {
      LD_LIBRARY_PATH LD_PRELOAD PYTHONHOME PYTHONPATH TCL_LIBRARY TK_LIBRARY
    }} {
      lappend clean -u $name
    }
  }
  return [catch {exec {*}$clean $tool {*}$arguments >& $log}]
}

proc run_step {folder tool arguments} {
  global work
  set stamp [file join $work done $folder]
  if {[file exists $stamp]} {
    puts "AUFlow: $folder: done before"
    return
  }
  puts "AUFlow: $folder: $tool"
  prepare $folder
  set log [file join $work logs $folder.log]
  file mkdir [file dirname $log]
  cd [file join $work $folder]
  if {[run_tool $tool $arguments $log]} {
    fail "$tool at $folder, see $log"
  }
  write_file $stamp ""
}

proc collect {results} {
  global root work
  set result [file join $root result]
  file delete -force $result
  file mkdir $result
  foreach {name candidates} $results {
    set found ""
    foreach candidate $candidates {
      if {[file exists [file join $work $candidate]]} { set found [file join $work $candidate] }
    }
    if {$found eq ""} { fail "Vivado left no $name: see [file join $work logs]" }
    file copy $found [file join $result $name]
  }
}

set board_files [setting AUFLOW_BOARD_FILES [file join $root board_files]]
set jobs [setting AUFLOW_JOBS 4]
set strategies [setting AUFLOW_STRATEGIES 4]
check_tools
if {![file exists [file join $work done root]] || [read_file [file join $work done root]] ne $root} {
  file delete -force $work
  foreach folder $libraries { prepare $folder }
  write_file [file join $work done root] $root
}
set ::env(FINN_RTLLIB) [file join $work rtllib]
set ::env(FINN_CUSTOM_HLS) [file join $work hls]
foreach step $steps { run_step {*}$step }
collect $results
puts "AUFlow: [file join $root result accelerator.bit] is made"
