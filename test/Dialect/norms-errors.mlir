// RUN: tp-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<2x4xf32>, %w: tensor<4xf32>) {
  // expected-error @+1 {{(C1) result: expected shape [2, 4]}}
  %y = tp.rms_norm %x, %w {eps = 1.0e-5 : f64} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>, %w: tensor<5xf32>) {
  // expected-error @+1 {{(C2) weight: expected shape [4]}}
  %y = tp.rms_norm %x, %w {eps = 1.0e-5 : f64} : (tensor<2x4xf32>, tensor<5xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<f32>, %w: tensor<4xf32>) {
  // expected-error @+1 {{(C2) expected an input [..., D], found}}
  %y = tp.rms_norm %x, %w {eps = 1.0e-5 : f64} : (tensor<f32>, tensor<4xf32>) -> tensor<f32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>, %w: tensor<4xf32>, %b: tensor<4xf32>) {
  // expected-error @+1 {{(C1) result: expected shape [2, 4]}}
  %y = tp.layer_norm %x, %w bias %b {eps = 1.0e-5 : f64} : (tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4x2xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>, %w: tensor<4x1xf32>, %b: tensor<4xf32>) {
  // expected-error @+1 {{(C2) weight: expected shape [4]}}
  %y = tp.layer_norm %x, %w bias %b {eps = 1.0e-5 : f64} : (tensor<2x4xf32>, tensor<4x1xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>, %w: tensor<4xf32>, %b: tensor<2xf32>) {
  // expected-error @+1 {{(C2) bias: expected shape [4]}}
  %y = tp.layer_norm %x, %w bias %b {eps = 1.0e-5 : f64} : (tensor<2x4xf32>, tensor<4xf32>, tensor<2xf32>) -> tensor<2x4xf32>
  return
}
