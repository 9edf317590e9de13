# SPDX-License-Identifier: Apache-2.0
#
# Ports of a Verilog module with their widths, read from its header.

# Returns a list of {name direction width is_clock}.
proc module_ports {path module} {
  set text [slurp $path]
  regsub -all {/\*.*?\*/} $text "" text
  regsub -all -line {//.*$} $text "" text
  if {![regexp -indices "\\mmodule\\s+$module\\M" $text at]} { error "no module $module in $path" }
  set text [string range $text [lindex $at 1]+1 end]
  set values [dict create]
  set text [string trimleft $text]
  if {[string index $text 0] eq "#"} {
    set text [string trimleft [string range $text 1 end]]
    lassign [parenthesised $text] inside text
    foreach item [split_commas $inside] {
      if {![regexp {^(?:parameter|localparam)?\s*(?:\w+\s+)*?(\w+)\s*=\s*(.*)$} [string trim $item] -> name value]} {
        error "unreadable parameter '$item' of $module"
      }
      dict set values $name [parameter_value $value $values]
    }
  }
  lassign [parenthesised [string trimleft $text]] inside body
  foreach {-> name value} [regexp -all -inline {\m(?:localparam|parameter)\s+(\w+)\s*=\s*([^;]*);} $body] {
    dict set values $name [parameter_value $value $values]  ;# Verilog lets a port use what is declared below it
  }
  set ports {}
  set direction ""
  foreach item [split_commas $inside] {
    set is_clock [regexp {signal:clock} $item]
    regsub -all {\(\*.*?\*\)} $item "" item
    set item [string trim $item]
    if {$item eq ""} continue
    if {![regexp {^(input|output|inout)\s+(?:wire\s+|reg\s+|logic\s+)?(?:\[(.*):(.*)\])?\s*(\w+)$} $item -> direction high low name]} {
      error "unreadable port '$item' of $module"
    }
    set width [expr {$high eq "" ? 1 : [number $high $values] - [number $low $values] + 1}]
    lappend ports [list $name [expr {$direction eq "input" ? "I" : "O"}] $width $is_clock]
  }
  return $ports
}

# Splits "(inside) rest".
proc parenthesised {text} {
  if {[string index $text 0] ne "("} { error "expected ( at '[string range $text 0 20]'" }
  set depth 0
  for {set i 0} {$i < [string length $text]} {incr i} {
    switch -- [string index $text $i] {
      "(" { incr depth }
      ")" { if {[incr depth -1] == 0} { return [list [string range $text 1 $i-1] [string range $text $i+1 end]] } }
    }
  }
  error "unbalanced parentheses"
}

# Splits at commas outside of parentheses, brackets and strings.
proc split_commas {text} {
  set items {}
  set item ""
  set depth 0
  set quoted 0
  foreach c [split $text ""] {
    if {$c eq "\""} { set quoted [expr {!$quoted}] }
    if {!$quoted && $c in {( \[ \{}} { incr depth }
    if {!$quoted && $c in {) \] \}}} { incr depth -1 }
    if {$c eq "," && $depth == 0 && !$quoted} {
      lappend items $item
      set item ""
    } else {
      append item $c
    }
  }
  return [lappend items $item]
}

# A parameter's value: a number where it is one, else its text.
proc parameter_value {text values} {
  if {[catch {number $text $values} value]} { return [string trim $text] }
  return $value
}

# An integer expression over parameters.
proc number {text values} {
  regsub -all {\$clog2} $text "clog2" text
  dict for {name value} $values {
    regsub -all "\\m$name\\M" $text $value text
  }
  if {![regexp {^[\s\w+*/%()?:<>=!&|.-]+$} $text]} { error "no expression: $text" }
  return [expr [string trim $text]]
}

proc tcl::mathfunc::clog2 {value} {
  for {set bits 0} {(1 << $bits) < $value} {incr bits} {}
  return $bits
}
