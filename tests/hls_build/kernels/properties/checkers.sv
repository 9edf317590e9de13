// SPDX-License-Identifier: Apache-2.0

// What the properties of all kernels are made of: inputs that keep to the rules of AXI streams by how they are made, so
// that nothing is assumed, and watchers of outputs. Each watcher's output is high in a cycle that breaks its rule.

`default_nettype none

/// Reset in the first cycle, and in any later one that the prover likes.
module any_reset (
  input  wire logic clk_i,
  input  wire logic again_i,
  output      logic first_o,  // the first cycle
  output      logic rst_no
);
  logic started_q = 1'b0;

  assign first_o = !started_q;
  assign rst_no  = started_q && !again_i;

  always_ff @(posedge clk_i) started_q <= 1'b1;
endmodule

/// A number below COUNT that the prover chooses once: what is proved of it is proved of every number.
module any_index #(
  parameter int unsigned COUNT = 2,
  localparam int unsigned BITS = (COUNT > 1) ? $clog2(COUNT) : 1
) (
  input  wire logic            clk_i,
  input  wire logic            first_i,
  input  wire logic [BITS-1:0] any_i,
  output      logic [BITS-1:0] index_o
);
  logic [BITS-1:0] index_q;

  assign index_o = first_i ? '0 : index_q;

  always_ff @(posedge clk_i) begin
    if (first_i) index_q <= (32'(any_i) < COUNT) ? any_i : '0;
  end
endmodule

/// A source that offers any beat in any cycle, and holds it until it is taken.
module any_source #(
  parameter int unsigned WIDTH = 1
) (
  input  wire logic             clk_i,
  input  wire logic             rst_ni,
  input  wire logic             offer_i,
  input  wire logic [WIDTH-1:0] any_i,
  output      logic [WIDTH-1:0] tdata_o,
  output      logic             tvalid_o,
  input  wire logic             tready_i,
  output      logic             taken_o,   // a beat is taken in this cycle
  output      logic             waited_o   // the beat was offered before
);
  logic             held_q;
  logic [WIDTH-1:0] tdata_q;

  assign tvalid_o = offer_i || held_q;
  assign tdata_o  = held_q ? tdata_q : any_i;
  assign taken_o  = rst_ni && tvalid_o && tready_i;
  assign waited_o = held_q;

  always_ff @(posedge clk_i) begin
    held_q  <= rst_ni && tvalid_o && !tready_i;
    tdata_q <= tdata_o;
  end
endmodule

/// A beat that is offered and not taken is offered again, unchanged.
module stability #(
  parameter int unsigned WIDTH = 1
) (
  input  wire logic             clk_i,
  input  wire logic             rst_ni,
  input  wire logic [WIDTH-1:0] tdata_i,
  input  wire logic             tvalid_i,
  input  wire logic             tready_i,
  output      logic             unstable_o
);
  logic             held_q;
  logic [WIDTH-1:0] tdata_q;

  assign unstable_o = rst_ni && held_q && (!tvalid_i || tdata_i != tdata_q);

  always_ff @(posedge clk_i) begin
    held_q  <= rst_ni && tvalid_i && !tready_i;
    tdata_q <= tdata_i;
  end
endmodule

/// What must come out, oldest first: DEPTH beats at most, of which those that are `known` have a value.
///
/// What is offered must wait here and be equal. `level_o` counts those that wait.
module expected #(
  parameter int unsigned WIDTH = 1,
  parameter int unsigned DEPTH = 2,
  localparam int unsigned LEVEL_BITS = $clog2(DEPTH + 1)
) (
  input  wire logic                  clk_i,
  input  wire logic                  rst_ni,
  input  wire logic                  push_i,
  input  wire logic                  known_i,
  input  wire logic [WIDTH-1:0]      value_i,
  input  wire logic [WIDTH-1:0]      found_i,    // that is offered
  input  wire logic                  offered_i,
  input  wire logic                  ready_i,
  output      logic [LEVEL_BITS-1:0] level_o,
  output      logic                  wrong_o,    // is offered, but should not, or not so
  output      logic                  overflow_o  // more waits than can be inside
);
  logic [DEPTH-1:0]            known_q;
  logic [DEPTH-1:0][WIDTH-1:0] value_q;
  logic [LEVEL_BITS-1:0]       level_q;
  logic                        pop;

  assign pop        = offered_i && ready_i;
  assign level_o    = level_q;
  assign wrong_o    = rst_ni && offered_i && (level_q == '0 || (known_q[0] && value_q[0] != found_i));
  assign overflow_o = rst_ni && push_i && !pop && level_q == LEVEL_BITS'(DEPTH);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) level_q <= '0;
    else level_q <= level_q + LEVEL_BITS'(push_i) - LEVEL_BITS'(pop && level_q != '0);
    for (int i = 0; i < DEPTH; i++) begin
      if (push_i && i == int'(level_q) - int'(pop)) begin
        known_q[i] <= known_i;
        value_q[i] <= value_i;
      end else if (pop && i + 1 < DEPTH) begin
        known_q[i] <= known_q[i+1];
        value_q[i] <= value_q[i+1];
      end
    end
  end
endmodule

/// Something lasts for no more than CYCLES cycles on end.
module patience #(
  parameter int unsigned CYCLES = 1
) (
  input  wire logic clk_i,
  input  wire logic rst_ni,
  input  wire logic waits_i,
  output      logic stuck_o
);
  localparam int unsigned BITS = $clog2(CYCLES + 1);
  logic [BITS-1:0] waited_q;

  assign stuck_o = rst_ni && waits_i && waited_q == BITS'(CYCLES);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || !waits_i) waited_q <= '0;
    else if (waited_q != BITS'(CYCLES)) waited_q <= waited_q + 1'b1;
  end
endmodule

/// Every beat that is taken leaves once at each copy, in order and unchanged, and no copy runs more than two beats behind.
module copies #(
  parameter int unsigned WIDTH  = 1,
  parameter int unsigned COPIES = 1,
  localparam int unsigned INDEX = (WIDTH > 1) ? $clog2(WIDTH) : 1
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,
  input  wire logic [INDEX-1:0]        bit_i,        // of a beat, that is looked at
  input  wire logic [WIDTH-1:0]        s_tdata_i,
  input  wire logic                    s_tready_i,
  input  wire logic                    taken_i,
  input  wire logic [COPIES*WIDTH-1:0] m_tdata_i,
  input  wire logic [COPIES-1:0]       m_tvalid_i,
  input  wire logic [COPIES-1:0]       m_tready_i,
  output      logic                    unstable_o,
  output      logic                    wrong_o,
  output      logic                    overflow_o,
  output      logic                    stuck_out_o,  // what waits is not offered
  output      logic                    stuck_in_o    // nothing is taken, though no copy is two beats behind
);
  logic [COPIES-1:0] unstable, wrong, overflow, late, full;

  for (genvar i = 0; i < COPIES; i++) begin : gen_copy
    logic [WIDTH-1:0] tdata;
    logic [1:0]       level;

    assign tdata = m_tdata_i[i*WIDTH +: WIDTH];

    stability #(.WIDTH(1)) stable (
      .clk_i, .rst_ni, .tdata_i(tdata[bit_i]), .tvalid_i(m_tvalid_i[i]), .tready_i(m_tready_i[i]),
      .unstable_o(unstable[i])
    );
    expected #(.WIDTH(1), .DEPTH(2)) order (
      .clk_i, .rst_ni, .push_i(taken_i), .known_i(1'b1), .value_i(s_tdata_i[bit_i]), .found_i(tdata[bit_i]),
      .offered_i(m_tvalid_i[i]), .ready_i(m_tready_i[i]), .level_o(level), .wrong_o(wrong[i]), .overflow_o(overflow[i])
    );
    assign full[i] = level == 2'd2;
    assign late[i] = level != 2'd0 && !m_tvalid_i[i];
  end

  assign unstable_o  = |unstable;
  assign wrong_o     = |wrong;
  assign overflow_o  = |overflow;
  assign stuck_out_o = rst_ni && |late;
  assign stuck_in_o  = rst_ni && !s_tready_i && full == '0;
endmodule

`default_nettype wire
