// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// An AXI4-Lite slave of 32-bit registers: one write and one read under way, each in three cycles.
///
/// write_o and read_o are up for one cycle, with address and data; read_data_i must answer read_address_o in that cycle.
/// A write of single bytes is refused (SLVERR) and changes nothing. The two lowest address bits are ignored. Every
/// output to the bus is a register or decoded from the state alone.
module axi_lite_slave #(
  parameter int unsigned ADDR_BITS = 16  // of the bus, at least 3
) (
  input  wire logic                 clk_i,
  input  wire logic                 rst_ni,  // synchronous
  input  wire logic [ADDR_BITS-1:0] s_axi_awaddr,
  input  wire logic                 s_axi_awvalid,
  output      logic                 s_axi_awready,
  input  wire logic [31:0]          s_axi_wdata,
  input  wire logic [3:0]           s_axi_wstrb,
  input  wire logic                 s_axi_wvalid,
  output      logic                 s_axi_wready,
  output      logic [1:0]           s_axi_bresp,
  output      logic                 s_axi_bvalid,
  input  wire logic                 s_axi_bready,
  input  wire logic [ADDR_BITS-1:0] s_axi_araddr,
  input  wire logic                 s_axi_arvalid,
  output      logic                 s_axi_arready,
  output      logic [31:0]          s_axi_rdata,
  output      logic [1:0]           s_axi_rresp,
  output      logic                 s_axi_rvalid,
  input  wire logic                 s_axi_rready,

  output      logic                 write_o,
  output      logic [ADDR_BITS-3:0] write_address_o,  // of a register: the bus's without its two lowest bits
  output      logic [31:0]          write_data_o,
  output      logic                 read_o,
  output      logic [ADDR_BITS-3:0] read_address_o,
  input  wire logic [31:0]          read_data_i
);
  if (ADDR_BITS < 3) begin : gen_check
    $error("need ADDR_BITS >= 3");
  end

  localparam logic [1:0] OKAY = 2'b00, SLVERR = 2'b10;
  typedef enum logic [1:0] {ADDRESS, DATA, RESPONSE} state_e;

  state_e               write_q, read_q;
  logic [ADDR_BITS-3:0] write_address_q, read_address_q;
  logic                 refused_q;
  logic [31:0]          read_data_q;

  assign s_axi_awready   = write_q == ADDRESS;
  assign s_axi_wready    = write_q == DATA;
  assign s_axi_bvalid    = write_q == RESPONSE;
  assign s_axi_bresp     = refused_q ? SLVERR : OKAY;
  assign write_o         = s_axi_wready && s_axi_wvalid && &s_axi_wstrb;
  assign write_address_o = write_address_q;
  assign write_data_o    = s_axi_wdata;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= ADDRESS;
    end else begin
      unique case (write_q)
        ADDRESS: if (s_axi_awvalid) write_q <= DATA;
        DATA:    if (s_axi_wvalid) write_q <= RESPONSE;
        default: if (s_axi_bready) write_q <= ADDRESS;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (s_axi_awready) write_address_q <= s_axi_awaddr[ADDR_BITS-1:2];
    if (s_axi_wready) refused_q <= !(&s_axi_wstrb);
  end

  assign s_axi_arready  = read_q == ADDRESS;
  assign s_axi_rvalid   = read_q == RESPONSE;
  assign s_axi_rdata    = read_data_q;
  assign s_axi_rresp    = OKAY;
  assign read_o         = read_q == DATA;
  assign read_address_o = read_address_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      read_q <= ADDRESS;
    end else begin
      unique case (read_q)
        ADDRESS: if (s_axi_arvalid) read_q <= DATA;
        DATA:    read_q <= RESPONSE;
        default: if (s_axi_rready) read_q <= ADDRESS;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (s_axi_arready) read_address_q <= s_axi_araddr[ADDR_BITS-1:2];
    if (read_o) read_data_q <= read_data_i;
  end

  logic unused;
  assign unused = &{1'b0, s_axi_awaddr[1:0], s_axi_araddr[1:0]};
endmodule

`default_nettype wire
