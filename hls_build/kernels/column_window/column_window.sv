// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Gives the windows of a map, padded with zeros, from pixel to pixel: in each beat one column of a window, all its rows.
///
/// A pixel is FOLD beats of LANES_BITS bits. A window leaves as KERNEL_COLUMNS * FOLD beats, column by column and in a
/// column beat by beat of its pixels, each KERNEL_ROWS * LANES_BITS bits, the top row least significant.
///
/// A word of the memory holds the beats of a column that are KERNEL_ROWS rows of the map, one above the other. A beat
/// that is taken shifts its word by a row; beats of the rows below a map are shifted in without an input. The first
/// column of a row of windows is given as soon as its window is there, and so on after each pixel that is taken. So a
/// frame takes (HEIGHT + BELOW) * WIDTH * FOLD cycles to shift and a cycle for each beat that it gives, neither waiting
/// for the other's. s_axis_tready depends on registers alone.
module column_window #(
  parameter int unsigned HEIGHT         = 1,  // rows of the map
  parameter int unsigned WIDTH          = 1,  // pixels of a row
  parameter int unsigned FOLD           = 1,  // beats of a pixel
  parameter int unsigned LANES_BITS     = 8,  // bits of a beat
  parameter int unsigned KERNEL_ROWS    = 1,  // of a window
  parameter int unsigned KERNEL_COLUMNS = 1,
  parameter int unsigned ABOVE          = 0,  // rows of zeros before the map
  parameter int unsigned BEFORE         = 0,  // zeros before a row
  parameter int unsigned BELOW          = 0,  // rows of zeros after the map
  parameter int unsigned BEHIND         = 0   // zeros after a row
) (
  input  wire logic                              clk_i,
  input  wire logic                              rst_ni,  // synchronous; resets valid and counters, never data
  input  wire logic [LANES_BITS-1:0]             s_axis_tdata,
  input  wire logic                              s_axis_tvalid,
  output      logic                              s_axis_tready,
  output      logic [KERNEL_ROWS*LANES_BITS-1:0] m_axis_tdata,
  output      logic                              m_axis_tvalid,
  input  wire logic                              m_axis_tready
);
  if (FOLD == 0 || LANES_BITS == 0) begin : gen_check_beats
    $error("need FOLD >= 1 and LANES_BITS >= 1");
  end
  if (ABOVE >= KERNEL_ROWS || BELOW >= KERNEL_ROWS || BEFORE >= KERNEL_COLUMNS || BEHIND >= KERNEL_COLUMNS) begin : gen_check_pads
    $error("need fewer zeros than a window has rows or columns");
  end
  if (HEIGHT == 0 || HEIGHT + ABOVE + BELOW < KERNEL_ROWS || WIDTH == 0 || WIDTH + BEFORE + BEHIND < KERNEL_COLUMNS) begin : gen_check_map
    $error("need a window in the padded map");
  end

  localparam int unsigned ROW     = WIDTH * FOLD;           // beats of a row of the map
  localparam int unsigned TURNS   = HEIGHT + BELOW;         // rows that are shifted in
  localparam int unsigned AHEAD   = KERNEL_ROWS - 1 - ABOVE;  // of those, before the first row of windows
  localparam int unsigned WINDOWS = WIDTH + BEFORE + BEHIND - KERNEL_COLUMNS + 1;  // of a row
  localparam int unsigned SLICE   = KERNEL_COLUMNS * FOLD;  // beats of a window
  // Beats of a row that are shifted before its first window is given.
  localparam int unsigned FIRST   = ((KERNEL_COLUMNS - BEFORE < WIDTH) ? KERNEL_COLUMNS - BEFORE : WIDTH) * FOLD;

  localparam int unsigned TURN_BITS    = (TURNS > 1) ? $clog2(TURNS) : 1;
  localparam int unsigned SHIFT_BITS   = $clog2(ROW + 1);
  localparam int unsigned READ_BITS    = $clog2(ROW + (BEFORE + BEHIND) * FOLD + 1) + 1;
  localparam int unsigned WINDOW_BITS  = (WINDOWS > 1) ? $clog2(WINDOWS) : 1;
  localparam int unsigned BEAT_BITS    = (SLICE > 1) ? $clog2(SLICE) : 1;
  localparam int unsigned PART_BITS    = (FOLD > 1) ? $clog2(FOLD) : 1;
  localparam int unsigned ADDRESS_BITS = (ROW > 1) ? $clog2(ROW) : 1;

  localparam logic signed [READ_BITS-1:0] LEFT = -READ_BITS'(BEFORE * FOLD);  // where a row of windows begins
  // From a window's last beat to the next one's first.
  localparam logic signed [READ_BITS-1:0] BACK = READ_BITS'(1) - READ_BITS'(SLICE - FOLD);

  logic                        giving_q;          // a window, or else taking beats
  logic [TURN_BITS-1:0]        turn_q;            // row that is shifted in
  logic [SHIFT_BITS-1:0]       shift_q;           // beats of it that are
  logic [PART_BITS-1:0]        part_q;            // of the pixel that is shifted in
  logic signed [READ_BITS-1:0] read_q;            // beat of a row that is given, below 0 and from ROW on a zero
  logic [BEAT_BITS-1:0]        beat_q;            // of the window
  logic [WINDOW_BITS-1:0]      window_q;          // of the row
  logic [KERNEL_ROWS-1:0]      inside_d, inside_q; // rows of the window that are rows of the map
  logic                        valid_q;
  logic                        shift, give, gives, pixel_ends, row_shifted, window_ends, row_ends, last_turn, column_inside;

  assign s_axis_tready = !giving_q && inside_q[KERNEL_ROWS-1];
  assign shift         = !giving_q && (!inside_q[KERNEL_ROWS-1] || s_axis_tvalid);
  assign give          = giving_q && (!valid_q || m_axis_tready);
  assign pixel_ends    = part_q == PART_BITS'(FOLD - 1);
  assign row_shifted   = shift_q == SHIFT_BITS'(ROW);
  assign window_ends   = give && beat_q == BEAT_BITS'(SLICE - 1);
  assign last_turn     = turn_q == TURN_BITS'(TURNS - 1);
  assign column_inside = !read_q[READ_BITS-1] && read_q < READ_BITS'(ROW);

  // A row ends with its last window, or with its last beat where it has no windows.
  assign row_ends = gives ? window_ends && window_q == WINDOW_BITS'(WINDOWS - 1)
                          : shift && shift_q == SHIFT_BITS'(ROW - 1);

  if (AHEAD == 0) begin : gen_windows_at_once
    assign gives = 1'b1;
  end else begin : gen_rows_ahead
    assign gives = turn_q >= TURN_BITS'(AHEAD);
  end

  always_comb begin
    inside_d = KERNEL_ROWS'({1'b0, inside_q} >> 1);
    inside_d[KERNEL_ROWS-1] = inside_q[KERNEL_ROWS-1] && turn_q != TURN_BITS'(HEIGHT - 1);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      turn_q   <= '0;
      inside_q <= KERNEL_ROWS'(1) << (KERNEL_ROWS - 1);
    end else if (row_ends) begin
      turn_q   <= last_turn ? '0 : turn_q + 1'b1;
      inside_q <= last_turn ? KERNEL_ROWS'(1) << (KERNEL_ROWS - 1) : inside_d;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || row_ends) begin
      giving_q <= 1'b0;
      shift_q  <= '0;
      part_q   <= '0;
      read_q   <= LEFT;
      beat_q   <= '0;
      window_q <= '0;
    end else begin
      if (shift) begin
        shift_q  <= shift_q + 1'b1;
        part_q   <= pixel_ends ? '0 : part_q + 1'b1;
        giving_q <= gives && pixel_ends && shift_q + 1'b1 >= SHIFT_BITS'(FIRST);
      end
      if (give) begin
        read_q <= window_ends ? read_q + BACK : read_q + 1'b1;
        beat_q <= window_ends ? '0 : beat_q + 1'b1;
      end
      if (window_ends) begin
        giving_q <= row_shifted;
        window_q <= window_q + 1'b1;
      end
    end
  end

  // The memory, and the output's register behind it.
  (* ram_style = "distributed" *)
  logic [KERNEL_ROWS*LANES_BITS-1:0] rows_mem [ROW];
  logic [KERNEL_ROWS*LANES_BITS-1:0] column, shifted, data_q;
  logic [ADDRESS_BITS-1:0]           address;

  assign address = giving_q ? read_q[ADDRESS_BITS-1:0] : shift_q[ADDRESS_BITS-1:0];
  assign column  = rows_mem[address];

  if (KERNEL_ROWS > 1) begin : gen_shift
    assign shifted = {s_axis_tdata, column[KERNEL_ROWS*LANES_BITS-1:LANES_BITS]};
  end else begin : gen_one_row
    assign shifted = s_axis_tdata;
  end

  always_ff @(posedge clk_i) begin
    if (shift) rows_mem[address] <= shifted;
  end

  for (genvar k = 0; k < KERNEL_ROWS; k++) begin : gen_row
    always_ff @(posedge clk_i) begin
      if (give) begin
        data_q[k*LANES_BITS +: LANES_BITS] <=
            (column_inside && inside_q[k]) ? column[k*LANES_BITS +: LANES_BITS] : '0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (!valid_q || m_axis_tready) valid_q <= giving_q;
  end

  assign m_axis_tdata  = data_q;
  assign m_axis_tvalid = valid_q;
endmodule

`default_nettype wire
