// Layers whose scores have a bias, and attention to keys that are there already: the ops give the layer's numbers.
// tp.two_stream_attention is compared with NumPy, whole and as ops, by test/e2e/xlnet_test.py.
// RUN: tp-opt %s --tp-decompose-layers | FileCheck %s --check-prefix=OPS
// RUN: tp-opt %s --tp-interpret=function=biased -o /dev/null > %t.layer
// RUN: tp-opt %s --tp-decompose-layers --tp-interpret=function=biased -o /dev/null > %t.ops
// RUN: FileCheck %s < %t.layer
// RUN: diff %t.layer %t.ops
// RUN: tp-opt %s --tp-interpret=function=cross -o /dev/null > %t.layer
// RUN: tp-opt %s --tp-decompose-layers --tp-interpret=function=cross -o /dev/null > %t.ops
// RUN: FileCheck %s < %t.layer
// RUN: diff %t.layer %t.ops
// CHECK: result 0 = {{.*}}.

// OPS-LABEL: func.func @biased
// OPS: tp.sdpa {{.*}} bias %
func.func @biased(%x0: tensor<1x3x4xf32>, %w0: tensor<4x4xf32>, %t0: tensor<8x2xf32>) -> tensor<1x3x4xf32> {
  %s = arith.constant dense<0.1> : tensor<1x3x4xf32>
  %x = arith.mulf %x0, %s : tensor<1x3x4xf32>
  %sw = arith.constant dense<0.05> : tensor<4x4xf32>
  %w = arith.mulf %w0, %sw : tensor<4x4xf32>
  %st = arith.constant dense<0.3> : tensor<8x2xf32>
  %t = arith.mulf %t0, %st : tensor<8x2xf32>
  %b = tp.relative_bias %t {max_distance = 12, bidirectional} : (tensor<8x2xf32>) -> tensor<1x2x3x3xf32>
  %y = tp.attention %x weights(%w, %w, %w, %w) bias(%b) {heads = 2, kv_heads = 2, head_size = 2, scale = 1.0 : f64}
      : (tensor<1x3x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<1x2x3x3xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}

// OPS-LABEL: func.func @cross
// OPS: %[[Q:.*]] = tensor.expand_shape
// OPS: tp.sdpa %[[Q]], %{{.*}}, %{{.*}} length %{{.*}} {group = 2 : i64
func.func @cross(%x0: tensor<2x3x4xf32>, %w0: tensor<8x4xf32>, %wo: tensor<4x8xf32>, %k0: tensor<2x5x2x2xf32>) -> tensor<2x3x4xf32> {
  %s = arith.constant dense<0.05> : tensor<2x3x4xf32>
  %x = arith.mulf %x0, %s : tensor<2x3x4xf32>
  %sw = arith.constant dense<0.02> : tensor<8x4xf32>
  %w = arith.mulf %w0, %sw : tensor<8x4xf32>
  %sk = arith.constant dense<0.1> : tensor<2x5x2x2xf32>
  %k = arith.mulf %k0, %sk : tensor<2x5x2x2xf32>
  %n = arith.constant dense<[2, 5]> : tensor<2xi32>
  %y = tp.cross_attention %x weights(%w, %wo) to(%k, %k) length(%n) {heads = 4, kv_heads = 2, head_size = 2}
      : (tensor<2x3x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>, tensor<2x5x2x2xf32>, tensor<2x5x2x2xf32>, tensor<2xi32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}
