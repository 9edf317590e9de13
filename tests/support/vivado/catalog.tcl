# SPDX-License-Identifier: Apache-2.0
#
# IP that a design may hold: Xilinx' as far as FINN+'s shell uses it, and what ip_repo_paths lead to.
#
# A component is a dict of pins, name to {direction width kind}, and of interfaces, name to a dict of mode, protocol,
# width (bits of data), address_width and maps (whether it has registers).

set ::standin::shelf [dict create]   ;# vlnv -> component of a repository

proc pin {direction {width 1} {kind other}} { return [list $direction $width $kind] }
proc clock_in {} { return [pin I 1 clk] }
proc reset_in {} { return [pin I 1 rst] }
proc aximm {mode {address_width 32}} {
  return [dict create mode $mode protocol AXI width 0 address_width $address_width maps 0]
}

# Configuration that an IP takes, with its defaults.
set ::standin::settings {
  processing_system7 {PCW_USE_S_AXI_HP0 0 PCW_USE_S_AXI_HP1 0 PCW_USE_M_AXI_GP0 1 PCW_FPGA0_PERIPHERAL_FREQMHZ 50
    PCW_USE_FABRIC_INTERRUPT 0 PCW_IRQ_F2P_INTR 0}
  zynq_ultra_ps_e {PSU__USE__S_AXI_GP2 0 PSU__USE__M_AXI_GP0 1 PSU__USE__M_AXI_GP1 1 PSU__USE__M_AXI_GP2 0
    PSU__OVERRIDE__BASIC_CLOCK 0 PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ 100 PSU__USE__IRQ0 0}
  axi_interconnect {NUM_SI 1 NUM_MI 2}
  smartconnect {NUM_SI 2 NUM_MI 1}
  clk_wiz {PRIM_IN_FREQ.VALUE_SRC USER PRIM_SOURCE Single_ended_clock_capable_pin PRIMITIVE MMCM
    CLKOUT1_REQUESTED_OUT_FREQ 100 CLKOUT2_USED false CLKOUT2_REQUESTED_OUT_FREQ 100 CLKOUT2_REQUESTED_PHASE 0
    USE_LOCKED true USE_RESET true RESET_TYPE ACTIVE_HIGH RESET_PORT reset}
  proc_sys_reset {}
}
set ::standin::xilinx {
  xilinx.com:ip:processing_system7:5.5 xilinx.com:ip:zynq_ultra_ps_e:3.4 xilinx.com:ip:axi_interconnect:2.1
  xilinx.com:ip:smartconnect:1.0 xilinx.com:ip:clk_wiz:6.0 xilinx.com:ip:proc_sys_reset:5.0
}

proc yes {value} { return [expr {$value in {1 true}}] }

# Pins and interfaces of one of Xilinx' IP with a configuration.
proc xilinx_component {name config} {
  set pins [dict create]
  set intfs [dict create]
  dict with config {}
  switch -- $name {
    processing_system7 {
      dict set pins FCLK_CLK0 [pin O 1 clk]
      dict set pins FCLK_RESET0_N [pin O 1 rst]
      dict set intfs DDR [dict create mode Master protocol DDR width 0 address_width 0 maps 0]
      dict set intfs FIXED_IO [dict create mode Master protocol FIXED_IO width 0 address_width 0 maps 0]
      if {[yes $PCW_USE_M_AXI_GP0]} {
        dict set pins M_AXI_GP0_ACLK [clock_in]
        dict set intfs M_AXI_GP0 [aximm Master]
      }
      foreach port {S_AXI_HP0 S_AXI_HP1} {
        if {[yes [set PCW_USE_$port]]} {
          dict set pins ${port}_ACLK [clock_in]
          dict set intfs $port [dict merge [aximm Slave] {protocol AXI3 width 64}]
        }
      }
      if {[yes $PCW_USE_FABRIC_INTERRUPT] && [yes $PCW_IRQ_F2P_INTR]} { dict set pins IRQ_F2P [pin I 1 intr] }
    }
    zynq_ultra_ps_e {
      dict set pins pl_clk0 [pin O 1 clk]
      dict set pins pl_resetn0 [pin O 1 rst]
      foreach {key port clock mode} {
        PSU__USE__M_AXI_GP0 M_AXI_HPM0_FPD maxihpm0_fpd_aclk Master
        PSU__USE__M_AXI_GP1 M_AXI_HPM1_FPD maxihpm1_fpd_aclk Master
        PSU__USE__M_AXI_GP2 M_AXI_HPM0_LPD maxihpm0_lpd_aclk Master
        PSU__USE__S_AXI_GP2 S_AXI_HP0_FPD saxihp0_fpd_aclk Slave
      } {
        if {[yes [set $key]]} {
          dict set pins $clock [clock_in]
          dict set intfs $port [aximm $mode 40]
        }
      }
      if {[yes $PSU__USE__IRQ0]} { dict set pins pl_ps_irq0 [pin I 1 intr] }
    }
    axi_interconnect {
      dict set pins ACLK [clock_in]
      dict set pins ARESETN [reset_in]
      foreach {letter count mode} [list S $NUM_SI Slave M $NUM_MI Master] {
        for {set i 0} {$i < $count} {incr i} {
          set port [format %s%02d $letter $i]
          dict set pins ${port}_ACLK [clock_in]
          dict set pins ${port}_ARESETN [reset_in]
          dict set intfs ${port}_AXI [aximm $mode]
        }
      }
    }
    smartconnect {
      dict set pins aclk [clock_in]
      dict set pins aresetn [reset_in]
      foreach {letter count mode} [list S $NUM_SI Slave M $NUM_MI Master] {
        for {set i 0} {$i < $count} {incr i} {
          dict set intfs [format %s%02d_AXI $letter $i] [aximm $mode]
        }
      }
    }
    clk_wiz {
      dict set pins clk_in1 [clock_in]
      if {[yes $USE_RESET]} { dict set pins $RESET_PORT [reset_in] }
      if {[yes $USE_LOCKED]} { dict set pins locked [pin O] }
      dict set pins clk_out1 [pin O 1 clk]
      if {[yes $CLKOUT2_USED]} { dict set pins clk_out2 [pin O 1 clk] }
    }
    proc_sys_reset {
      dict set pins slowest_sync_clk [clock_in]
      dict set pins ext_reset_in [reset_in]
      dict set pins dcm_locked [pin I]
      dict set pins aux_reset_in [pin I 1 optional]
      dict set pins mb_debug_sys_rst [pin I 1 optional]
      foreach name {mb_reset bus_struct_reset peripheral_reset interconnect_aresetn peripheral_aresetn} {
        dict set pins $name [pin O 1 rst]
      }
    }
  }
  return [dict create pins $pins intfs $intfs]
}

# A Verilog module's ports, those of streams and registers gathered into interfaces as Vivado infers them. In a top design
# a module's clock must be 100 MHz to the Hz, unless it says that it takes any (AMD UG994).
proc module_component {path module {is_top 0}} {
  set pins [dict create]
  set intfs [dict create]
  set intfs_inputs [dict create]
  set mhz [expr {[regexp {FREQ_TOLERANCE_HZ -1} [slurp $path]] ? "" : 100}]
  foreach port [module_ports $path $module] {
    lassign $port name direction width is_clock
    if {[regexp -nocase {^(.*)_(TDATA|TVALID|TREADY)$} $name -> prefix signal]} {
      dict set intfs $prefix protocol AXIS
      dict set intfs $prefix [string tolower $signal] $name
      if {[string tolower $signal] eq "tdata"} {
        dict set intfs $prefix width $width
        dict set intfs $prefix mode [expr {$direction eq "I" ? "Slave" : "Master"}]
      }
    } elseif {[regexp -nocase {^(.*)_(AW|W|B|AR|R)(VALID|READY|ADDR|PROT|DATA|STRB|RESP|LEN|SIZE|BURST|CACHE|LAST)$} \
        $name -> prefix channel signal]} {
      if {![dict exists $intfs $prefix]} { dict set intfs $prefix [dict create protocol AXI4LITE maps 0] }
      if {$direction eq "I"} { dict lappend intfs_inputs $prefix $name }
      switch [string toupper $channel$signal] {
        AWADDR - ARADDR {
          dict set intfs $prefix address_width $width
          dict set intfs $prefix mode [expr {$direction eq "I" ? "Slave" : "Master"}]
          dict set intfs $prefix maps [expr {$direction eq "I"}]
        }
        WDATA - RDATA { dict set intfs $prefix width $width }
        AWLEN - ARLEN {
          set is_axi3 [regexp "XIL_INTERFACENAME $prefix, PROTOCOL AXI3" [slurp $path]]
          dict set intfs $prefix protocol [expr {$is_axi3 ? "AXI3" : "AXI"}]
          if {$width != ($is_axi3 ? 4 : 8)} { error "$name of $module has $width bits" }
        }
      }
    } else {
      set kind [expr {$is_clock ? "clk" : [string match *rst* $name] ? "rst" : $direction eq "I" ? "optional" : "other"}]
      dict set pins $name [list $direction $width $kind [expr {$kind eq "clk" && $is_top ? $mhz : ""}]]
    }
  }
  dict for {name inputs} $intfs_inputs { dict set intfs $name inputs $inputs }
  dict for {name intf} $intfs {
    if {![dict exists $intf width]} { error "interface $name of $module has no data" }
    foreach signal {tdata tvalid tready} {
      if {[dict get $intf protocol] eq "AXIS" && ![dict exists $intf $signal]} {
        error "interface $name of $module has no $signal"
      }
    }
  }
  return [dict create pins $pins intfs $intfs]
}

# Reads the repositories again.
proc scan_repositories {paths} {
  foreach path $paths {
    if {![file isdirectory $path]} { error "no repository of IP at $path" }
    foreach description [glob -nocomplain [file join $path component.xml] [file join $path * component.xml]] {
      load_component $description
    }
  }
}

proc load_component {description} {
  set text [slurp $description]
  if {![regexp {<vlnv>(.*?)</vlnv>} $text -> vlnv]} { error "no IP in $description" }
  set pins [dict create]
  set intfs [dict create]
  foreach {-> name direction width kind mhz} [regexp -all -inline \
    {<pin name="(.*?)" direction="(.*?)" width="(.*?)" kind="(.*?)" mhz="(.*?)"/>} $text] {
    dict set pins $name [list $direction $width $kind $mhz]
  }
  foreach {-> name content} [regexp -all -inline {<interface name="(.*?)">(.*?)</interface>} $text] {
    dict set intfs $name $content
  }
  dict set ::standin::shelf $vlnv [dict create pins $pins intfs $intfs ignores_freq_hz [string match *<ignore_freq_hz/>* $text]]
}

proc save_component {description vlnv component {ignores_freq_hz 0}} {
  set lines [list "<component>" "<vlnv>$vlnv</vlnv>"]
  if {$ignores_freq_hz} { lappend lines <ignore_freq_hz/> }
  dict for {name pin} [dict get $component pins] {
    lassign $pin direction width kind mhz
    lappend lines "<pin name=\"$name\" direction=\"$direction\" width=\"$width\" kind=\"$kind\" mhz=\"$mhz\"/>"
  }
  dict for {name intf} [dict get $component intfs] {
    lappend lines "<interface name=\"$name\">$intf</interface>"
  }
  spill $description [join [lappend lines "</component>" ""] "\n"]
}
