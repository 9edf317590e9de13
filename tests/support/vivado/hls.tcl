# SPDX-License-Identifier: Apache-2.0
#
# What FINN+'s script for a DMA calls in Vitis HLS.

source [file join $::standin::here catalog.tcl]
set ::standin::hls [dict create]

vendor open_project {name} { dict set ::standin::hls project $name }
vendor open_solution {name} { dict set ::standin::hls solution $name }
vendor set_top {name} { dict set ::standin::hls top $name }
vendor set_part {name} { dict set ::standin::hls part $name }
vendor set_param {name value} {}
vendor config_compile {args} { options $args {-disable_unroll_code_size_check} {-pipeline_style} }
vendor config_interface {args} { options $args {-m_axi_addr64} {} }
vendor config_rtl {args} { options $args {-module_auto_prefix} {-deadlock_detection} }

vendor add_files {path args} {
  if {![file isfile $path]} { error "no source $path" }
  dict set ::standin::hls source $path
  dict set ::standin::hls flags [option [options $args {} {-cflags}] -cflags ""]
}

vendor create_clock {args} {
  set period [option [options $args {} {-period -name}] -period 0]
  if {!($period > 0)} { error "a clock needs a period, got $period" }
}

vendor csynth_design {} {
  foreach key {source top part solution} {
    if {![dict exists $::standin::hls $key]} { error "csynth_design needs $key" }
  }
  foreach flag [dict get $::standin::hls flags] {
    if {[regexp {^-I(.*)$} $flag -> folder] && ![file isdirectory $folder]} { error "no folder $folder of headers" }
  }
  set ours [file join $::standin::here hls_include]
  if {[catch {
    exec g++ -fsyntax-only -w {*}[dict get $::standin::hls flags] -I$ours [dict get $::standin::hls source] 2>@1
  } message]} {
    error "HLS compilation failed: $message"
  }
}

vendor export_design {args} {
  options $args {} {-format}
  set top [dict get $::standin::hls top]
  set component [interface_of [slurp [dict get $::standin::hls source]] $top]
  set ip [file join [dict get $::standin::hls project] [dict get $::standin::hls solution] impl ip]
  save_component [file join $ip component.xml] "xilinx.com:hls:$top:1.0" $component
}

# Ports that Vitis HLS makes of a function's parameters by their pragmas.
proc interface_of {text top} {
  if {![regexp "void $top\\((.*?)\\)\\s*\\x7b" $text -> parameters]} { error "no function $top" }
  set pins [dict create ap_clk [clock_in] ap_rst_n [reset_in] interrupt [pin O]]
  set intfs [dict create]
  foreach {-> how port} [regexp -all -inline {#pragma HLS INTERFACE ([^\n]*)port=(\w+)} $text] {
    if {$port ne "return" && ![regexp "\\m$port\\M" $parameters]} { error "no parameter $port of $top" }
    regexp "ap_uint<(\\d+)>\[^,\]*\\m$port\\M" $parameters -> width
    switch -- [lindex $how 0] {
      axis {
        set mode [expr {[string match "in*" $port] ? "Slave" : "Master"}]
        dict set intfs $port [dict create mode $mode protocol AXIS width $width address_width 0 maps 0]
      }
      m_axi {
        dict set intfs m_axi_gmem [dict create mode Master protocol AXI width [expr {max(32, $width)}] \
          address_width 64 maps 0]
      }
      s_axilite {
        dict set intfs s_axi_control [dict create mode Slave protocol AXI4LITE width 32 address_width 6 maps 1]
      }
      default { error "unknown interface $how of $port" }
    }
  }
  return [dict create pins $pins intfs $intfs]
}
