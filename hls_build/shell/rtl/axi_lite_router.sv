// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// One AXI4-Lite bus for slaves of 16 KiB each, by address bits 15:14; of three the last has 2 and 3.
///
/// One write and one read are under way. An address goes on in the cycle behind the one that it came in; data and
/// responses pass in the same cycle. m_axi_* has a bit, or an element, per slave, and every slave sees the address.
module axi_lite_router #(
  parameter int unsigned SLAVES = 3  // 3 or 4
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,  // synchronous
  input  wire logic [15:0]             s_axi_awaddr,
  input  wire logic                    s_axi_awvalid,
  output      logic                    s_axi_awready,
  input  wire logic                    s_axi_wvalid,
  output      logic                    s_axi_wready,
  output      logic [1:0]              s_axi_bresp,
  output      logic                    s_axi_bvalid,
  input  wire logic                    s_axi_bready,
  input  wire logic [15:0]             s_axi_araddr,
  input  wire logic                    s_axi_arvalid,
  output      logic                    s_axi_arready,
  output      logic [31:0]             s_axi_rdata,
  output      logic [1:0]              s_axi_rresp,
  output      logic                    s_axi_rvalid,
  input  wire logic                    s_axi_rready,

  output      logic [13:0]             m_axi_awaddr,
  output      logic [SLAVES-1:0]       m_axi_awvalid,
  input  wire logic [SLAVES-1:0]       m_axi_awready,
  output      logic [SLAVES-1:0]       m_axi_wvalid,
  input  wire logic [SLAVES-1:0]       m_axi_wready,
  input  wire logic [SLAVES-1:0][1:0]  m_axi_bresp,
  input  wire logic [SLAVES-1:0]       m_axi_bvalid,
  output      logic [SLAVES-1:0]       m_axi_bready,
  output      logic [13:0]             m_axi_araddr,
  output      logic [SLAVES-1:0]       m_axi_arvalid,
  input  wire logic [SLAVES-1:0]       m_axi_arready,
  input  wire logic [SLAVES-1:0][31:0] m_axi_rdata,
  input  wire logic [SLAVES-1:0][1:0]  m_axi_rresp,
  input  wire logic [SLAVES-1:0]       m_axi_rvalid,
  output      logic [SLAVES-1:0]       m_axi_rready
);
  if (SLAVES < 3 || SLAVES > 4) begin : gen_check
    $error("need SLAVES of 3 or 4");
  end

  typedef enum logic [1:0] {IDLE, ADDRESS, REST} state_e;

  state_e     write_q, read_q;
  logic [1:0] write_to_q, read_to_q;  // below SLAVES

  function automatic logic [1:0] slave(input logic [1:0] bits);
    return (SLAVES == 3 && bits[1]) ? 2'd2 : bits;
  endfunction

  function automatic logic [SLAVES-1:0] only(input logic [1:0] which, input logic value);
    return SLAVES'(value) << which;
  endfunction

  assign s_axi_awready = write_q == IDLE;
  assign s_axi_wready  = write_q == REST && m_axi_wready[write_to_q];
  assign s_axi_bvalid  = write_q == REST && m_axi_bvalid[write_to_q];
  assign s_axi_bresp   = m_axi_bresp[write_to_q];
  assign m_axi_awvalid = only(write_to_q, write_q == ADDRESS);
  assign m_axi_wvalid  = only(write_to_q, write_q == REST && s_axi_wvalid);
  assign m_axi_bready  = only(write_to_q, write_q == REST && s_axi_bready);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= IDLE;
    end else begin
      unique case (write_q)
        IDLE:    if (s_axi_awvalid) write_q <= ADDRESS;
        ADDRESS: if (m_axi_awready[write_to_q]) write_q <= REST;
        default: if (s_axi_bvalid && s_axi_bready) write_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (s_axi_awready) begin
      write_to_q   <= slave(s_axi_awaddr[15:14]);
      m_axi_awaddr <= s_axi_awaddr[13:0];
    end
  end

  assign s_axi_arready = read_q == IDLE;
  assign s_axi_rvalid  = read_q == REST && m_axi_rvalid[read_to_q];
  assign s_axi_rdata   = m_axi_rdata[read_to_q];
  assign s_axi_rresp   = m_axi_rresp[read_to_q];
  assign m_axi_arvalid = only(read_to_q, read_q == ADDRESS);
  assign m_axi_rready  = only(read_to_q, read_q == REST && s_axi_rready);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      read_q <= IDLE;
    end else begin
      unique case (read_q)
        IDLE:    if (s_axi_arvalid) read_q <= ADDRESS;
        ADDRESS: if (m_axi_arready[read_to_q]) read_q <= REST;
        default: if (s_axi_rvalid && s_axi_rready) read_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (s_axi_arready) begin
      read_to_q    <= slave(s_axi_araddr[15:14]);
      m_axi_araddr <= s_axi_araddr[13:0];
    end
  end
endmodule

`default_nettype wire
