# SPDX-License-Identifier: Apache-2.0
#
# What both stand-ins share: running a script, recording commands, faults on demand.
#
# STANDIN_RELEASE    release to report (2022.2)
# STANDIN_RECORD     file to append every vendor command to
# STANDIN_FAIL       "COMMAND FOLDER": dies at this command where the folder's name ends so
# STANDIN_BOARDS     board parts that are installed, for those who ask

namespace eval ::standin {}

proc environment {name default} {
  return [expr {[info exists ::env($name)] ? $::env($name) : $default}]
}
set ::standin::release [environment STANDIN_RELEASE 2022.2]
set ::standin::record [environment STANDIN_RECORD ""]

# Defines a vendor command: recorded, and dying where a test wants it to.
proc vendor {name parameters body} {
  namespace eval [expr {[namespace qualifiers $name] eq "" ? "::" : [namespace qualifiers $name]}] {}
  proc $name $parameters "note $name; $body"
}

proc note {name} {
  if {$::standin::record ne ""} {
    set file [open $::standin::record a]
    puts $file "[file tail [pwd]] $name"
    close $file
  }
  lassign [environment STANDIN_FAIL ""] command folder
  if {$command eq $name && [string match "*$folder" [file tail [pwd]]]} {
    puts "ERROR: \[Standin 7-1\] $name ran out of memory"
    puts "INFO: \[Common 17-206\] Exiting"
    if {$name eq "launch_runs"} { half_bitfile }
    exit 1
  }
}

# Options of a command: flags take no value, -name takes one; the rest is positional.
proc options {arguments flags names} {
  set found [dict create]
  set rest {}
  for {set i 0} {$i < [llength $arguments]} {incr i} {
    set word [lindex $arguments $i]
    if {$word in $flags} {
      dict set found $word 1
    } elseif {$word in $names} {
      incr i
      if {$i >= [llength $arguments]} { error "option $word needs a value" }
      dict set found $word [lindex $arguments $i]
    } elseif {[regexp {^-[a-z]} $word]} {
      error "unknown option $word, known are $flags $names"
    } else {
      lappend rest $word
    }
  }
  dict set found rest $rest
  return $found
}

proc option {found name default} {
  return [expr {[dict exists $found $name] ? [dict get $found $name] : $default}]
}

proc slurp {path} {
  set file [open $path r]
  fconfigure $file -encoding utf-8
  set content [read $file]
  close $file
  return $content
}

proc spill {path content} {
  file mkdir [file dirname $path]
  set file [open $path w]
  fconfigure $file -encoding utf-8
  puts -nonewline $file $content
  close $file
}

# Runs the script of a command line as a batch; a fault is told as the tools tell it.
proc run_batch {arguments} {
  set at [lsearch -exact $arguments -source]
  if {$at < 0} { puts "ERROR: needs -source"; exit 1 }
  set script [lindex $arguments $at+1]
  if {![file isfile $script]} { puts "ERROR: no script $script"; exit 1 }
  # the part of Tcl that scripts may not use by accident: a typo must not run a program
  set ::auto_noexec 1
  if {[catch {uplevel #0 [list source $script]} message]} {
    puts "ERROR: \[Standin 1-1\] $message"
    puts $::errorInfo
    exit 1
  }
  exit 0
}
