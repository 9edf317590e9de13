// SPDX-License-Identifier: Apache-2.0

/// Gates a feature map: out = TABLE[x][g], looked up PE times per beat.
///
/// Lane 0 is least significant; TABLE holds entry x * 2**G_BITS + g, entry 0 least significant, both indices
/// being the lanes' codes. SPATIAL = 0: a set of gates is CHANNELS lanes in CHANNELS / PE beats and serves every
/// pixel of a frame. SPATIAL = 1: a set is one lane and serves the CHANNELS of a pixel. Two sets are held, so
/// the next one loads while the present one is used; x waits for a whole set. Latency 2 cycles when the gates
/// are there, one beat per cycle, across frames too. Both tready depend on registers alone.
module gate #(
  parameter int unsigned PIXELS   = 1,  // pixels per frame
  parameter int unsigned CHANNELS = 1,  // channels per pixel
  parameter int unsigned PE       = 1,  // lanes per beat of x and output, divides CHANNELS
  parameter int unsigned X_BITS   = 4,  // bits per lane of x
  parameter int unsigned G_BITS   = 4,  // bits per lane of the gate
  parameter int unsigned OUT_BITS = 4,  // bits per lane of the output
  parameter bit          SPATIAL  = 0,  // 0: one gate per channel, 1: one gate per pixel
  parameter logic [2**(X_BITS+G_BITS)*OUT_BITS-1:0] TABLE = '0,
  localparam int unsigned GateWidth = (SPATIAL ? 1 : PE) * G_BITS
) (
  input  logic                   clk_i,
  input  logic                   rst_ni,  // synchronous; resets valid and counters, never data
  input  logic [PE*X_BITS-1:0]   s_axis_tdata,
  input  logic                   s_axis_tvalid,
  output logic                   s_axis_tready,
  input  logic [GateWidth-1:0]   s_axis_gate_tdata,
  input  logic                   s_axis_gate_tvalid,
  output logic                   s_axis_gate_tready,
  output logic [PE*OUT_BITS-1:0] m_axis_tdata,
  output logic                   m_axis_tvalid,
  input  logic                   m_axis_tready
);
  if (PIXELS < 1 || PE < 1 || CHANNELS < 1 || CHANNELS % PE != 0) begin : gen_check_fold
    $error("need PIXELS >= 1 and PE to divide CHANNELS");
  end
  if (X_BITS < 1 || G_BITS < 1 || OUT_BITS < 1 || X_BITS + G_BITS > 12) begin : gen_check_bits
    $error("need lanes of at least one bit and X_BITS + G_BITS <= 12");
  end

  localparam int unsigned Depth     = SPATIAL ? 1 : CHANNELS / PE;       // beats per set of gates
  localparam int unsigned Rounds    = SPATIAL ? CHANNELS / PE : PIXELS;  // times that a set is gone through
  localparam int unsigned AddrBits  = Depth > 1 ? $clog2(Depth) : 1;
  localparam int unsigned RoundBits = Rounds > 1 ? $clog2(Rounds) : 1;
  localparam logic [AddrBits-1:0]  LastAddr  = AddrBits'(Depth - 1);
  localparam logic [RoundBits-1:0] LastRound = RoundBits'(Rounds - 1);

  // Gates: two banks of Depth beats, written and read alternately.
  logic [GateWidth-1:0] bank_q [2**(AddrBits+1)];
  logic [1:0]           full_q;
  logic                 write_bank_q, read_bank_q;
  logic [AddrBits-1:0]  write_addr_q, read_addr_q;
  logic [RoundBits-1:0] round_q;
  logic                 write, write_last, read, read_last, read_done;
  logic [GateWidth-1:0] gates;

  assign s_axis_gate_tready = !full_q[write_bank_q];
  assign write              = s_axis_gate_tvalid && s_axis_gate_tready;
  assign write_last         = write_addr_q == LastAddr;
  assign read_last          = read_addr_q == LastAddr;
  assign read_done          = read_last && round_q == LastRound;
  assign gates              = bank_q[{read_bank_q, read_addr_q}];

  always_ff @(posedge clk_i) begin
    if (write) bank_q[{write_bank_q, write_addr_q}] <= s_axis_gate_tdata;
  end

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
        if (read_last) round_q <= round_q == LastRound ? '0 : round_q + 1'b1;
        if (read_done) begin
          full_q[read_bank_q] <= 1'b0;
          read_bank_q         <= !read_bank_q;
        end
      end
    end
  end

  // x: a register and a spill.
  logic [PE*X_BITS-1:0] x_q, spill_q;
  logic                 x_valid_q, spilled_q;
  logic                 accept, advance;

  assign s_axis_tready = !spilled_q;
  assign accept        = s_axis_tvalid && s_axis_tready;
  assign advance       = !x_valid_q || read;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      x_valid_q <= 1'b0;
      spilled_q <= 1'b0;
    end else if (advance) begin
      x_valid_q <= spilled_q || accept;
      spilled_q <= 1'b0;
    end else if (accept) begin
      spilled_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (advance) x_q <= spilled_q ? spill_q : s_axis_tdata;
    if (accept) spill_q <= s_axis_tdata;
  end

  // Look-ups into the output register.
  logic [PE*OUT_BITS-1:0] out_q;
  logic                   out_valid_q;

  assign read          = x_valid_q && full_q[read_bank_q] && (!out_valid_q || m_axis_tready);
  assign m_axis_tdata  = out_q;
  assign m_axis_tvalid = out_valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) out_valid_q <= 1'b0;
    else if (!out_valid_q || m_axis_tready) out_valid_q <= read;
  end

  for (genvar lane = 0; lane < PE; lane++) begin : gen_lane
    localparam int unsigned GateLane = SPATIAL ? 0 : lane;
    logic [X_BITS+G_BITS-1:0] entry;

    assign entry = {x_q[lane*X_BITS+:X_BITS], gates[GateLane*G_BITS+:G_BITS]};
    always_ff @(posedge clk_i) begin
      if (read) out_q[lane*OUT_BITS+:OUT_BITS] <= TABLE[entry*OUT_BITS+:OUT_BITS];
    end
  end
endmodule
