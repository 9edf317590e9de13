// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Counts frames at both ends of the accelerator and notices a beat that was lost or came twice.
///
/// Frames that went in wholly are owed until they came out: outputs depend on whole frames, so their beats may come only
/// while one is owed. The first fault is kept, with its frame and the beat of that at which it was noticed:
///
///   1  INPUT_SHORT     a frame's last beat is marked too early: a beat was lost on the way in
///   2  INPUT_LONG      its last beat is not marked: a beat came twice on the way in
///   3  OUTPUT_EXTRA    a beat is offered that no frame owes
///   4  OUTPUT_MISSING  a frame is owed, and for QUIET_CYCLES nothing has moved while both ends could
///
/// 1 and 2 are noticed at the frame's end; 3 and 4 in their frame where frames go in one at a time (fence_i), else at
/// the latest when the accelerator has run empty.
module frame_check #(
  parameter int unsigned IN_FRAME_BEATS  = 4,
  parameter int unsigned OUT_FRAME_BEATS = 4,
  parameter int unsigned QUIET_CYCLES    = 1 << 20,  // more than the accelerator ever pauses
  parameter int unsigned CHECK           = 1         // 0: only counts frames
) (
  input  wire logic        clk_i,
  input  wire logic        rst_ni,    // synchronous; forgets all
  input  wire logic        fence_i,   // a frame waits until the one before has come out
  input  wire logic        moves_i,   // a beat moves anywhere inside
  input  wire logic        in_valid_i,
  input  wire logic        in_ready_i,
  input  wire logic        in_last_i,
  input  wire logic        out_valid_i,
  input  wire logic        out_ready_i,
  output      logic        open_o,    // the input may go on: 0 only between frames
  output      logic [31:0] frames_in_o,
  output      logic [31:0] frames_out_o,
  output      logic [31:0] quiet_o,   // cycles since anything moved, up to QUIET_CYCLES
  output      logic        owed_o,    // a frame is on its way
  output      logic        noticed_o, // one cycle
  output      logic [2:0]  fault_o,   // 0: none
  output      logic [31:0] fault_frame_o,
  output      logic [31:0] fault_beat_o
);
  if (IN_FRAME_BEATS == 0 || OUT_FRAME_BEATS == 0) begin : gen_check_beats
    $error("need IN_FRAME_BEATS >= 1 and OUT_FRAME_BEATS >= 1");
  end
  if (CHECK > 1) begin : gen_check_check
    $error("need CHECK to be 0 or 1");
  end

  localparam int unsigned IN_BITS    = (IN_FRAME_BEATS > 1) ? $clog2(IN_FRAME_BEATS) : 1;
  localparam int unsigned OUT_BITS   = (OUT_FRAME_BEATS > 1) ? $clog2(OUT_FRAME_BEATS) : 1;
  localparam int unsigned QUIET_BITS = $clog2(QUIET_CYCLES + 1);

  logic [IN_BITS-1:0]    in_q;
  logic [OUT_BITS-1:0]   out_q;
  logic [31:0]           frames_in_q, frames_out_q;
  logic [QUIET_BITS-1:0] quiet_q;
  logic                  in_moves, out_moves, in_last, out_last, quiet;

  assign in_moves  = in_valid_i && in_ready_i;
  assign out_moves = out_valid_i && out_ready_i;
  assign in_last   = in_q == IN_BITS'(IN_FRAME_BEATS - 1);
  assign out_last  = out_q == OUT_BITS'(OUT_FRAME_BEATS - 1);
  assign quiet     = quiet_q == QUIET_BITS'(QUIET_CYCLES);
  assign owed_o    = frames_in_q != frames_out_q;
  assign open_o    = !(fence_i && in_q == '0 && owed_o);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      in_q         <= '0;
      out_q        <= '0;
      frames_in_q  <= '0;
      frames_out_q <= '0;
      quiet_q      <= '0;
    end else begin
      if (in_moves) begin
        in_q <= (in_last || in_last_i) ? '0 : in_q + 1'b1;
        if (in_last || in_last_i) frames_in_q <= frames_in_q + 1'b1;
      end
      if (out_moves) begin
        out_q <= out_last ? '0 : out_q + 1'b1;
        if (out_last) frames_out_q <= frames_out_q + 1'b1;
      end
      if (moves_i || in_moves || out_moves) quiet_q <= '0;
      else if (!quiet) quiet_q <= quiet_q + 1'b1;
    end
  end

  assign frames_in_o  = frames_in_q;
  assign frames_out_o = frames_out_q;
  assign quiet_o      = 32'(quiet_q);

  if (CHECK != 0) begin : gen_check_frames
    localparam logic [2:0] NONE = 0, INPUT_SHORT = 1, INPUT_LONG = 2, OUTPUT_EXTRA = 3, OUTPUT_MISSING = 4;
    logic [2:0]  fault, fault_q;
    logic [31:0] frame_q, beat_q;

    always_comb begin
      fault = NONE;
      if (in_moves && in_last_i && !in_last) fault = INPUT_SHORT;
      else if (in_moves && in_last && !in_last_i) fault = INPUT_LONG;
      else if (out_valid_i && !owed_o) fault = OUTPUT_EXTRA;
      else if (quiet && owed_o && !out_valid_i && in_q == '0 && !(in_valid_i && !in_ready_i)) fault = OUTPUT_MISSING;
    end

    assign noticed_o = fault != NONE && fault_q == NONE;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        fault_q <= NONE;
      end else if (noticed_o) begin
        fault_q <= fault;
      end
    end

    always_ff @(posedge clk_i) begin
      if (noticed_o) begin
        unique case (fault)
          OUTPUT_EXTRA: begin
            frame_q <= frames_out_q - 1'b1;
            beat_q  <= 32'(OUT_FRAME_BEATS);
          end
          OUTPUT_MISSING: begin
            frame_q <= frames_out_q;
            beat_q  <= 32'(out_q);
          end
          default: begin
            frame_q <= frames_in_q;
            beat_q  <= 32'(in_q);
          end
        endcase
      end
    end

    assign fault_o       = fault_q;
    assign fault_frame_o = frame_q;
    assign fault_beat_o  = beat_q;
  end else begin : gen_count_frames
    assign noticed_o     = 1'b0;
    assign fault_o       = '0;
    assign fault_frame_o = '0;
    assign fault_beat_o  = '0;
  end
endmodule

`default_nettype wire
