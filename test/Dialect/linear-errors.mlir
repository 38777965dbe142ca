// RUN: tp-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<2x4xf32>, %w: tensor<6x5xf32>) {
  // expected-error @+1 {{(C1) expected the input's last dimension to be the weight's second}}
  %y = tp.linear %x, %w : (tensor<2x4xf32>, tensor<6x5xf32>) -> tensor<2x6xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>, %w: tensor<6xf32>) {
  // expected-error @+2 {{(C1) weight: expected 2 dimensions}}
  // expected-error @+1 {{(C1) expected an input [..., K] and a weight [N, K]}}
  %y = tp.linear %x, %w : (tensor<2x4xf32>, tensor<6xf32>) -> tensor<2x6xf32>
  return
}

// -----

func.func @f(%x: tensor<f32>, %w: tensor<6x4xf32>) {
  // expected-error @+1 {{(C1) expected an input [..., K] and a weight [N, K]}}
  %y = tp.linear %x, %w : (tensor<f32>, tensor<6x4xf32>) -> tensor<6xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>, %w: tensor<6x4xf32>) {
  // expected-error @+1 {{(C2) result: expected shape [2, 6]}}
  %y = tp.linear %x, %w : (tensor<2x4xf32>, tensor<6x4xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>, %w: tensor<6x4xf32>) {
  // expected-error @+1 {{(C2) result: expected shape [2, 6]}}
  %y = tp.linear %x, %w : (tensor<2x4xf32>, tensor<6x4xf32>) -> tensor<1x2x6xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>, %w: tensor<6x4xf32>, %b: tensor<5xf32>) {
  // expected-error @+1 {{(C3) bias: expected shape [6]}}
  %y = tp.linear %x, %w bias %b : (tensor<2x4xf32>, tensor<6x4xf32>, tensor<5xf32>) -> tensor<2x6xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xi32>, %w: tensor<6x4xf32>) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor}}
  %y = tp.linear %x, %w : (tensor<2x4xi32>, tensor<6x4xf32>) -> tensor<2x6xf32>
  return
}

// -----

func.func @f(%x: tensor<?x4xf32>, %w: tensor<6x4xf32>) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor}}
  %y = tp.linear %x, %w : (tensor<?x4xf32>, tensor<6x4xf32>) -> tensor<2x6xf32>
  return
}
