// SPDX-License-Identifier: Apache-2.0

/// Both DMAs with the IDs that cocotbext-axi's memory wants, and the rules of AXI as assertions.
module dma_bench #(
  parameter int unsigned ADDR_BITS       = 32,
  parameter int unsigned WORD_BYTES      = 8,
  parameter int unsigned IN_BEAT_BYTES   = 3,
  parameter int unsigned IN_FRAME_BEATS  = 100,
  parameter int unsigned OUT_BEAT_BYTES  = 3,
  parameter int unsigned OUT_FRAME_BEATS = 7,
  parameter int unsigned BURST           = 16
) (
  input  logic                        clk,
  input  logic                        rst_n,
  input  logic                        abort,

  input  logic [5:0]                  s_axi_idma_awaddr, s_axi_idma_araddr, s_axi_odma_awaddr, s_axi_odma_araddr,
  input  logic                        s_axi_idma_awvalid, s_axi_idma_wvalid, s_axi_idma_bready, s_axi_idma_arvalid,
  input  logic                        s_axi_idma_rready, s_axi_odma_awvalid, s_axi_odma_wvalid, s_axi_odma_bready,
  input  logic                        s_axi_odma_arvalid, s_axi_odma_rready,
  input  logic [31:0]                 s_axi_idma_wdata, s_axi_odma_wdata,
  input  logic [3:0]                  s_axi_idma_wstrb, s_axi_odma_wstrb,
  output logic                        s_axi_idma_awready, s_axi_idma_wready, s_axi_idma_bvalid, s_axi_idma_arready,
  output logic                        s_axi_idma_rvalid, s_axi_odma_awready, s_axi_odma_wready, s_axi_odma_bvalid,
  output logic                        s_axi_odma_arready, s_axi_odma_rvalid,
  output logic [1:0]                  s_axi_idma_bresp, s_axi_idma_rresp, s_axi_odma_bresp, s_axi_odma_rresp,
  output logic [31:0]                 s_axi_idma_rdata, s_axi_odma_rdata,

  output logic [0:0]                  m_axi_arid, m_axi_awid,
  output logic [ADDR_BITS-1:0]        m_axi_araddr, m_axi_awaddr,
  output logic [7:0]                  m_axi_arlen, m_axi_awlen,
  output logic [2:0]                  m_axi_arsize, m_axi_awsize, m_axi_arprot, m_axi_awprot,
  output logic [1:0]                  m_axi_arburst, m_axi_awburst,
  output logic [3:0]                  m_axi_arcache, m_axi_awcache,
  output logic                        m_axi_arvalid, m_axi_awvalid, m_axi_wvalid, m_axi_wlast,
  input  logic                        m_axi_arready, m_axi_awready, m_axi_wready,
  input  logic [0:0]                  m_axi_rid, m_axi_bid,
  input  logic [8*WORD_BYTES-1:0]     m_axi_rdata,
  input  logic [1:0]                  m_axi_rresp, m_axi_bresp,
  input  logic                        m_axi_rlast, m_axi_rvalid, m_axi_bvalid,
  output logic                        m_axi_rready, m_axi_bready,
  output logic [8*WORD_BYTES-1:0]     m_axi_wdata,
  output logic [WORD_BYTES-1:0]       m_axi_wstrb,

  output logic [8*IN_BEAT_BYTES-1:0]  m_axis_tdata,
  output logic                        m_axis_tlast, m_axis_tvalid,
  input  logic                        m_axis_tready,
  input  logic [8*OUT_BEAT_BYTES-1:0] s_axis_tdata,
  input  logic                        s_axis_tvalid,
  output logic                        s_axis_tready,
  output logic                        idma_interrupt, odma_interrupt, idma_busy, odma_busy
);
  assign m_axi_arid = '0;
  assign m_axi_awid = '0;

  read_dma #(
    .ADDR_BITS(ADDR_BITS), .WORD_BYTES(WORD_BYTES), .BEAT_BYTES(IN_BEAT_BYTES), .FRAME_BEATS(IN_FRAME_BEATS),
    .BURST(BURST)
  ) idma (
    .clk_i(clk), .rst_ni(rst_n), .abort_i(abort),
    .s_axi_control_awaddr(s_axi_idma_awaddr), .s_axi_control_awvalid(s_axi_idma_awvalid),
    .s_axi_control_awready(s_axi_idma_awready), .s_axi_control_wdata(s_axi_idma_wdata),
    .s_axi_control_wstrb(s_axi_idma_wstrb), .s_axi_control_wvalid(s_axi_idma_wvalid),
    .s_axi_control_wready(s_axi_idma_wready), .s_axi_control_bresp(s_axi_idma_bresp),
    .s_axi_control_bvalid(s_axi_idma_bvalid), .s_axi_control_bready(s_axi_idma_bready),
    .s_axi_control_araddr(s_axi_idma_araddr), .s_axi_control_arvalid(s_axi_idma_arvalid),
    .s_axi_control_arready(s_axi_idma_arready), .s_axi_control_rdata(s_axi_idma_rdata),
    .s_axi_control_rresp(s_axi_idma_rresp), .s_axi_control_rvalid(s_axi_idma_rvalid),
    .s_axi_control_rready(s_axi_idma_rready),
    .m_axi_gmem_araddr(m_axi_araddr), .m_axi_gmem_arlen(m_axi_arlen), .m_axi_gmem_arsize(m_axi_arsize),
    .m_axi_gmem_arburst(m_axi_arburst), .m_axi_gmem_arcache(m_axi_arcache), .m_axi_gmem_arprot(m_axi_arprot),
    .m_axi_gmem_arvalid(m_axi_arvalid), .m_axi_gmem_arready(m_axi_arready), .m_axi_gmem_rdata(m_axi_rdata),
    .m_axi_gmem_rresp(m_axi_rresp), .m_axi_gmem_rlast(m_axi_rlast), .m_axi_gmem_rvalid(m_axi_rvalid),
    .m_axi_gmem_rready(m_axi_rready),
    .m_axis_tdata, .m_axis_tlast, .m_axis_tvalid, .m_axis_tready,
    .misaligned_i(1'b0), .busy_o(idma_busy), .ended_o(), .error_o(), .interrupt_o(idma_interrupt)
  );

  write_dma #(
    .ADDR_BITS(ADDR_BITS), .WORD_BYTES(WORD_BYTES), .BEAT_BYTES(OUT_BEAT_BYTES), .FRAME_BEATS(OUT_FRAME_BEATS),
    .BURST(BURST)
  ) odma (
    .clk_i(clk), .rst_ni(rst_n), .abort_i(abort),
    .s_axi_control_awaddr(s_axi_odma_awaddr), .s_axi_control_awvalid(s_axi_odma_awvalid),
    .s_axi_control_awready(s_axi_odma_awready), .s_axi_control_wdata(s_axi_odma_wdata),
    .s_axi_control_wstrb(s_axi_odma_wstrb), .s_axi_control_wvalid(s_axi_odma_wvalid),
    .s_axi_control_wready(s_axi_odma_wready), .s_axi_control_bresp(s_axi_odma_bresp),
    .s_axi_control_bvalid(s_axi_odma_bvalid), .s_axi_control_bready(s_axi_odma_bready),
    .s_axi_control_araddr(s_axi_odma_araddr), .s_axi_control_arvalid(s_axi_odma_arvalid),
    .s_axi_control_arready(s_axi_odma_arready), .s_axi_control_rdata(s_axi_odma_rdata),
    .s_axi_control_rresp(s_axi_odma_rresp), .s_axi_control_rvalid(s_axi_odma_rvalid),
    .s_axi_control_rready(s_axi_odma_rready),
    .m_axi_gmem_awaddr(m_axi_awaddr), .m_axi_gmem_awlen(m_axi_awlen), .m_axi_gmem_awsize(m_axi_awsize),
    .m_axi_gmem_awburst(m_axi_awburst), .m_axi_gmem_awcache(m_axi_awcache), .m_axi_gmem_awprot(m_axi_awprot),
    .m_axi_gmem_awvalid(m_axi_awvalid), .m_axi_gmem_awready(m_axi_awready), .m_axi_gmem_wdata(m_axi_wdata),
    .m_axi_gmem_wstrb(m_axi_wstrb), .m_axi_gmem_wlast(m_axi_wlast), .m_axi_gmem_wvalid(m_axi_wvalid),
    .m_axi_gmem_wready(m_axi_wready), .m_axi_gmem_bresp(m_axi_bresp), .m_axi_gmem_bvalid(m_axi_bvalid),
    .m_axi_gmem_bready(m_axi_bready),
    .s_axis_tdata, .s_axis_tvalid, .s_axis_tready,
    .misaligned_i(1'b0), .busy_o(odma_busy), .ended_o(), .error_o(), .interrupt_o(odma_interrupt)
  );

  // Once valid, a master keeps valid and what it offers until it is taken.
  `define KEPT(name, valid, ready, what) \
    name: assert property (@(posedge clk) disable iff (!rst_n) (valid) && !(ready) |=> (valid) && $stable(what));
  `KEPT(kept_ar, m_axi_arvalid, m_axi_arready, {m_axi_araddr, m_axi_arlen})
  `KEPT(kept_aw, m_axi_awvalid, m_axi_awready, {m_axi_awaddr, m_axi_awlen})
  `KEPT(kept_w, m_axi_wvalid, m_axi_wready, {m_axi_wdata, m_axi_wstrb, m_axi_wlast})
  `KEPT(kept_b0, s_axi_idma_bvalid, s_axi_idma_bready, s_axi_idma_bresp)
  `KEPT(kept_r0, s_axi_idma_rvalid, s_axi_idma_rready, s_axi_idma_rdata)
  `KEPT(kept_b1, s_axi_odma_bvalid, s_axi_odma_bready, s_axi_odma_bresp)
  `KEPT(kept_r1, s_axi_odma_rvalid, s_axi_odma_rready, s_axi_odma_rdata)
  kept_stream: assert property (@(posedge clk) disable iff (!rst_n || abort)
    m_axis_tvalid && !m_axis_tready |=> abort || (m_axis_tvalid && $stable({m_axis_tdata, m_axis_tlast})));
endmodule
