// RUN: tp-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<1x3x4xf32>, %g: tensor<7x4xf32>, %u: tensor<8x4xf32>, %d: tensor<4x8xf32>) {
  // expected-error @+1 {{(C1) gate: expected shape [8, 4]}}
  %y = tp.mlp %x gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>} : (tensor<1x3x4xf32>, tensor<7x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x3x4xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x4xf32>, %g: tensor<8x4xf32>, %u: tensor<8xf32>, %d: tensor<4x8xf32>) {
  // expected-error @+1 {{(C1) up: expected 2 dimensions}}
  %y = tp.mlp %x gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>} : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<8xf32>, tensor<4x8xf32>) -> tensor<1x3x4xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x4xf32>, %g: tensor<8x4xf32>, %u: tensor<8x5xf32>, %d: tensor<4x8xf32>) {
  // expected-error @+1 {{(C1) up: expected shape [8, 4]}}
  %y = tp.mlp %x gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>} : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<8x5xf32>, tensor<4x8xf32>) -> tensor<1x3x4xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x4xf32>, %g: tensor<8x4xf32>, %u: tensor<8x4xf32>, %d: tensor<8x4xf32>) {
  // expected-error @+1 {{(C1) down: expected shape [4, 8]}}
  %y = tp.mlp %x gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>} : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<1x3x4xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x4xf32>, %g: tensor<8x4xf32>, %b: tensor<4xf32>, %u: tensor<8x4xf32>, %d: tensor<4x8xf32>) {
  // expected-error @+1 {{(C1) gate_bias: expected shape [8]}}
  %y = tp.mlp %x gate(%g) gate_bias(%b) up(%u) down(%d) {activation = #tp.activation_kind<silu>} : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x4xf32>, %g: tensor<8x4xf32>, %u: tensor<8x4xf32>, %b: tensor<4xf32>, %d: tensor<4x8xf32>) {
  // expected-error @+1 {{(C1) up_bias: expected shape [8]}}
  %y = tp.mlp %x gate(%g) up(%u) up_bias(%b) down(%d) {activation = #tp.activation_kind<silu>} : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x4xf32>, %g: tensor<8x4xf32>, %u: tensor<8x4xf32>, %d: tensor<4x8xf32>, %b: tensor<8xf32>) {
  // expected-error @+1 {{(C1) down_bias: expected shape [4]}}
  %y = tp.mlp %x gate(%g) up(%u) down(%d) down_bias(%b) {activation = #tp.activation_kind<silu>} : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>, tensor<8xf32>) -> tensor<1x3x4xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x4xf32>, %g: tensor<8x4xf32>, %u: tensor<8x4xf32>, %d: tensor<4x8xf32>) {
  // expected-error @+1 {{(C2) result: expected shape [1, 3, 4]}}
  %y = tp.mlp %x gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>} : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x3x8xf32>
  return
}

// -----

func.func @f(%x: tensor<f32>, %u: tensor<8x4xf32>, %d: tensor<4x8xf32>) {
  // expected-error @+1 {{(C1) expected an input [..., D], found}}
  %y = tp.mlp %x up(%u) down(%d) {activation = #tp.activation_kind<silu>} : (tensor<f32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<f32>
  return
}
