// RUN: tp-opt %s --split-input-file --verify-diagnostics

func.func @f(%c: tensor<8x2x4xf32>, %r: tensor<3x2x4xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{(C1) cache: expected 4 dimensions}}
  %y = tp.kv_update %c, %r at %p : (tensor<8x2x4xf32>, tensor<3x2x4xf32>, tensor<1xi32>) -> tensor<8x2x4xf32>
  return
}

// -----

func.func @f(%c: tensor<1x8x2x4xf32>, %r: tensor<3x2x4xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{(C1) rows: expected 4 dimensions}}
  %y = tp.kv_update %c, %r at %p : (tensor<1x8x2x4xf32>, tensor<3x2x4xf32>, tensor<1xi32>) -> tensor<1x8x2x4xf32>
  return
}

// -----

func.func @f(%c: tensor<1x8x2x4xf32>, %r: tensor<1x3x3x4xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{(C1) rows: expected shape [1, 3, 2, 4]}}
  %y = tp.kv_update %c, %r at %p : (tensor<1x8x2x4xf32>, tensor<1x3x3x4xf32>, tensor<1xi32>) -> tensor<1x8x2x4xf32>
  return
}

// -----

func.func @f(%c: tensor<1x8x2x4xf32>, %r: tensor<1x3x2x5xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{(C1) rows: expected shape [1, 3, 2, 4]}}
  %y = tp.kv_update %c, %r at %p : (tensor<1x8x2x4xf32>, tensor<1x3x2x5xf32>, tensor<1xi32>) -> tensor<1x8x2x4xf32>
  return
}

// -----

func.func @f(%c: tensor<1x8x2x4xf32>, %r: tensor<1x3x2x4xf32>, %p: tensor<2xi32>) {
  // expected-error @+1 {{(C2) position: expected shape [1]}}
  %y = tp.kv_update %c, %r at %p : (tensor<1x8x2x4xf32>, tensor<1x3x2x4xf32>, tensor<2xi32>) -> tensor<1x8x2x4xf32>
  return
}

// -----

func.func @f(%c: tensor<1x8x2x4xf32>, %r: tensor<1x9x2x4xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{(C3) expected at most 8 rows, found 9}}
  %y = tp.kv_update %c, %r at %p : (tensor<1x8x2x4xf32>, tensor<1x9x2x4xf32>, tensor<1xi32>) -> tensor<1x8x2x4xf32>
  return
}
