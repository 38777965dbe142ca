// RUN: tp-opt %s --tp-decompose-layers | FileCheck %s

// CHECK-LABEL: func.func @gated
// CHECK: %[[U:.*]] = tp.linear %arg0, %arg2 bias %arg5
// CHECK: %[[G:.*]] = tp.linear %arg0, %arg1 bias %arg4
// CHECK: %[[A:.*]] = tp.activation silu %[[G]]
// CHECK: %[[H:.*]] = arith.mulf %[[A]], %[[U]]
// CHECK: tp.linear %[[H]], %arg3 bias %arg6
func.func @gated(%x: tensor<1x3x4xf32>, %g: tensor<8x4xf32>, %u: tensor<8x4xf32>, %d: tensor<4x8xf32>, %bg: tensor<8xf32>, %bu: tensor<8xf32>, %bd: tensor<4xf32>)
    -> tensor<1x3x4xf32> {
  %y = tp.mlp %x gate(%g) gate_bias(%bg) up(%u) up_bias(%bu) down(%d) down_bias(%bd) {activation = #tp.activation_kind<silu>}
      : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}

// CHECK-LABEL: func.func @plain
// CHECK: %[[U:.*]] = tp.linear %arg0, %arg1
// CHECK: %[[A:.*]] = tp.activation gelu_tanh %[[U]]
// CHECK-NOT: arith.mulf
// CHECK: tp.linear %[[A]], %arg2
func.func @plain(%x: tensor<1x3x4xf32>, %u: tensor<8x4xf32>, %d: tensor<4x8xf32>) -> tensor<1x3x4xf32> {
  %y = tp.mlp %x up(%u) down(%d) {activation = #tp.activation_kind<gelu_tanh>} : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}
// CHECK-LABEL: func.func @gelu
// CHECK: tp.activation gelu %
func.func @gelu(%x: tensor<1x3x4xf32>, %u: tensor<8x4xf32>, %d: tensor<4x8xf32>) -> tensor<1x3x4xf32> {
  %y = tp.mlp %x up(%u) down(%d) {activation = #tp.activation_kind<gelu>} : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}
// CHECK-LABEL: func.func @relu
// CHECK: tp.activation relu %
func.func @relu(%x: tensor<1x3x4xf32>, %u: tensor<8x4xf32>, %d: tensor<4x8xf32>) -> tensor<1x3x4xf32> {
  %y = tp.mlp %x up(%u) down(%d) {activation = #tp.activation_kind<relu>} : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}
// CHECK-LABEL: func.func @bf16
// CHECK: tp.linear {{.*}} : (tensor<1x3x4xbf16>, tensor<8x4xbf16>) -> tensor<1x3x8xf32>
// CHECK: %[[A:.*]] = tp.activation
// CHECK: arith.truncf %[[A]] : tensor<1x3x8xf32> to tensor<1x3x8xbf16>
func.func @bf16(%x: tensor<1x3x4xf32>, %u: tensor<8x4xbf16>, %d: tensor<4x8xbf16>) -> tensor<1x3x4xf32> {
  %y = tp.mlp %x up(%u) down(%d) {activation = #tp.activation_kind<relu>} : (tensor<1x3x4xf32>, tensor<8x4xbf16>, tensor<4x8xbf16>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}
// CHECK-LABEL: func.func @logits
// CHECK: tp.linear %arg0, %arg1 : (tensor<1x3x4xf32>, tensor<9x4xf32>) -> tensor<1x3x9xf32>
func.func @logits(%x: tensor<1x3x4xf32>, %w: tensor<9x4xf32>) -> tensor<1x3x9xf32> {
  %y = tp.logits %x, %w : (tensor<1x3x4xf32>, tensor<9x4xf32>) -> tensor<1x3x9xf32>
  return %y : tensor<1x3x9xf32>
}
