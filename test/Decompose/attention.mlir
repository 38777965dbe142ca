// RUN: tp-opt %s --split-input-file --tp-decompose-layers | FileCheck %s

// CHECK-LABEL: func.func @cached
// CHECK: %[[Q:.*]] = tp.linear %arg0, %arg1
// CHECK: %[[QH:.*]] = tensor.expand_shape %[[Q]] {{.*}} into tensor<1x3x4x2xf32>
// CHECK: %[[QR:.*]] = tp.rope %[[QH]] at %arg7
// CHECK: %[[K:.*]] = tp.linear %arg0, %arg2
// CHECK: %[[KH:.*]] = tensor.expand_shape %[[K]] {{.*}} into tensor<1x3x2x2xf32>
// CHECK: %[[KR:.*]] = tp.rope %[[KH]] at %arg7
// CHECK: %[[V:.*]] = tp.linear %arg0, %arg3
// CHECK: %[[VH:.*]] = tensor.expand_shape %[[V]]
// CHECK: %[[KC:.*]] = tp.kv_update %arg5, %[[KR]] at %arg7
// CHECK: %[[VC:.*]] = tp.kv_update %arg6, %[[VH]] at %arg7
// CHECK: %[[O:.*]] = tp.sdpa %[[QR]], %[[KC]], %[[VC]] at %arg7 {causal, group = 2 : i64, scale = 0.70710678118654746 : f64}
// CHECK: %[[OM:.*]] = tensor.collapse_shape %[[O]]
// CHECK: %[[Y:.*]] = tp.linear %[[OM]], %arg4
// CHECK: return %[[Y]], %[[KC]], %[[VC]]
func.func @cached(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>,
                  %k: tensor<1x5x2x2xf32>, %v: tensor<1x5x2x2xf32>, %pos: tensor<1xi32>) -> (tensor<1x3x6xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 4, kv_heads = 2, head_size = 2, causal, rotary = #tp.rotary<base = 100.0>}
      : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>, tensor<1xi32>)
      -> (tensor<1x3x6xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>)
  return %y, %k1, %v1 : tensor<1x3x6xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>
}

// -----

// No cache, no rotation, a scale of its own, all biases.
// CHECK-LABEL: func.func @biases
// CHECK-NOT: tp.rope
// CHECK-NOT: tp.kv_update
// CHECK: tp.linear {{.*}} bias %arg5
// CHECK: tp.linear {{.*}} bias %arg6
// CHECK: tp.linear {{.*}} bias %arg7
// CHECK: tp.sdpa {{.*}} {group = 2 : i64, scale = 2.500000e-01 : f64}
// CHECK: tp.linear {{.*}} bias %arg8
func.func @biases(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>,
                  %bq: tensor<8xf32>, %bk: tensor<4xf32>, %bv: tensor<4xf32>, %bo: tensor<6xf32>) -> tensor<1x3x6xf32> {
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) bq(%bq) bk(%bk) bv(%bv) bo(%bo) {heads = 4, kv_heads = 2, head_size = 2, scale = 0.25 : f64}
      : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<6xf32>) -> tensor<1x3x6xf32>
  return %y : tensor<1x3x6xf32>
}

// -----

// Norms of each head come before the rotation; a window. The position is written out, so that it can be moved where the rows are split.
// CHECK-LABEL: func.func @norms
// CHECK: %[[P:.*]] = arith.constant dense<0> : tensor<1xi32>
// CHECK: %[[QN:.*]] = tp.rms_norm {{.*}}, %arg5 {eps = 1.000000e-05 : f64}
// CHECK: tp.rope %[[QN]] at %[[P]]
// CHECK: %[[KN:.*]] = tp.rms_norm {{.*}}, %arg6 {eps = 1.000000e-05 : f64}
// CHECK: tp.rope %[[KN]] at %[[P]]
// CHECK: tp.sdpa {{.*}} at %[[P]] {{.*}}window = 2
func.func @norms(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>,
                 %qn: tensor<2xf32>, %kn: tensor<2xf32>) -> tensor<1x3x6xf32> {
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) norms(%qn, %kn)
      {heads = 4, kv_heads = 2, head_size = 2, causal, window = 2, norm_eps = 1.0e-5 : f64, rotary = #tp.rotary<base = 100.0>}
      : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x3x6xf32>
  return %y : tensor<1x3x6xf32>
}

// -----

// bf16 weights: what a linear reads is rounded, sums are f32; the cache has its own type.
// CHECK-LABEL: func.func @bf16
// CHECK: %[[X:.*]] = arith.truncf %arg0 : tensor<1x3x6xf32> to tensor<1x3x6xbf16>
// CHECK: tp.linear %[[X]], %arg1 : (tensor<1x3x6xbf16>, tensor<8x6xbf16>) -> tensor<1x3x8xf32>
// CHECK: tp.kv_update {{.*}} : (tensor<1x5x2x2xbf16>, tensor<1x3x2x2xf32>, tensor<1xi32>) -> tensor<1x5x2x2xbf16>
// CHECK: tp.sdpa {{.*}} -> tensor<1x3x4x2xbf16>
// CHECK: tp.linear {{.*}} -> tensor<1x3x6xf32>
func.func @bf16(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xbf16>, %wk: tensor<4x6xbf16>, %wv: tensor<4x6xbf16>, %wo: tensor<6x8xbf16>,
                %k: tensor<1x5x2x2xbf16>, %v: tensor<1x5x2x2xbf16>, %pos: tensor<1xi32>) -> (tensor<1x3x6xf32>, tensor<1x5x2x2xbf16>, tensor<1x5x2x2xbf16>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos) {heads = 4, kv_heads = 2, head_size = 2, causal}
      : (tensor<1x3x6xf32>, tensor<8x6xbf16>, tensor<4x6xbf16>, tensor<4x6xbf16>, tensor<6x8xbf16>, tensor<1x5x2x2xbf16>, tensor<1x5x2x2xbf16>, tensor<1xi32>)
      -> (tensor<1x3x6xf32>, tensor<1x5x2x2xbf16>, tensor<1x5x2x2xbf16>)
  return %y, %k1, %v1 : tensor<1x3x6xf32>, tensor<1x5x2x2xbf16>, tensor<1x5x2x2xbf16>
}
