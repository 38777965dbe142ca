// RUN: tp-opt %s --split-input-file --verify-diagnostics

func.func @f(%q: tensor<3x4x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x6x2x8xf32>) {
  // expected-error @+1 {{(C1) operand: expected 4 dimensions}}
  %y = tp.sdpa %q, %k, %v {group = 2, scale = 0.5 : f64} : (tensor<3x4x8xf32>, tensor<1x6x2x8xf32>, tensor<1x6x2x8xf32>) -> tensor<3x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x3x4x8xf32>, %k: tensor<1x6x2x7xf32>, %v: tensor<1x6x2x7xf32>) {
  // expected-error @+1 {{(C1) key: expected shape [1, 6, 2, 8]}}
  %y = tp.sdpa %q, %k, %v {group = 2, scale = 0.5 : f64} : (tensor<1x3x4x8xf32>, tensor<1x6x2x7xf32>, tensor<1x6x2x7xf32>) -> tensor<1x3x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x3x4x8xf32>, %k: tensor<2x6x2x8xf32>, %v: tensor<2x6x2x8xf32>) {
  // expected-error @+1 {{(C1) key: expected shape [1, 6, 2, 8]}}
  %y = tp.sdpa %q, %k, %v {group = 2, scale = 0.5 : f64} : (tensor<1x3x4x8xf32>, tensor<2x6x2x8xf32>, tensor<2x6x2x8xf32>) -> tensor<1x3x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x3x4x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x5x2x8xf32>) {
  // expected-error @+1 {{(C1) value: expected shape [1, 6, 2, 8]}}
  %y = tp.sdpa %q, %k, %v {group = 2, scale = 0.5 : f64} : (tensor<1x3x4x8xf32>, tensor<1x6x2x8xf32>, tensor<1x5x2x8xf32>) -> tensor<1x3x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x3x4x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x6x2x8xf32>) {
  // expected-error @+1 {{(C1) result: expected shape [1, 3, 4, 8]}}
  %y = tp.sdpa %q, %k, %v {group = 2, scale = 0.5 : f64} : (tensor<1x3x4x8xf32>, tensor<1x6x2x8xf32>, tensor<1x6x2x8xf32>) -> tensor<1x3x2x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x3x4x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x6x2x8xf32>) {
  // expected-error @+1 {{(C2) expected 6 query heads (2 key heads in groups of 3), found 4}}
  %y = tp.sdpa %q, %k, %v {group = 3, scale = 0.5 : f64} : (tensor<1x3x4x8xf32>, tensor<1x6x2x8xf32>, tensor<1x6x2x8xf32>) -> tensor<1x3x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x3x4x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x6x2x8xf32>, %p: tensor<2xi32>) {
  // expected-error @+1 {{(C3) position: expected shape [1]}}
  %y = tp.sdpa %q, %k, %v at %p {group = 2, scale = 0.5 : f64} : (tensor<1x3x4x8xf32>, tensor<1x6x2x8xf32>, tensor<1x6x2x8xf32>, tensor<2xi32>) -> tensor<1x3x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x3x4x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x6x2x8xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{(C3) head_offset: expected shape []}}
  %y = tp.sdpa %q, %k, %v head_offset %p {group = 2, scale = 0.5 : f64} : (tensor<1x3x4x8xf32>, tensor<1x6x2x8xf32>, tensor<1x6x2x8xf32>, tensor<1xi32>) -> tensor<1x3x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x3x4x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x6x2x8xf32>) {
  // expected-error @+1 {{attribute 'group' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %y = tp.sdpa %q, %k, %v {group = 0, scale = 0.5 : f64} : (tensor<1x3x4x8xf32>, tensor<1x6x2x8xf32>, tensor<1x6x2x8xf32>) -> tensor<1x3x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x3x4x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x6x2x8xf32>, %n: tensor<2xi32>) {
  // expected-error @+1 {{(C3) length: expected shape [1]}}
  %y = tp.sdpa %q, %k, %v length %n {group = 2, scale = 0.5 : f64} : (tensor<1x3x4x8xf32>, tensor<1x6x2x8xf32>, tensor<1x6x2x8xf32>, tensor<2xi32>) -> tensor<1x3x4x8xf32>
  return
}
