// SPDX-License-Identifier: Apache-2.0

/// The weights' DMA with two streams and the ID that cocotbext-axi's memory wants, and the rules of AXI as assertions.
module weight_bench #(
  parameter int unsigned WORD_BYTES = 8,
  parameter int unsigned BURST      = 16,
  parameter int unsigned DEPTH      = 64,
  parameter int unsigned BYTES0     = 1,
  parameter int unsigned BYTES1     = 3,
  parameter int unsigned OFFSET1    = 4096,
  parameter int unsigned WORDS0     = 100,
  parameter int unsigned WORDS1     = 45
) (
  input  logic                      clk,
  input  logic                      rst_n,
  input  logic                      abort,

  input  logic [5:0]                s_axi_awaddr, s_axi_araddr,
  input  logic                      s_axi_awvalid, s_axi_wvalid, s_axi_bready, s_axi_arvalid, s_axi_rready,
  input  logic [31:0]               s_axi_wdata,
  input  logic [3:0]                s_axi_wstrb,
  output logic                      s_axi_awready, s_axi_wready, s_axi_bvalid, s_axi_arready, s_axi_rvalid,
  output logic [1:0]                s_axi_bresp, s_axi_rresp,
  output logic [31:0]               s_axi_rdata,

  output logic [0:0]                m_axi_arid,
  output logic [31:0]               m_axi_araddr,
  output logic [7:0]                m_axi_arlen,
  output logic [2:0]                m_axi_arsize, m_axi_arprot,
  output logic [1:0]                m_axi_arburst,
  output logic [3:0]                m_axi_arcache,
  output logic                      m_axi_arvalid,
  input  logic                      m_axi_arready,
  input  logic [0:0]                m_axi_rid,
  input  logic [8*WORD_BYTES-1:0]   m_axi_rdata,
  input  logic [1:0]                m_axi_rresp,
  input  logic                      m_axi_rlast, m_axi_rvalid,
  output logic                      m_axi_rready,

  output logic [8*(BYTES0+BYTES1)-1:0] m_axis_tdata,
  output logic [1:0]                m_axis_tvalid,
  input  logic [1:0]                m_axis_tready,
  output logic                      busy, error
);
  assign m_axi_arid = '0;

  weight_dma #(
    .ADDR_BITS(32), .WORD_BYTES(WORD_BYTES), .BURST(BURST), .DEPTH(DEPTH), .STREAMS(2), .BEATS(BYTES0 + BYTES1),
    .BEAT_BYTES({32'(BYTES1), 32'(BYTES0)}), .OFFSETS({32'(OFFSET1), 32'd0}), .WORDS({32'(WORDS1), 32'(WORDS0)})
  ) dut (
    .clk_i(clk), .rst_ni(rst_n), .abort_i(abort),
    .s_axi_control_awaddr(s_axi_awaddr), .s_axi_control_awvalid(s_axi_awvalid),
    .s_axi_control_awready(s_axi_awready), .s_axi_control_wdata(s_axi_wdata), .s_axi_control_wstrb(s_axi_wstrb),
    .s_axi_control_wvalid(s_axi_wvalid), .s_axi_control_wready(s_axi_wready), .s_axi_control_bresp(s_axi_bresp),
    .s_axi_control_bvalid(s_axi_bvalid), .s_axi_control_bready(s_axi_bready), .s_axi_control_araddr(s_axi_araddr),
    .s_axi_control_arvalid(s_axi_arvalid), .s_axi_control_arready(s_axi_arready),
    .s_axi_control_rdata(s_axi_rdata), .s_axi_control_rresp(s_axi_rresp), .s_axi_control_rvalid(s_axi_rvalid),
    .s_axi_control_rready(s_axi_rready),
    .m_axi_weights_araddr(m_axi_araddr), .m_axi_weights_arlen(m_axi_arlen), .m_axi_weights_arsize(m_axi_arsize),
    .m_axi_weights_arburst(m_axi_arburst), .m_axi_weights_arcache(m_axi_arcache),
    .m_axi_weights_arprot(m_axi_arprot), .m_axi_weights_arvalid(m_axi_arvalid),
    .m_axi_weights_arready(m_axi_arready), .m_axi_weights_rdata(m_axi_rdata), .m_axi_weights_rresp(m_axi_rresp),
    .m_axi_weights_rlast(m_axi_rlast), .m_axi_weights_rvalid(m_axi_rvalid), .m_axi_weights_rready(m_axi_rready),
    .m_axis_tdata, .m_axis_tvalid, .m_axis_tready, .busy_o(busy), .error_o(error)
  );

  // A request that waits does not change; a beat that waits does neither, until an abort.
  logic                                waits_q;
  logic [39:0]                         request_q;
  logic [1:0]                          held_q;
  logic [8*(BYTES0+BYTES1)-1:0]        data_q;

  always_ff @(posedge clk) begin
    waits_q   <= rst_n && m_axi_arvalid && !m_axi_arready;
    request_q <= {m_axi_araddr, m_axi_arlen};
    held_q    <= (rst_n && !abort && busy) ? m_axis_tvalid & ~m_axis_tready : 2'b00;
    data_q    <= m_axis_tdata;
    if (waits_q) assert (m_axi_arvalid && request_q == {m_axi_araddr, m_axi_arlen}) else $error("a request changed");
    if (!abort) begin
      if (held_q[0]) assert (m_axis_tvalid[0] && data_q[8*BYTES0-1:0] == m_axis_tdata[8*BYTES0-1:0]) else
        $error("a beat changed");
      if (held_q[1]) assert (m_axis_tvalid[1] && data_q[8*BYTES0 +: 8*BYTES1] == m_axis_tdata[8*BYTES0 +: 8*BYTES1])
        else $error("a beat changed");
    end
  end
endmodule
