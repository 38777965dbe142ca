// RUN: tp-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>) {
  // expected-error @+1 {{(C1) expected heads to be a multiple of kv_heads, found 4 and 3}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) {heads = 4, kv_heads = 3, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>) -> (tensor<1x3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>) {
  // expected-error @+1 {{(C2) input: expected 3 dimensions}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>) -> (tensor<3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<6x8xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>) {
  // expected-error @+1 {{(C2) wq: expected shape [8, 6]}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<6x8xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>) -> (tensor<1x3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<8x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>) {
  // expected-error @+1 {{(C2) wk: expected shape [4, 6]}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>) -> (tensor<1x3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<8x6xf32>, %wo: tensor<6x8xf32>) {
  // expected-error @+1 {{(C2) wv: expected shape [4, 6]}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<8x6xf32>, tensor<6x8xf32>) -> (tensor<1x3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<8x6xf32>) {
  // expected-error @+1 {{(C2) wo: expected shape [6, 8]}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<8x6xf32>) -> (tensor<1x3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>, %b: tensor<4xf32>) {
  // expected-error @+1 {{(C2) bq: expected shape [8]}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) bq(%b) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<4xf32>) -> (tensor<1x3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>, %b: tensor<8xf32>) {
  // expected-error @+1 {{(C2) bk: expected shape [4]}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) bk(%b) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<8xf32>) -> (tensor<1x3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>, %b: tensor<8xf32>) {
  // expected-error @+1 {{(C2) bv: expected shape [4]}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) bv(%b) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<8xf32>) -> (tensor<1x3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>, %b: tensor<8xf32>) {
  // expected-error @+1 {{(C2) bo: expected shape [6]}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) bo(%b) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<8xf32>) -> (tensor<1x3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>, %qn: tensor<8xf32>, %kn: tensor<2xf32>) {
  // expected-error @+1 {{(C2) q_norm: expected shape [2]}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) norms(%qn, %kn) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<8xf32>, tensor<2xf32>) -> (tensor<1x3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>, %qn: tensor<2xf32>, %kn: tensor<4xf32>) {
  // expected-error @+1 {{(C2) k_norm: expected shape [2]}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) norms(%qn, %kn) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<2xf32>, tensor<4xf32>) -> (tensor<1x3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>) {
  // expected-error @+1 {{(C2) expected an even rotating part of at most 2 elements, found 4}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) {heads = 4, kv_heads = 2, head_size = 2, rotary = #tp.rotary<base = 1.0, dim = 4>} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>) -> (tensor<1x3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>, %k: tensor<1x5x2x2xf32>, %v: tensor<1x5x2x2xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{(C3) expected two cache results, found 0}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %p) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>, tensor<1xi32>) -> (tensor<1x3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>) {
  // expected-error @+1 {{(C3) expected no cache results, found 2}}
  %y:3 = tp.attention %x weights(%wq, %wk, %wv, %wo) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>) -> (tensor<1x3x6xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>, %k: tensor<5x4xf32>, %v: tensor<5x4xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{(C3) k_cache: expected 4 dimensions}}
  %y:3 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %p) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<5x4xf32>, tensor<5x4xf32>, tensor<1xi32>) -> (tensor<1x3x6xf32>, tensor<5x4xf32>, tensor<5x4xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>, %k: tensor<1x5x4x2xf32>, %v: tensor<1x5x2x2xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{(C3) k_cache: expected shape [1, 5, 2, 2]}}
  %y:3 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %p) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<1x5x4x2xf32>, tensor<1x5x2x2xf32>, tensor<1xi32>) -> (tensor<1x3x6xf32>, tensor<1x5x4x2xf32>, tensor<1x5x2x2xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>, %k: tensor<1x5x2x2xf32>, %v: tensor<1x6x2x2xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{(C3) v_cache: expected shape [1, 5, 2, 2]}}
  %y:3 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %p) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<1x5x2x2xf32>, tensor<1x6x2x2xf32>, tensor<1xi32>) -> (tensor<1x3x6xf32>, tensor<1x5x2x2xf32>, tensor<1x6x2x2xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>, %k: tensor<1x5x2x2xf32>, %v: tensor<1x5x2x2xf32>, %p: tensor<2xi32>) {
  // expected-error @+1 {{(C3) position: expected shape [1]}}
  %y:3 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %p) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>, tensor<2xi32>) -> (tensor<1x3x6xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>, %k: tensor<1x5x2x2xf32>, %v: tensor<1x5x2x2xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{(C3) expected the cache results to have the caches' types}}
  %y:3 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %p) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>, tensor<1xi32>) -> (tensor<1x3x6xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xbf16>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>) {
  // expected-error @+1 {{(C4) result: expected shape [1, 3, 6]}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>) -> (tensor<1x3x8xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>) {
  // expected-error @+1 {{attribute 'heads' failed to satisfy constraint}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) {heads = 0, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>) -> (tensor<1x3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>) {
  // expected-error @+1 {{attribute 'kv_heads' failed to satisfy constraint}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) {heads = 4, kv_heads = 0, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>) -> (tensor<1x3x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>, %n: tensor<3xi32>) {
  // expected-error @+1 {{(C5) length: expected shape [1]}}
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) length(%n) {heads = 4, kv_heads = 2, head_size = 2} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<3xi32>) -> (tensor<1x3x6xf32>)
  return
}
