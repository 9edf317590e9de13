// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Takes the maximum over every 2x2 tile of a frame of even width and height.
///
/// A pixel is CHANNELS/PE beats of PE lanes, lane 0 least significant; pixels come and leave row by row.
/// The height is no parameter: even, it makes every frame a whole number of row pairs.
///
/// One memory of WIDTH/2 * CHANNELS/PE words holds the tiles of a row pair: a tile's first pixel loads its
/// words, the next two raise them, the last one sends them. Latency 2 cycles from a tile's last pixel to its
/// output; one beat per cycle, also across rows and frames. s_axis_tready depends on registers alone.
module max_pool_2x2 #(
  parameter int unsigned WIDTH    = 4,  // pixels per row, even
  parameter int unsigned CHANNELS = 4,  // per pixel, a multiple of PE
  parameter int unsigned PE       = 1,  // lanes per beat
  parameter int unsigned BITS     = 4,  // per lane
  parameter int unsigned SIGNED   = 0   // 1: lanes are two's complement
) (
  input  wire logic               clk_i,
  input  wire logic               rst_ni,  // synchronous; resets valids and counters, never data
  input  wire logic [PE*BITS-1:0] s_axis_tdata,
  input  wire logic               s_axis_tvalid,
  output      logic               s_axis_tready,
  output      logic [PE*BITS-1:0] m_axis_tdata,
  output      logic               m_axis_tvalid,
  input  wire logic               m_axis_tready
);
  if (PE == 0 || CHANNELS == 0 || CHANNELS % PE != 0) begin : gen_check_pe
    $error("need PE to divide CHANNELS");
  end
  if (WIDTH == 0 || WIDTH % 2 != 0) begin : gen_check_width
    $error("need WIDTH even and positive");
  end
  if (BITS == 0) begin : gen_check_bits
    $error("need BITS >= 1");
  end
  if (SIGNED > 1) begin : gen_check_signed
    $error("need SIGNED to be 0 or 1");
  end

  localparam int unsigned FOLD      = CHANNELS / PE;
  localparam int unsigned WORDS     = WIDTH / 2 * FOLD;
  localparam int unsigned FOLD_BITS = (FOLD > 1) ? $clog2(FOLD) : 1;
  localparam int unsigned ADDR_BITS = (WORDS > 1) ? $clog2(WORDS) : 1;

  function automatic logic exceeds(input logic [BITS-1:0] a, input logic [BITS-1:0] b);
    exceeds = $signed({(SIGNED != 0) && a[BITS-1], a}) > $signed({(SIGNED != 0) && b[BITS-1], b});
  endfunction

  // Stage 1: the beat, and its place in the row pair.
  logic                 s1_valid_q;
  logic [PE*BITS-1:0]   s1_beat_q;
  logic [FOLD_BITS-1:0] fold_q;
  logic [ADDR_BITS-1:0] addr_q;
  logic                 odd_column_q, odd_row_q;
  logic                 last_of_pixel, last_of_row;
  logic                 raised_valid, raised_ready, stall, step;

  assign last_of_pixel = fold_q == FOLD_BITS'(FOLD - 1);
  assign last_of_row   = addr_q == ADDR_BITS'(WORDS - 1) && odd_column_q;
  assign raised_valid  = s1_valid_q && odd_column_q && odd_row_q;
  assign stall         = raised_valid && !raised_ready;
  assign step          = s1_valid_q && !stall;
  assign s_axis_tready = !stall;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      s1_valid_q   <= 1'b0;
      fold_q       <= '0;
      addr_q       <= '0;
      odd_column_q <= 1'b0;
      odd_row_q    <= 1'b0;
    end else if (!stall) begin
      s1_valid_q <= s_axis_tvalid;
      if (step) begin
        fold_q <= last_of_pixel ? '0 : fold_q + 1'b1;
        // Both pixels of a tile walk the same words.
        if (last_of_row) addr_q <= '0;
        else if (last_of_pixel && !odd_column_q) addr_q <= addr_q - ADDR_BITS'(FOLD - 1);
        else addr_q <= addr_q + 1'b1;
        if (last_of_pixel) odd_column_q <= !odd_column_q;
        if (last_of_row) odd_row_q <= !odd_row_q;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!stall) s1_beat_q <= s_axis_tdata;
  end

  // Stage 2: read, compare and write within one cycle, since consecutive beats may share a word.
  (* ram_style = "distributed" *)
  logic [PE*BITS-1:0] tile_mem [WORDS];
  logic [PE*BITS-1:0] held, raised;

  assign held = tile_mem[addr_q];

  for (genvar lane = 0; lane < PE; lane++) begin : gen_lane
    logic [BITS-1:0] fresh, old;

    assign fresh = s1_beat_q[lane*BITS +: BITS];
    assign old   = held[lane*BITS +: BITS];
    assign raised[lane*BITS +: BITS] =
        ((!odd_column_q && !odd_row_q) || exceeds(fresh, old)) ? fresh : old;
  end

  always_ff @(posedge clk_i) begin
    if (step) tile_mem[addr_q] <= raised;
  end

  // Output: two finished beats, so that the sink's tready reaches no further than here.
  skid_buffer #(.WIDTH(PE * BITS)) skid (
    .clk_i, .rst_ni,
    .s_axis_tdata(raised), .s_axis_tvalid(raised_valid), .s_axis_tready(raised_ready),
    .m_axis_tdata, .m_axis_tvalid, .m_axis_tready
  );
endmodule

`default_nettype wire
