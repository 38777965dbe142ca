// A mesh without "dp" splits no batch, one without "tp" no weights.
// RUN: tp-opt %s --split-input-file --tp-apply-strategy=strategy=sequence | FileCheck %s

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func private @no_dp
// CHECK-SAME: %arg0: tensor<2x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}p1, {}]>}
func.func private @no_dp(%x: tensor<2x3x4xf32>, %u: tensor<8x4xf32>, %d: tensor<4x8xf32>) -> tensor<2x3x4xf32> {
  %m = tp.mlp %x up(%u) down(%d) {activation = #tp.activation_kind<silu>} : (tensor<2x3x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<2x3x4xf32>
  return %m : tensor<2x3x4xf32>
}

// -----

tp.mesh @mesh <["dp" = 2]>
// CHECK-LABEL: func.func private @no_tp
// CHECK-SAME: %arg0: tensor<2x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"dp"}, {}, {}]>}
// CHECK-SAME: %arg1: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {?}]>}
func.func private @no_tp(%x: tensor<2x3x4xf32>, %u: tensor<8x4xf32>, %d: tensor<4x8xf32>) -> tensor<2x3x4xf32> {
  %m = tp.mlp %x up(%u) down(%d) {activation = #tp.activation_kind<silu>} : (tensor<2x3x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<2x3x4xf32>
  return %m : tensor<2x3x4xf32>
}

// -----

tp.mesh @mesh <[]>
// CHECK-LABEL: func.func private @no_axes
// CHECK-NOT: {"
func.func private @no_axes(%x: tensor<2x3x4xf32>, %u: tensor<8x4xf32>, %d: tensor<4x8xf32>) -> tensor<2x3x4xf32> {
  %m = tp.mlp %x up(%u) down(%d) {activation = #tp.activation_kind<silu>} : (tensor<2x3x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<2x3x4xf32>
  return %m : tensor<2x3x4xf32>
}
