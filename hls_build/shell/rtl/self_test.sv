// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Plays a stored frame and computes the CRC-32 of the frame that answers it.
///
/// After start_i the frame's beats leave one by one; the answer's OUT_FRAME_BEATS beats are taken one bit per cycle. The
/// CRC is that of Ethernet and zlib over the answer's bytes as memory would hold them, with the bits beyond OUT_BITS of
/// each beat as zeros. FRAME_FILE holds IN_FRAME_BEATS lines of STORED_BYTES in hexadecimal; a beat is that, repeated:
/// one byte stored for three equal ones makes a grey frame of 48x48 pixels one RAMB18E1.
module self_test #(
  parameter int unsigned IN_BEAT_BYTES   = 3,
  parameter int unsigned IN_FRAME_BEATS  = 4,
  parameter int unsigned STORED_BYTES    = 1,  // per beat, divides IN_BEAT_BYTES
  parameter int unsigned OUT_BEAT_BYTES  = 3,
  parameter int unsigned OUT_BITS        = 8 * OUT_BEAT_BYTES,  // of a beat, that count
  parameter int unsigned OUT_FRAME_BEATS = 4,
  parameter string       FRAME_FILE      = "self_test.mem",
  parameter int unsigned EXPECTED        = 0  // CRC of the right answer
) (
  input  wire logic                        clk_i,
  input  wire logic                        rst_ni,   // synchronous; ends a test
  input  wire logic                        start_i,  // one cycle, while not running
  output      logic                        running_o,
  output      logic                        ended_o,  // one cycle
  output      logic                        done_o,   // since the last start
  output      logic                        passed_o,
  output      logic [31:0]                 crc_o,
  output      logic [31:0]                 cycles_o, // from start to end
  output      logic [8*IN_BEAT_BYTES-1:0]  m_axis_tdata,
  output      logic                        m_axis_tlast,
  output      logic                        m_axis_tvalid,
  input  wire logic                        m_axis_tready,
  input  wire logic [8*OUT_BEAT_BYTES-1:0] s_axis_tdata,
  input  wire logic                        s_axis_tvalid,
  output      logic                        s_axis_tready
);
  if (STORED_BYTES == 0 || IN_BEAT_BYTES % STORED_BYTES != 0) begin : gen_check_stored
    $error("need STORED_BYTES to divide IN_BEAT_BYTES");
  end
  if (OUT_BITS == 0 || OUT_BITS > 8 * OUT_BEAT_BYTES) begin : gen_check_bits
    $error("need 1 <= OUT_BITS <= 8 * OUT_BEAT_BYTES");
  end

  localparam int unsigned INDEX_BITS     = (IN_FRAME_BEATS > 1) ? $clog2(IN_FRAME_BEATS) : 1;
  localparam int unsigned OUT_COUNT_BITS = $clog2(OUT_FRAME_BEATS + 1);
  localparam int unsigned BEAT_BITS      = 8 * OUT_BEAT_BYTES;
  localparam int unsigned LEFT_BITS      = $clog2(BEAT_BITS + 1);
  localparam logic [31:0] POLYNOMIAL     = 32'hEDB88320;  // least significant bit first

  // The frame.
  (* rom_style = "block" *)
  logic [8*STORED_BYTES-1:0] frame_mem [IN_FRAME_BEATS];
  logic [8*STORED_BYTES-1:0] stored_q;
  logic [INDEX_BITS-1:0]     next_q;  // beat to read
  logic                      running_q, played_q, valid_q, last_q, advance, reads, at_last;

  initial $readmemh(FRAME_FILE, frame_mem);

  assign advance       = !valid_q || m_axis_tready;
  assign at_last       = next_q == INDEX_BITS'(IN_FRAME_BEATS - 1);
  assign reads         = running_q && advance && !played_q;
  assign m_axis_tvalid = valid_q;
  assign m_axis_tlast  = last_q;
  assign m_axis_tdata  = {(IN_BEAT_BYTES / STORED_BYTES){stored_q}};

  always_ff @(posedge clk_i) begin
    if (reads) stored_q <= frame_mem[next_q];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || start_i) begin
      valid_q  <= 1'b0;
      last_q   <= 1'b0;
      played_q <= 1'b0;
      next_q   <= '0;
    end else if (advance) begin
      valid_q <= reads;
      last_q  <= at_last;
      if (reads) begin
        next_q   <= at_last ? '0 : next_q + 1'b1;
        played_q <= at_last;
      end
    end
  end

  // The answer's CRC.
  logic [BEAT_BITS-1:0]      beat_q;
  logic [LEFT_BITS-1:0]      left_q;   // bits of beat_q
  logic [OUT_COUNT_BITS-1:0] to_go_q;  // beats to take
  logic [31:0]               crc_q, cycles_q;
  logic                      takes, done_q, ended;

  assign s_axis_tready = running_q && left_q == '0 && to_go_q != '0;
  assign takes         = s_axis_tvalid && s_axis_tready;
  assign ended         = running_q && left_q == '0 && to_go_q == '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      running_q <= 1'b0;
      done_q    <= 1'b0;
      left_q    <= '0;
    end else begin
      if (start_i) running_q <= 1'b1;
      else if (ended) running_q <= 1'b0;
      done_q <= (done_q || ended) && !start_i;
      if (takes) left_q <= LEFT_BITS'(BEAT_BITS);
      else if (left_q != '0) left_q <= left_q - 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      to_go_q  <= OUT_COUNT_BITS'(OUT_FRAME_BEATS);
      crc_q    <= '1;
      cycles_q <= '0;
    end else begin
      if (takes) to_go_q <= to_go_q - 1'b1;
      if (left_q != '0) crc_q <= (crc_q >> 1) ^ ((crc_q[0] ^ beat_q[0]) ? POLYNOMIAL : '0);
      if (running_q) cycles_q <= cycles_q + 1'b1;
    end
    if (takes) beat_q <= BEAT_BITS'(s_axis_tdata[OUT_BITS-1:0]);
    else beat_q <= beat_q >> 1;
  end

  assign running_o = running_q;
  assign ended_o   = ended;
  assign done_o    = done_q;
  assign crc_o     = ~crc_q;
  assign passed_o  = done_q && crc_o == 32'(EXPECTED);
  assign cycles_o  = cycles_q;

  logic unused;
  assign unused = &{1'b0, s_axis_tdata};
endmodule

`default_nettype wire
