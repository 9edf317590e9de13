// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// One stream of weight_dma.sv: words of memory wait here, and leave as beats of BEAT_BYTES, first byte least significant.
///
/// It asks for a burst where it has room for all of it, round and round its region, so that no word ever waits for room.
/// A word is cut into units of the greatest common divisor of WORD_BYTES and BEAT_BYTES, of which one moves per cycle.
/// rst_ni forgets all words and begins the region anew; no word may come for a burst that was asked for before.
module weight_reader #(
  parameter int unsigned WORD_BYTES = 8,   // of memory, a power of two up to 128
  parameter int unsigned BEAT_BYTES = 1,   // of the stream
  parameter int unsigned WORDS      = 64,  // of the region
  parameter int unsigned BURST      = 16,  // words of a burst, a power of two up to 16
  parameter int unsigned DEPTH      = 64   // words that wait at most, a power of two, at least two bursts
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,  // synchronous

  output      logic                    asks_o,   // there is room for the next burst
  output      logic [31:0]             at_o,     // its first word within the region
  output      logic [4:0]              words_o,  // its words
  input  wire logic                    asked_i,  // it is on its way to memory

  input  wire logic [8*WORD_BYTES-1:0] word_i,
  input  wire logic                    comes_i,

  output      logic [8*BEAT_BYTES-1:0] m_axis_tdata,
  output      logic                    m_axis_tvalid,
  input  wire logic                    m_axis_tready
);
  if (BEAT_BYTES == 0 || WORDS == 0 || (WORDS * WORD_BYTES) % BEAT_BYTES != 0) begin : gen_check_region
    $error("need BEAT_BYTES >= 1, WORDS >= 1 and a region of whole beats");
  end
  if (BURST == 0 || BURST > 16 || (BURST & (BURST - 1)) != 0) begin : gen_check_burst
    $error("need BURST to be a power of two up to 16");
  end
  if (DEPTH < 2 * BURST || (DEPTH & (DEPTH - 1)) != 0) begin : gen_check_depth
    $error("need DEPTH to be a power of two and at least two bursts");
  end

  function automatic int unsigned gcd(input int unsigned a, input int unsigned b);
    gcd = a;
    for (int unsigned rest = b; rest != 0;) begin
      automatic int unsigned next = gcd % rest;
      gcd = rest;
      rest = next;
    end
  endfunction

  localparam int unsigned UNIT     = gcd(WORD_BYTES, BEAT_BYTES);  // bytes
  localparam int unsigned AT_BITS  = $clog2(WORDS + 1);
  localparam int unsigned PLACE    = $clog2(DEPTH);

  // What was asked for: words that wait, or will.
  logic [AT_BITS-1:0] at_q, rest;
  logic [PLACE:0]     taken_q;
  logic               leaves;

  assign rest    = AT_BITS'(WORDS) - at_q;
  assign words_o = (32'(rest) < 32'(BURST)) ? 5'(rest) : 5'(BURST);
  assign at_o    = 32'(at_q);
  assign asks_o  = taken_q <= (PLACE + 1)'(DEPTH - BURST);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      at_q    <= '0;
      taken_q <= '0;
    end else begin
      if (asked_i) at_q <= (32'(rest) <= 32'(BURST)) ? '0 : at_q + AT_BITS'(BURST);
      taken_q <= taken_q + (asked_i ? (PLACE + 1)'(words_o) : '0) - (PLACE + 1)'(leaves);
    end
  end

  // The words themselves.
  logic [8*WORD_BYTES-1:0] memory [DEPTH];
  logic [8*WORD_BYTES-1:0] word;
  logic [PLACE:0]          write_q, read_q, held;
  logic                    word_valid, word_ready;

  assign word       = memory[read_q[PLACE-1:0]];
  assign held       = write_q - read_q;
  assign word_valid = write_q != read_q;
  assign leaves     = word_valid && word_ready;

  always_ff @(posedge clk_i) begin
    if (comes_i) memory[write_q[PLACE-1:0]] <= word_i;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= '0;
      read_q  <= '0;
    end else begin
      write_q <= write_q + (PLACE + 1)'(comes_i);
      read_q  <= read_q + (PLACE + 1)'(leaves);
      assert (held <= (PLACE + 1)'(DEPTH)) else $error("a word came that had no room");
    end
  end

  // Words to units, units to beats.
  logic                    unit_valid, unit_ready, beat_valid, beat_ready;
  logic [8*UNIT-1:0]       unit;
  logic [8*BEAT_BYTES-1:0] beat;

  if (WORD_BYTES == UNIT) begin : gen_whole_word
    assign unit       = word;
    assign unit_valid = word_valid;
    assign word_ready = unit_ready;
  end else begin : gen_cut
    lane_converter #(.WIDTH(8 * UNIT), .RATIO(WORD_BYTES / UNIT), .WIDENS(0)) cut (
      .clk_i, .rst_ni,
      .s_axis_tdata(word), .s_axis_tvalid(word_valid), .s_axis_tready(word_ready),
      .m_axis_tdata(unit), .m_axis_tvalid(unit_valid), .m_axis_tready(unit_ready)
    );
  end

  if (BEAT_BYTES == UNIT) begin : gen_whole_beat
    assign beat       = unit;
    assign beat_valid = unit_valid;
    assign unit_ready = beat_ready;
  end else begin : gen_join
    lane_converter #(.WIDTH(8 * UNIT), .RATIO(BEAT_BYTES / UNIT), .WIDENS(1)) join_units (
      .clk_i, .rst_ni,
      .s_axis_tdata(unit), .s_axis_tvalid(unit_valid), .s_axis_tready(unit_ready),
      .m_axis_tdata(beat), .m_axis_tvalid(beat_valid), .m_axis_tready(beat_ready)
    );
  end

  skid_buffer #(.WIDTH(8 * BEAT_BYTES)) skid (
    .clk_i, .rst_ni,
    .s_axis_tdata(beat), .s_axis_tvalid(beat_valid), .s_axis_tready(beat_ready),
    .m_axis_tdata, .m_axis_tvalid, .m_axis_tready
  );
endmodule

`default_nettype wire
