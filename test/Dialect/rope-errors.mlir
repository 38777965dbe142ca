// RUN: tp-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<1x2x3x4xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{(C1) result: expected shape [1, 2, 3, 4]}}
  %y = tp.rope %x at %p {rotary = #tp.rotary<base = 10000.0>} : (tensor<1x2x3x4xf32>, tensor<1xi32>) -> tensor<1x2x3x5xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3x4xf32>, %p: tensor<2xi32>) {
  // expected-error @+1 {{(C2) input: expected 4 dimensions}}
  %y = tp.rope %x at %p {rotary = #tp.rotary<base = 10000.0>} : (tensor<2x3x4xf32>, tensor<2xi32>) -> tensor<2x3x4xf32>
  return
}

// -----

func.func @f(%x: tensor<1x2x3x4xf32>, %p: tensor<2xi32>) {
  // expected-error @+1 {{(C3) position: expected shape [1]}}
  %y = tp.rope %x at %p {rotary = #tp.rotary<base = 10000.0>} : (tensor<1x2x3x4xf32>, tensor<2xi32>) -> tensor<1x2x3x4xf32>
  return
}

// -----

func.func @f(%x: tensor<1x2x3x4xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{(C4) expected an even rotating part of at most 4 elements, found 6}}
  %y = tp.rope %x at %p {rotary = #tp.rotary<base = 1.0, dim = 6>} : (tensor<1x2x3x4xf32>, tensor<1xi32>) -> tensor<1x2x3x4xf32>
  return
}

// -----

func.func @f(%x: tensor<1x2x3x5xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{(C4) expected an even rotating part of at most 5 elements, found 5}}
  %y = tp.rope %x at %p {rotary = #tp.rotary<base = 10000.0>} : (tensor<1x2x3x5xf32>, tensor<1xi32>) -> tensor<1x2x3x5xf32>
  return
}
