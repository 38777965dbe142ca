// RUN: tp-opt %s --split-input-file --verify-diagnostics

func.func @f(%i: tensor<2x3xi32>, %t: tensor<9x4xf32>) {
  // expected-error @+1 {{(C1) result: expected shape [2, 3, 4]}}
  %y = tp.embedding %i, %t : (tensor<2x3xi32>, tensor<9x4xf32>) -> tensor<2x3x9xf32>
  return
}

// -----

func.func @f(%i: tensor<2x3xi32>, %t: tensor<9xf32>) {
  // expected-error @+1 {{(C1) table: expected 2 dimensions}}
  %y = tp.embedding %i, %t : (tensor<2x3xi32>, tensor<9xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @f(%i: tensor<2x3xf32>, %t: tensor<9x4xf32>) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of 32-bit signless integer}}
  %y = tp.embedding %i, %t : (tensor<2x3xf32>, tensor<9x4xf32>) -> tensor<2x3x4xf32>
  return
}

// -----

func.func @f(%x: tensor<8x4xf32>, %r: tensor<2xi32>) {
  // expected-error @+1 {{(C1) input: expected 3 dimensions}}
  %y = tp.take_row %x, %r : (tensor<8x4xf32>, tensor<2xi32>) -> tensor<1x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8x4xf32>, %r: tensor<2xi32>) {
  // expected-error @+1 {{(C1) result: expected shape [2, 1, 4]}}
  %y = tp.take_row %x, %r : (tensor<2x8x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8x4xf32>, %r: tensor<1xi32>) {
  // expected-error @+1 {{(C2) row: expected shape [2]}}
  %y = tp.take_row %x, %r : (tensor<2x8x4xf32>, tensor<1xi32>) -> tensor<2x1x4xf32>
  return
}
