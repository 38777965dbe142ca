// RUN: tp-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32>, %k: tensor<1x5x2x2xf32>, %t: tensor<1x3xi32>, %b: tensor<4xf32>, %e: tensor<2x4xf32>) {
  // expected-error @+1 {{(C1) expected heads to be a multiple of kv_heads, found 3 and 2}}
  %y = tp.cross_attention %x weights(%w, %w) to(%k, %k) {heads = 3, kv_heads = 2, head_size = 2} : (tensor<1x3x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>) -> tensor<1x3x4xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32>, %k: tensor<1x5x2x2xf32>, %t: tensor<1x3xi32>, %b: tensor<4xf32>, %e: tensor<2x4xf32>) {
  // expected-error @+1 {{(C2) wq: expected shape [8, 4]}}
  %y = tp.cross_attention %x weights(%w, %w) to(%k, %k) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>) -> tensor<1x3x4xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32>, %k: tensor<1x5x2x2xf32>, %t: tensor<1x3xi32>, %b: tensor<4xf32>, %e: tensor<2x4xf32>) {
  // expected-error @+1 {{(C3) result: expected shape [1, 3, 4]}}
  %y = tp.cross_attention %x weights(%w, %w) to(%k, %k) {heads = 2, kv_heads = 2, head_size = 2} : (tensor<1x3x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>) -> tensor<1x3x5xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32>, %k: tensor<1x5x2x2xf32>, %t: tensor<1x3xi32>, %b: tensor<4xf32>, %e: tensor<2x4xf32>) {
  // expected-error @+1 {{(C1) wq: expected shape [6, 4]}}
  %y = tp.two_stream_attention %x types(%t) weights(%w, %w, %w, %w, %w) biases(%b, %b, %b) segments(%e) {heads = 2, head_size = 3} : (tensor<1x3x4xf32>, tensor<1x3xi32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<2x4xf32>) -> tensor<1x3x4xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32>, %k: tensor<1x5x2x2xf32>, %t: tensor<1x3xi32>, %b: tensor<4xf32>, %e: tensor<2x4xf32>) {
  // expected-error @+1 {{(C2) expected 1 results, found 2}}
  %y:2 = tp.two_stream_attention %x types(%t) weights(%w, %w, %w, %w, %w) biases(%b, %b, %b) segments(%e) {heads = 2, head_size = 2} : (tensor<1x3x4xf32>, tensor<1x3xi32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<2x4xf32>) -> (tensor<1x3x4xf32>, tensor<1x3x4xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32>, %c: tensor<1x2x3x4xf32>, %t: tensor<1x3xi32>, %b: tensor<4xf32>, %e: tensor<2x4xf32>) {
  // expected-error @+1 {{(C6) bias: expected shape [1, 2, 3, 3]}}
  %y = tp.attention %x weights(%w, %w, %w, %w) bias(%c) {heads = 2, kv_heads = 2, head_size = 2} : (tensor<1x3x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<1x2x3x4xf32>) -> tensor<1x3x4xf32>
  return
}

// -----

func.func @f(%q: tensor<1x3x2x2xf32>, %c: tensor<1x2x3x4xf32>) {
  // expected-error @+1 {{(C1) bias: expected shape [1, 2, 3, 3]}}
  %y = tp.sdpa %q, %q, %q bias %c {group = 1, scale = 1.0 : f64} : (tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32>, tensor<1x2x3x4xf32>) -> tensor<1x3x2x2xf32>
  return
}

// -----

func.func @f(%t: tensor<8x2xf32>, %p: tensor<2xi32>) {
  // expected-error @+1 {{(C1) position: expected shape [1]}}
  %y = tp.relative_bias %t at %p {max_distance = 12} : (tensor<8x2xf32>, tensor<2xi32>) -> tensor<1x2x3x4xf32>
  return
}

// -----

func.func @f(%t: tensor<8x2xf32>) {
  // expected-error @+1 {{(C2) table: expected shape [8, 3]}}
  %y = tp.relative_bias %t {max_distance = 12} : (tensor<8x2xf32>) -> tensor<1x3x3x4xf32>
  return
}

// -----

func.func @f(%t: tensor<7x2xf32>) {
  // expected-error @+1 {{(C3) expected at least 4 buckets}}
  %y = tp.relative_bias %t {max_distance = 12, bidirectional} : (tensor<7x2xf32>) -> tensor<1x2x3x4xf32>
  return
}

// -----

func.func @f() {
  // expected-error @+1 {{(C1) expected an even D}}
  %y = tp.sinusoid {first = 3} : () -> tensor<6x5xf32>
  return
}

// -----

func.func @f(%q: tensor<1x3x2x2xf32>, %r: tensor<5x2x2xf32>, %t: tensor<1x3xi32>, %b: tensor<4xf32>, %e: tensor<2x4xf32>) {
  // expected-error @+1 {{(C1) relative: expected shape [6, 2, 2]}}
  %y = tp.relative_scores %q, %r types(%t) biases(%b, %b, %b) segments(%e) {scale = 1.0 : f64} : (tensor<1x3x2x2xf32>, tensor<5x2x2xf32>, tensor<1x3xi32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<2x4xf32>) -> tensor<1x2x3x3xf32>
  return
}
