// SPDX-License-Identifier: Apache-2.0

`default_nettype none

// Models of the 7-series block RAMs (AMD UG473) as far as Yosys makes them of memories: ports without output registers,
// reset to zero, no cascade and no ECC. Another configuration is refused at elaboration.

/// Memory of 2**ADDR_BITS bits and a parity bit a byte, with one port that reads and one that writes, or two of each.
///
/// A port takes 1, 2, 4, 8, 16, 32 or 64 bits, the least significant at the address, and bytes' parities from 8 bits
/// on. It reads what was there before its own write in mode READ_FIRST, what is written in WRITE_FIRST, and keeps what
/// it read in NO_CHANGE. The other port's write in the same cycle is never seen.
module block_ram #(
  parameter int unsigned ADDR_BITS = 14,
  parameter int unsigned READ_BITS [2] = '{0, 0},   // of a read by each port, without parity; 0: none
  parameter int unsigned WRITE_BITS [2] = '{0, 0},
  parameter logic [1:0] READ_FIRST = '0,
  parameter logic [1:0] NO_CHANGE = '0,
  parameter logic [2**ADDR_BITS-1:0] CONTENT = '0,
  parameter logic [2**ADDR_BITS/8-1:0] PARITIES = '0
) (
  input  wire logic [1:0]                clk_i,
  input  wire logic [1:0]                enable_i,
  input  wire logic [1:0]                rst_i,
  input  wire logic [1:0][ADDR_BITS-1:0] addr_i,
  input  wire logic [1:0][7:0]           write_i,   // bytes to write
  input  wire logic [1:0][63:0]          data_i,
  input  wire logic [1:0][7:0]           parity_i,
  output      logic [1:0][63:0]          data_o,
  output      logic [1:0][7:0]           parity_o
);
  localparam int unsigned BYTES = 2**ADDR_BITS / 8;

  logic [8:0] mem [BYTES];  // parity and byte

  initial for (int i = 0; i < BYTES; i++) mem[i] = {PARITIES[i], CONTENT[8*i +: 8]};

  for (genvar p = 0; p < 2; p++) begin : gen_port
    logic [63:0]          data;
    logic [7:0]           parity;
    logic [ADDR_BITS-4:0] first_byte;
    logic [2:0]           first_bit;
    logic                 writes;
    logic [63:0]          data_q;
    logic [7:0]           parity_q;

    if (WRITE_BITS[p] != 0 && READ_BITS[p] != 0 && WRITE_BITS[p] != READ_BITS[p] && !READ_FIRST[p] && !NO_CHANGE[p])
    begin : gen_check_widths
      $error("need one width where a port reads what it writes");
    end

    initial {parity_q, data_q} = '0;

    assign data_o[p]   = data_q;
    assign parity_o[p] = parity_q;
    assign {first_byte, first_bit} = addr_i[p];
    assign writes                  = WRITE_BITS[p] != 0 && write_i[p] != '0;

    if (READ_BITS[p] >= 8) begin : gen_read_bytes
      localparam int unsigned WIDE = READ_BITS[p] / 8;

      always_comb begin
        data   = '0;
        parity = '0;
        for (int i = 0; i < WIDE; i++) begin
          {parity[i], data[8*i +: 8]} = mem[(first_byte & ~(ADDR_BITS-3)'(WIDE - 1)) + (ADDR_BITS-3)'(i)];
          if (!READ_FIRST[p] && WRITE_BITS[p] == READ_BITS[p] && write_i[p][i])
            {parity[i], data[8*i +: 8]} = {parity_i[p][i], data_i[p][8*i +: 8]};
        end
      end
    end else if (READ_BITS[p] != 0) begin : gen_read_bits
      always_comb begin
        parity = '0;
        data   = 64'(mem[first_byte][{1'b0, first_bit & ~3'(READ_BITS[p] - 1)} +: READ_BITS[p]]);
        if (!READ_FIRST[p] && WRITE_BITS[p] == READ_BITS[p] && write_i[p][0])
          data = 64'(data_i[p][READ_BITS[p]-1:0]);
      end
    end else begin : gen_read_nothing
      assign {data, parity} = '0;
    end

    always_ff @(posedge clk_i[p]) begin
      if (enable_i[p]) begin
        if (rst_i[p]) {parity_q, data_q} <= '0;
        else if (!(NO_CHANGE[p] && writes)) {parity_q, data_q} <= {parity, data};
      end
    end

    if (WRITE_BITS[p] >= 8) begin : gen_write_bytes
      localparam int unsigned WIDE = WRITE_BITS[p] / 8;

      always_ff @(posedge clk_i[p]) begin
        for (int i = 0; i < WIDE; i++) begin
          if (enable_i[p] && write_i[p][i])
            mem[(first_byte & ~(ADDR_BITS-3)'(WIDE - 1)) + (ADDR_BITS-3)'(i)] <= {parity_i[p][i], data_i[p][8*i +: 8]};
        end
      end
    end else if (WRITE_BITS[p] != 0) begin : gen_write_bits
      always_ff @(posedge clk_i[p]) begin
        if (enable_i[p] && write_i[p][0])
          mem[first_byte][{1'b0, first_bit & ~3'(WRITE_BITS[p] - 1)} +: WRITE_BITS[p]] <=
              data_i[p][WRITE_BITS[p]-1:0];
      end
    end
  end
endmodule

/// Block RAM of 16 Kibit and its parities, as UG953 has its parameters and ports.
module RAMB18E1 #(
  parameter logic [255:0] INIT_00 = '0, INIT_01 = '0, INIT_02 = '0, INIT_03 = '0,
  parameter logic [255:0] INIT_04 = '0, INIT_05 = '0, INIT_06 = '0, INIT_07 = '0,
  parameter logic [255:0] INIT_08 = '0, INIT_09 = '0, INIT_0A = '0, INIT_0B = '0,
  parameter logic [255:0] INIT_0C = '0, INIT_0D = '0, INIT_0E = '0, INIT_0F = '0,
  parameter logic [255:0] INIT_10 = '0, INIT_11 = '0, INIT_12 = '0, INIT_13 = '0,
  parameter logic [255:0] INIT_14 = '0, INIT_15 = '0, INIT_16 = '0, INIT_17 = '0,
  parameter logic [255:0] INIT_18 = '0, INIT_19 = '0, INIT_1A = '0, INIT_1B = '0,
  parameter logic [255:0] INIT_1C = '0, INIT_1D = '0, INIT_1E = '0, INIT_1F = '0,
  parameter logic [255:0] INIT_20 = '0, INIT_21 = '0, INIT_22 = '0, INIT_23 = '0,
  parameter logic [255:0] INIT_24 = '0, INIT_25 = '0, INIT_26 = '0, INIT_27 = '0,
  parameter logic [255:0] INIT_28 = '0, INIT_29 = '0, INIT_2A = '0, INIT_2B = '0,
  parameter logic [255:0] INIT_2C = '0, INIT_2D = '0, INIT_2E = '0, INIT_2F = '0,
  parameter logic [255:0] INIT_30 = '0, INIT_31 = '0, INIT_32 = '0, INIT_33 = '0,
  parameter logic [255:0] INIT_34 = '0, INIT_35 = '0, INIT_36 = '0, INIT_37 = '0,
  parameter logic [255:0] INIT_38 = '0, INIT_39 = '0, INIT_3A = '0, INIT_3B = '0,
  parameter logic [255:0] INIT_3C = '0, INIT_3D = '0, INIT_3E = '0, INIT_3F = '0,
  parameter logic [255:0] INITP_00 = '0, INITP_01 = '0, INITP_02 = '0, INITP_03 = '0,
  parameter logic [255:0] INITP_04 = '0, INITP_05 = '0, INITP_06 = '0, INITP_07 = '0,
  parameter logic [17:0] INIT_A = '0, INIT_B = '0, SRVAL_A = '0, SRVAL_B = '0,
  parameter int DOA_REG = 0, DOB_REG = 0,
  parameter int READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0,
  parameter RAM_MODE = "TDP",
  parameter WRITE_MODE_A = "WRITE_FIRST",
  parameter WRITE_MODE_B = "WRITE_FIRST",
  parameter logic IS_CLKARDCLK_INVERTED = 1'b0, IS_CLKBWRCLK_INVERTED = 1'b0,
  parameter logic IS_ENARDEN_INVERTED = 1'b0, IS_ENBWREN_INVERTED = 1'b0,
  parameter logic IS_RSTRAMARSTRAM_INVERTED = 1'b0, IS_RSTRAMB_INVERTED = 1'b0,
  parameter logic IS_RSTREGARSTREG_INVERTED = 1'b0, IS_RSTREGB_INVERTED = 1'b0
) (
  input  wire logic        CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN,
  input  wire logic        REGCEAREGCE, REGCEB, RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
  input  wire logic [13:0] ADDRARDADDR, ADDRBWRADDR,
  input  wire logic [15:0] DIADI, DIBDI,
  input  wire logic [1:0]  DIPADIP, DIPBDIP,
  input  wire logic [1:0]  WEA,
  input  wire logic [3:0]  WEBWE,
  output      logic [15:0] DOADO, DOBDO,
  output      logic [1:0]  DOPADOP, DOPBDOP
);
  if (DOA_REG != 0 || DOB_REG != 0) begin : gen_check_registers
    $error("need DOA_REG and DOB_REG of 0");
  end
  if (RAM_MODE != "TDP" && RAM_MODE != "SDP") begin : gen_check_mode
    $error("need RAM_MODE TDP or SDP");
  end
  if (INIT_A != '0 || INIT_B != '0 || SRVAL_A != '0 || SRVAL_B != '0) begin : gen_check_values
    $error("need INIT_A, INIT_B, SRVAL_A and SRVAL_B of 0");
  end
  if (IS_CLKARDCLK_INVERTED || IS_CLKBWRCLK_INVERTED) begin : gen_check_clocks
    $error("need rising edges");
  end

  // In mode SDP port A reads and port B writes; the halves of a wide word come and go by the data pins of both.
  localparam logic SIMPLE = RAM_MODE == "SDP";

  function automatic int unsigned bits(input int width);  // without the parities
    bits = (width >= 9) ? 32'(width) / 9 * 8 : 32'(width);
  endfunction

  logic [1:0][63:0] in, out;
  logic [1:0][7:0]  in_parity, out_parity, write;

  assign in        = {(SIMPLE && bits(WRITE_WIDTH_B) > 16) ? 64'({DIBDI, DIADI}) : 64'(DIBDI), 64'(DIADI)};
  assign in_parity = {(SIMPLE && bits(WRITE_WIDTH_B) > 16) ? 8'({DIPBDIP, DIPADIP}) : 8'(DIPBDIP), 8'(DIPADIP)};
  assign write     = {8'(WEBWE), SIMPLE ? 8'(0) : 8'(WEA)};
  assign DOADO     = out[0][15:0];
  assign DOPADOP   = out_parity[0][1:0];
  assign DOBDO     = SIMPLE ? out[0][16 +: 16] : out[1][15:0];
  assign DOPBDOP   = SIMPLE ? out_parity[0][2 +: 2] : out_parity[1][1:0];

  block_ram #(
    .ADDR_BITS(14),
    .READ_BITS('{bits(READ_WIDTH_A), SIMPLE ? 0 : bits(READ_WIDTH_B)}),
    .WRITE_BITS('{SIMPLE ? 0 : bits(WRITE_WIDTH_A), bits(WRITE_WIDTH_B)}),
    .READ_FIRST({WRITE_MODE_B == "READ_FIRST", WRITE_MODE_A == "READ_FIRST"}),
    .NO_CHANGE({WRITE_MODE_B == "NO_CHANGE", WRITE_MODE_A == "NO_CHANGE"}),
    .CONTENT({
      INIT_3F, INIT_3E, INIT_3D, INIT_3C, INIT_3B, INIT_3A, INIT_39, INIT_38,
      INIT_37, INIT_36, INIT_35, INIT_34, INIT_33, INIT_32, INIT_31, INIT_30,
      INIT_2F, INIT_2E, INIT_2D, INIT_2C, INIT_2B, INIT_2A, INIT_29, INIT_28,
      INIT_27, INIT_26, INIT_25, INIT_24, INIT_23, INIT_22, INIT_21, INIT_20,
      INIT_1F, INIT_1E, INIT_1D, INIT_1C, INIT_1B, INIT_1A, INIT_19, INIT_18,
      INIT_17, INIT_16, INIT_15, INIT_14, INIT_13, INIT_12, INIT_11, INIT_10,
      INIT_0F, INIT_0E, INIT_0D, INIT_0C, INIT_0B, INIT_0A, INIT_09, INIT_08,
      INIT_07, INIT_06, INIT_05, INIT_04, INIT_03, INIT_02, INIT_01, INIT_00
    }),
    .PARITIES({
      INITP_07, INITP_06, INITP_05, INITP_04, INITP_03, INITP_02, INITP_01, INITP_00
    })
  ) ram (
    .clk_i({CLKBWRCLK, CLKARDCLK}),
    .enable_i({ENBWREN ^ IS_ENBWREN_INVERTED, ENARDEN ^ IS_ENARDEN_INVERTED}),
    .rst_i({RSTRAMB ^ IS_RSTRAMB_INVERTED, RSTRAMARSTRAM ^ IS_RSTRAMARSTRAM_INVERTED}),
    .addr_i({ADDRBWRADDR, ADDRARDADDR}),
    .write_i(write), .data_i(in), .parity_i(in_parity), .data_o(out), .parity_o(out_parity)
  );
endmodule

/// Block RAM of 32 Kibit and its parities, as UG953 has its parameters and ports.
module RAMB36E1 #(
  parameter logic [255:0] INIT_00 = '0, INIT_01 = '0, INIT_02 = '0, INIT_03 = '0,
  parameter logic [255:0] INIT_04 = '0, INIT_05 = '0, INIT_06 = '0, INIT_07 = '0,
  parameter logic [255:0] INIT_08 = '0, INIT_09 = '0, INIT_0A = '0, INIT_0B = '0,
  parameter logic [255:0] INIT_0C = '0, INIT_0D = '0, INIT_0E = '0, INIT_0F = '0,
  parameter logic [255:0] INIT_10 = '0, INIT_11 = '0, INIT_12 = '0, INIT_13 = '0,
  parameter logic [255:0] INIT_14 = '0, INIT_15 = '0, INIT_16 = '0, INIT_17 = '0,
  parameter logic [255:0] INIT_18 = '0, INIT_19 = '0, INIT_1A = '0, INIT_1B = '0,
  parameter logic [255:0] INIT_1C = '0, INIT_1D = '0, INIT_1E = '0, INIT_1F = '0,
  parameter logic [255:0] INIT_20 = '0, INIT_21 = '0, INIT_22 = '0, INIT_23 = '0,
  parameter logic [255:0] INIT_24 = '0, INIT_25 = '0, INIT_26 = '0, INIT_27 = '0,
  parameter logic [255:0] INIT_28 = '0, INIT_29 = '0, INIT_2A = '0, INIT_2B = '0,
  parameter logic [255:0] INIT_2C = '0, INIT_2D = '0, INIT_2E = '0, INIT_2F = '0,
  parameter logic [255:0] INIT_30 = '0, INIT_31 = '0, INIT_32 = '0, INIT_33 = '0,
  parameter logic [255:0] INIT_34 = '0, INIT_35 = '0, INIT_36 = '0, INIT_37 = '0,
  parameter logic [255:0] INIT_38 = '0, INIT_39 = '0, INIT_3A = '0, INIT_3B = '0,
  parameter logic [255:0] INIT_3C = '0, INIT_3D = '0, INIT_3E = '0, INIT_3F = '0,
  parameter logic [255:0] INIT_40 = '0, INIT_41 = '0, INIT_42 = '0, INIT_43 = '0,
  parameter logic [255:0] INIT_44 = '0, INIT_45 = '0, INIT_46 = '0, INIT_47 = '0,
  parameter logic [255:0] INIT_48 = '0, INIT_49 = '0, INIT_4A = '0, INIT_4B = '0,
  parameter logic [255:0] INIT_4C = '0, INIT_4D = '0, INIT_4E = '0, INIT_4F = '0,
  parameter logic [255:0] INIT_50 = '0, INIT_51 = '0, INIT_52 = '0, INIT_53 = '0,
  parameter logic [255:0] INIT_54 = '0, INIT_55 = '0, INIT_56 = '0, INIT_57 = '0,
  parameter logic [255:0] INIT_58 = '0, INIT_59 = '0, INIT_5A = '0, INIT_5B = '0,
  parameter logic [255:0] INIT_5C = '0, INIT_5D = '0, INIT_5E = '0, INIT_5F = '0,
  parameter logic [255:0] INIT_60 = '0, INIT_61 = '0, INIT_62 = '0, INIT_63 = '0,
  parameter logic [255:0] INIT_64 = '0, INIT_65 = '0, INIT_66 = '0, INIT_67 = '0,
  parameter logic [255:0] INIT_68 = '0, INIT_69 = '0, INIT_6A = '0, INIT_6B = '0,
  parameter logic [255:0] INIT_6C = '0, INIT_6D = '0, INIT_6E = '0, INIT_6F = '0,
  parameter logic [255:0] INIT_70 = '0, INIT_71 = '0, INIT_72 = '0, INIT_73 = '0,
  parameter logic [255:0] INIT_74 = '0, INIT_75 = '0, INIT_76 = '0, INIT_77 = '0,
  parameter logic [255:0] INIT_78 = '0, INIT_79 = '0, INIT_7A = '0, INIT_7B = '0,
  parameter logic [255:0] INIT_7C = '0, INIT_7D = '0, INIT_7E = '0, INIT_7F = '0,
  parameter logic [255:0] INITP_00 = '0, INITP_01 = '0, INITP_02 = '0, INITP_03 = '0,
  parameter logic [255:0] INITP_04 = '0, INITP_05 = '0, INITP_06 = '0, INITP_07 = '0,
  parameter logic [255:0] INITP_08 = '0, INITP_09 = '0, INITP_0A = '0, INITP_0B = '0,
  parameter logic [255:0] INITP_0C = '0, INITP_0D = '0, INITP_0E = '0, INITP_0F = '0,
  parameter logic [35:0] INIT_A = '0, INIT_B = '0, SRVAL_A = '0, SRVAL_B = '0,
  parameter int DOA_REG = 0, DOB_REG = 0,
  parameter int READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0,
  parameter RAM_MODE = "TDP",
  parameter RAM_EXTENSION_A = "NONE",
  parameter RAM_EXTENSION_B = "NONE",
  parameter EN_ECC_READ = "FALSE",
  parameter EN_ECC_WRITE = "FALSE",
  parameter WRITE_MODE_A = "WRITE_FIRST",
  parameter WRITE_MODE_B = "WRITE_FIRST",
  parameter logic IS_CLKARDCLK_INVERTED = 1'b0, IS_CLKBWRCLK_INVERTED = 1'b0,
  parameter logic IS_ENARDEN_INVERTED = 1'b0, IS_ENBWREN_INVERTED = 1'b0,
  parameter logic IS_RSTRAMARSTRAM_INVERTED = 1'b0, IS_RSTRAMB_INVERTED = 1'b0,
  parameter logic IS_RSTREGARSTREG_INVERTED = 1'b0, IS_RSTREGB_INVERTED = 1'b0
) (
  input  wire logic        CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN,
  input  wire logic        REGCEAREGCE, REGCEB, RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
  input  wire logic        CASCADEINA, CASCADEINB, INJECTDBITERR, INJECTSBITERR,
  input  wire logic [15:0] ADDRARDADDR, ADDRBWRADDR,
  input  wire logic [31:0] DIADI, DIBDI,
  input  wire logic [3:0]  DIPADIP, DIPBDIP,
  input  wire logic [3:0]  WEA,
  input  wire logic [7:0]  WEBWE,
  output      logic [31:0] DOADO, DOBDO,
  output      logic [3:0]  DOPADOP, DOPBDOP,
  output      logic        CASCADEOUTA, CASCADEOUTB, SBITERR, DBITERR,
  output      logic [7:0]  ECCPARITY,
  output      logic [8:0]  RDADDRECC
);
  if (DOA_REG != 0 || DOB_REG != 0) begin : gen_check_registers
    $error("need DOA_REG and DOB_REG of 0");
  end
  if (RAM_MODE != "TDP" && RAM_MODE != "SDP") begin : gen_check_mode
    $error("need RAM_MODE TDP or SDP");
  end
  if (INIT_A != '0 || INIT_B != '0 || SRVAL_A != '0 || SRVAL_B != '0) begin : gen_check_values
    $error("need INIT_A, INIT_B, SRVAL_A and SRVAL_B of 0");
  end
  if (IS_CLKARDCLK_INVERTED || IS_CLKBWRCLK_INVERTED) begin : gen_check_clocks
    $error("need rising edges");
  end
  if (RAM_EXTENSION_A != "NONE" || RAM_EXTENSION_B != "NONE" || EN_ECC_READ != "FALSE" || EN_ECC_WRITE != "FALSE")
  begin : gen_check_features
    $error("need neither cascade nor ECC");
  end

  // In mode SDP port A reads and port B writes; the halves of a wide word come and go by the data pins of both.
  localparam logic SIMPLE = RAM_MODE == "SDP";

  function automatic int unsigned bits(input int width);  // without the parities
    bits = (width >= 9) ? 32'(width) / 9 * 8 : 32'(width);
  endfunction

  logic [1:0][63:0] in, out;
  logic [1:0][7:0]  in_parity, out_parity, write;

  assign in        = {(SIMPLE && bits(WRITE_WIDTH_B) > 32) ? 64'({DIBDI, DIADI}) : 64'(DIBDI), 64'(DIADI)};
  assign in_parity = {(SIMPLE && bits(WRITE_WIDTH_B) > 32) ? 8'({DIPBDIP, DIPADIP}) : 8'(DIPBDIP), 8'(DIPADIP)};
  assign write     = {8'(WEBWE), SIMPLE ? 8'(0) : 8'(WEA)};
  assign DOADO     = out[0][31:0];
  assign DOPADOP   = out_parity[0][3:0];
  assign DOBDO     = SIMPLE ? out[0][32 +: 32] : out[1][31:0];
  assign DOPBDOP   = SIMPLE ? out_parity[0][4 +: 4] : out_parity[1][3:0];
  assign {CASCADEOUTA, CASCADEOUTB, SBITERR, DBITERR, ECCPARITY, RDADDRECC} = '0;

  block_ram #(
    .ADDR_BITS(15),
    .READ_BITS('{bits(READ_WIDTH_A), SIMPLE ? 0 : bits(READ_WIDTH_B)}),
    .WRITE_BITS('{SIMPLE ? 0 : bits(WRITE_WIDTH_A), bits(WRITE_WIDTH_B)}),
    .READ_FIRST({WRITE_MODE_B == "READ_FIRST", WRITE_MODE_A == "READ_FIRST"}),
    .NO_CHANGE({WRITE_MODE_B == "NO_CHANGE", WRITE_MODE_A == "NO_CHANGE"}),
    .CONTENT({
      INIT_7F, INIT_7E, INIT_7D, INIT_7C, INIT_7B, INIT_7A, INIT_79, INIT_78,
      INIT_77, INIT_76, INIT_75, INIT_74, INIT_73, INIT_72, INIT_71, INIT_70,
      INIT_6F, INIT_6E, INIT_6D, INIT_6C, INIT_6B, INIT_6A, INIT_69, INIT_68,
      INIT_67, INIT_66, INIT_65, INIT_64, INIT_63, INIT_62, INIT_61, INIT_60,
      INIT_5F, INIT_5E, INIT_5D, INIT_5C, INIT_5B, INIT_5A, INIT_59, INIT_58,
      INIT_57, INIT_56, INIT_55, INIT_54, INIT_53, INIT_52, INIT_51, INIT_50,
      INIT_4F, INIT_4E, INIT_4D, INIT_4C, INIT_4B, INIT_4A, INIT_49, INIT_48,
      INIT_47, INIT_46, INIT_45, INIT_44, INIT_43, INIT_42, INIT_41, INIT_40,
      INIT_3F, INIT_3E, INIT_3D, INIT_3C, INIT_3B, INIT_3A, INIT_39, INIT_38,
      INIT_37, INIT_36, INIT_35, INIT_34, INIT_33, INIT_32, INIT_31, INIT_30,
      INIT_2F, INIT_2E, INIT_2D, INIT_2C, INIT_2B, INIT_2A, INIT_29, INIT_28,
      INIT_27, INIT_26, INIT_25, INIT_24, INIT_23, INIT_22, INIT_21, INIT_20,
      INIT_1F, INIT_1E, INIT_1D, INIT_1C, INIT_1B, INIT_1A, INIT_19, INIT_18,
      INIT_17, INIT_16, INIT_15, INIT_14, INIT_13, INIT_12, INIT_11, INIT_10,
      INIT_0F, INIT_0E, INIT_0D, INIT_0C, INIT_0B, INIT_0A, INIT_09, INIT_08,
      INIT_07, INIT_06, INIT_05, INIT_04, INIT_03, INIT_02, INIT_01, INIT_00
    }),
    .PARITIES({
      INITP_0F, INITP_0E, INITP_0D, INITP_0C, INITP_0B, INITP_0A, INITP_09, INITP_08,
      INITP_07, INITP_06, INITP_05, INITP_04, INITP_03, INITP_02, INITP_01, INITP_00
    })
  ) ram (
    .clk_i({CLKBWRCLK, CLKARDCLK}),
    .enable_i({ENBWREN ^ IS_ENBWREN_INVERTED, ENARDEN ^ IS_ENARDEN_INVERTED}),
    .rst_i({RSTRAMB ^ IS_RSTRAMB_INVERTED, RSTRAMARSTRAM ^ IS_RSTRAMARSTRAM_INVERTED}),
    .addr_i({ADDRBWRADDR[14:0], ADDRARDADDR[14:0]}),
    .write_i(write), .data_i(in), .parity_i(in_parity), .data_o(out), .parity_o(out_parity)
  );
endmodule

`default_nettype wire
