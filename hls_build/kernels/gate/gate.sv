// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Gates a feature map: out = TABLE[x][g], looked up PE times per beat.
///
/// Lane 0 is least significant; TABLE holds entry x * 2**G_BITS + g, entry 0 least significant, both indices
/// being the lanes' codes. SPATIAL = 0: a set of gates is CHANNELS lanes in CHANNELS / PE beats and serves every
/// pixel of a frame. SPATIAL = 1: a set is one lane and serves the CHANNELS of a pixel.
///
/// Two sets are held, so the next one loads while the present one is used; x waits for a whole set. Latency 2 cycles
/// when the gates are there; one beat per cycle, also across frames. Both tready depend on registers alone.
module gate #(
  parameter int unsigned PIXELS   = 1,  // per frame
  parameter int unsigned CHANNELS = 1,  // per pixel, a multiple of PE
  parameter int unsigned PE       = 1,  // lanes per beat of x and of the output
  parameter int unsigned X_BITS   = 4,  // per lane of x
  parameter int unsigned G_BITS   = 4,  // per lane of the gate
  parameter int unsigned OUT_BITS = 4,  // per lane of the output
  parameter int unsigned SPATIAL  = 0,  // 0: one gate per channel, 1: one gate per pixel
  parameter logic [2**(X_BITS+G_BITS)*OUT_BITS-1:0] TABLE = '0,
  localparam int unsigned GATE_WIDTH = ((SPATIAL != 0) ? 1 : PE) * G_BITS
) (
  input  wire logic                   clk_i,
  input  wire logic                   rst_ni,  // synchronous; resets valids and counters, never data
  input  wire logic [PE*X_BITS-1:0]   s_axis_tdata,
  input  wire logic                   s_axis_tvalid,
  output      logic                   s_axis_tready,
  input  wire logic [GATE_WIDTH-1:0]  s_axis_gate_tdata,
  input  wire logic                   s_axis_gate_tvalid,
  output      logic                   s_axis_gate_tready,
  output      logic [PE*OUT_BITS-1:0] m_axis_tdata,
  output      logic                   m_axis_tvalid,
  input  wire logic                   m_axis_tready
);
  if (PIXELS == 0) begin : gen_check_pixels
    $error("need PIXELS >= 1");
  end
  if (PE == 0 || CHANNELS == 0 || CHANNELS % PE != 0) begin : gen_check_pe
    $error("need PE to divide CHANNELS");
  end
  if (X_BITS == 0 || G_BITS == 0 || OUT_BITS == 0 || X_BITS + G_BITS > 12) begin : gen_check_bits
    $error("need lanes of at least one bit and X_BITS + G_BITS <= 12");
  end
  if (SPATIAL > 1) begin : gen_check_spatial
    $error("need SPATIAL to be 0 or 1");
  end

  localparam int unsigned FOLD       = CHANNELS / PE;
  localparam int unsigned DEPTH      = (SPATIAL != 0) ? 1 : FOLD;       // beats per set of gates
  localparam int unsigned ROUNDS     = (SPATIAL != 0) ? FOLD : PIXELS;  // times that a set is gone through
  localparam int unsigned ADDR_BITS  = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam int unsigned ROUND_BITS = (ROUNDS > 1) ? $clog2(ROUNDS) : 1;

  // Gates: two banks of DEPTH beats, written and read alternately.
  logic [GATE_WIDTH-1:0] bank_q [2**(ADDR_BITS+1)];
  logic [1:0]            full_q;
  logic                  write_bank_q, read_bank_q;
  logic [ADDR_BITS-1:0]  write_addr_q, read_addr_q;
  logic [ROUND_BITS-1:0] round_q;
  logic                  write, write_last, read, read_last, last_round;
  logic [GATE_WIDTH-1:0] gates;

  assign s_axis_gate_tready = !full_q[write_bank_q];
  assign write              = s_axis_gate_tvalid && s_axis_gate_tready;
  assign write_last         = write_addr_q == ADDR_BITS'(DEPTH - 1);
  assign read_last          = read_addr_q == ADDR_BITS'(DEPTH - 1);
  assign last_round         = round_q == ROUND_BITS'(ROUNDS - 1);
  assign gates              = bank_q[{read_bank_q, read_addr_q}];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      full_q       <= '0;
      write_bank_q <= 1'b0;
      write_addr_q <= '0;
      read_bank_q  <= 1'b0;
      read_addr_q  <= '0;
      round_q      <= '0;
    end else begin
      if (write) begin
        write_addr_q <= write_last ? '0 : write_addr_q + 1'b1;
        if (write_last) begin
          full_q[write_bank_q] <= 1'b1;
          write_bank_q         <= !write_bank_q;
        end
      end
      if (read) begin
        read_addr_q <= read_last ? '0 : read_addr_q + 1'b1;
        if (read_last) round_q <= last_round ? '0 : round_q + 1'b1;
        if (read_last && last_round) begin
          full_q[read_bank_q] <= 1'b0;
          read_bank_q         <= !read_bank_q;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (write) bank_q[{write_bank_q, write_addr_q}] <= s_axis_gate_tdata;
  end

  // x: two beats, so that s_axis_tready waits for nothing behind it.
  logic [PE*X_BITS-1:0] x;
  logic                 x_valid;

  skid_buffer #(.WIDTH(PE * X_BITS)) skid (
    .clk_i, .rst_ni,
    .s_axis_tdata, .s_axis_tvalid, .s_axis_tready,
    .m_axis_tdata(x), .m_axis_tvalid(x_valid), .m_axis_tready(read)
  );

  // Output: look-ups into a register.
  logic [PE*OUT_BITS-1:0] out_d, out_q;
  logic                   out_valid_q, advance;

  assign advance       = !out_valid_q || m_axis_tready;
  assign read          = x_valid && full_q[read_bank_q] && advance;
  assign m_axis_tdata  = out_q;
  assign m_axis_tvalid = out_valid_q;

  for (genvar lane = 0; lane < PE; lane++) begin : gen_lane
    localparam int unsigned GATE_LANE = (SPATIAL != 0) ? 0 : lane;
    logic [X_BITS+G_BITS-1:0] entry;

    assign entry = {x[lane*X_BITS +: X_BITS], gates[GATE_LANE*G_BITS +: G_BITS]};
    assign out_d[lane*OUT_BITS +: OUT_BITS] = TABLE[entry*OUT_BITS +: OUT_BITS];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) out_valid_q <= 1'b0;
    else if (advance) out_valid_q <= read;
  end

  always_ff @(posedge clk_i) begin
    if (read) out_q <= out_d;
  end
endmodule

`default_nettype wire
