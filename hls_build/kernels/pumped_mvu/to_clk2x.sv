// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Carries a stream to a clock of twice the rate, in which each beat is two: its lower half first.
///
/// clk2x_i rises with both edges of clk_i. Two beats have room, and a half in the register that is offered; a beat is
/// taken per cycle of clk_i where both halves are taken as they come. s_axis_tready is a register. Every path between the
/// clocks begins in a register of one and ends in one of the other.
///
/// rst_2x_ni follows rst_ni by an edge of clk2x_i or more: the reset has begun in both before it ends in either.
module to_clk2x #(
  parameter int unsigned WIDTH = 1  // bits of a half
) (
  input  wire logic               clk_i, clk2x_i,
  input  wire logic               rst_ni,     // synchronous to clk_i; resets valids, never data
  input  wire logic               rst_2x_ni,  // the same in clk2x_i
  input  wire logic [2*WIDTH-1:0] s_axis_tdata,
  input  wire logic               s_axis_tvalid,
  output      logic               s_axis_tready,
  output      logic [WIDTH-1:0]   m_axis_tdata,
  output      logic               m_axis_tvalid,
  input  wire logic               m_axis_tready
);
  // Beats written and halves read, which wrap round.
  logic [1:0] write_d, write_q;
  logic [2:0] read_q;
  logic       ready_q, write, read;
  logic [2*WIDTH-1:0] even_q, odd_q;

  assign s_axis_tready = ready_q;
  assign write         = s_axis_tvalid && ready_q;
  assign write_d       = write_q + 2'(write);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= '0;
      ready_q <= 1'b1;
    end else begin
      write_q <= write_d;
      // not both full, or one is read out at this very edge, which is one of clk2x_i too
      ready_q <= write_d != {!read_q[2], read_q[1]} || (read && read_q[0]);
    end
  end

  always_ff @(posedge clk_i) begin
    if (write && !write_q[0]) even_q <= s_axis_tdata;
    if (write && write_q[0]) odd_q <= s_axis_tdata;
  end

  logic             some, advance, valid_q;
  logic [WIDTH-1:0] half_d, half_q;

  assign some          = read_q[2:1] != write_q;
  assign advance       = !valid_q || m_axis_tready;
  assign read          = some && advance;
  assign m_axis_tvalid = valid_q;
  assign m_axis_tdata  = half_q;

  always_comb begin
    unique case (read_q[1:0])
      2'd0: half_d = even_q[WIDTH-1:0];
      2'd1: half_d = even_q[2*WIDTH-1:WIDTH];
      2'd2: half_d = odd_q[WIDTH-1:0];
      default: half_d = odd_q[2*WIDTH-1:WIDTH];
    endcase
  end

  always_ff @(posedge clk2x_i) begin
    if (!rst_2x_ni) begin
      read_q  <= '0;
      valid_q <= 1'b0;
    end else begin
      read_q  <= read_q + 3'(read);
      valid_q <= some || !advance;
    end
  end

  always_ff @(posedge clk2x_i) begin
    if (advance) half_q <= half_d;
  end
endmodule

`default_nettype wire
