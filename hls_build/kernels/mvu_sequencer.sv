// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Gives a multiplier by a constant matrix its vectors beat by beat, each as often as the matrix has groups of rows.
///
/// A vector is BEATS beats of WIDTH bits. It is given TURNS times, whole each time: taken as it comes where TURNS is 1,
/// otherwise out of a ring of at least its beats. In a cycle of step_o vector_o is a beat, begins_o and ends_o tell the
/// first and the last of a vector, and fold_o counts the beats of all turns. These outputs follow from the state; what
/// is behind them must register them. What decides on a step is kept in a register of its own each, a cycle ahead, so that
/// a step is one table behind registers, and all that follows from it fits a fast clock.
///
/// A vector is begun only where a queue of QUEUE sums has room: each ends_o takes a place, each give_i frees one. So
/// nothing behind it has to stall. s_axis_tready depends on registers alone.
module mvu_sequencer #(
  parameter int unsigned BEATS = 1,   // of a vector
  parameter int unsigned TURNS = 1,   // that it takes, at most 256
  parameter int unsigned WIDTH = 1,   // bits of a beat
  parameter int unsigned QUEUE = 32,  // sums that have room, at most 32
  localparam int unsigned FOLDS = BEATS * TURNS,
  localparam int unsigned FOLD_BITS = (FOLDS > 1) ? $clog2(FOLDS) : 1
) (
  input  wire logic                 clk_i,
  input  wire logic                 rst_ni,  // synchronous; resets valids and counters, never data
  input  wire logic [WIDTH-1:0]     s_axis_tdata,
  input  wire logic                 s_axis_tvalid,
  output      logic                 s_axis_tready,
  input  wire logic                 give_i,
  output      logic                 step_o, begins_o, ends_o,
  output      logic [FOLD_BITS-1:0] fold_o,
  output      logic [WIDTH-1:0]     vector_o
);
  localparam int unsigned BEAT_BITS = (BEATS > 1) ? $clog2(BEATS) : 1;
  localparam int unsigned TURN_BITS = (TURNS > 1) ? $clog2(TURNS) : 1;

  if (TURNS > 256) begin : gen_check_turns
    $error("need MH / PE <= 256");
  end

  // Credits: a sum is begun only where the queue has room for it, which is where there are any.
  logic [5:0] credits_q;
  logic       may_begin_q, spend;

  assign spend = step_o && ends_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      credits_q   <= 6'(QUEUE);
      may_begin_q <= 1'b1;
    end else begin
      credits_q   <= credits_q - 6'(spend) + 6'(give_i);
      may_begin_q <= give_i || (may_begin_q && !(spend && credits_q == 6'd1));
    end
  end

  // Place in the matrix.
  logic [BEAT_BITS-1:0] beat_q;
  logic [TURN_BITS-1:0] turn_q;
  logic [FOLD_BITS-1:0] fold_q;
  logic                 begins_q, ends_q, last_turn_q;

  assign begins_o = begins_q;
  assign ends_o   = ends_q;
  assign fold_o   = fold_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q      <= '0;
      turn_q      <= '0;
      fold_q      <= '0;
      begins_q    <= 1'b1;
      ends_q      <= BEATS == 1;
      last_turn_q <= TURNS == 1;
    end else if (step_o) begin
      beat_q   <= ends_q ? '0 : beat_q + 1'b1;
      fold_q   <= (ends_q && last_turn_q) ? '0 : fold_q + 1'b1;
      begins_q <= ends_q;
      ends_q   <= BEATS == 1 || beat_q == BEAT_BITS'(BEATS - 2);
      if (ends_q) begin
        turn_q      <= last_turn_q ? '0 : turn_q + 1'b1;
        last_turn_q <= TURNS == 1 || turn_q == TURN_BITS'(TURNS - 2);
      end
    end
  end

  // The vector: taken as it comes, or out of a ring of at least its beats, which are free again after the last turn.
  if (TURNS == 1) begin : gen_once
    assign s_axis_tready = may_begin_q;
    assign step_o        = s_axis_tvalid && s_axis_tready;
    assign vector_o      = s_axis_tdata;
  end else begin : gen_ring
    localparam int unsigned DEPTH = 2**BEAT_BITS;

    (* ram_style = "distributed" *)
    logic [WIDTH-1:0]     ring_mem [DEPTH];
    logic [BEAT_BITS-1:0] write_q, read_q;
    logic [BEAT_BITS:0]   held_q, new_q;  // beats, and those of them that no turn has had yet
    logic                 full_q, some_new_q, first_turn_q;
    logic                 write, use_new, free;

    assign s_axis_tready = !full_q;
    assign write         = s_axis_tvalid && !full_q;
    assign step_o        = may_begin_q && (some_new_q || !first_turn_q);
    assign use_new       = step_o && first_turn_q;
    assign free          = step_o && last_turn_q;
    assign vector_o      = ring_mem[read_q];

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        write_q      <= '0;
        read_q       <= '0;
        held_q       <= '0;
        new_q        <= '0;
        full_q       <= 1'b0;
        some_new_q   <= 1'b0;
        first_turn_q <= 1'b1;
      end else begin
        if (write) write_q <= write_q + 1'b1;
        if (step_o) read_q <= (ends_q && !last_turn_q) ? read_q - BEAT_BITS'(BEATS - 1) : read_q + 1'b1;
        held_q     <= held_q + (BEAT_BITS+1)'(write) - (BEAT_BITS+1)'(free);
        new_q      <= new_q + (BEAT_BITS+1)'(write) - (BEAT_BITS+1)'(use_new);
        full_q     <= !free && (full_q || (write && held_q == (BEAT_BITS+1)'(DEPTH - 1)));
        some_new_q <= write || (some_new_q && !(use_new && new_q == (BEAT_BITS+1)'(1)));
        if (spend) first_turn_q <= last_turn_q;
      end
    end

    always_ff @(posedge clk_i) begin
      if (write) ring_mem[write_q] <= s_axis_tdata;
    end
  end
endmodule

`default_nettype wire
