// An argument with tp.sharding keeps it.
// RUN: tp-opt %s --tp-apply-strategy | FileCheck %s
// RUN: tp-opt %s --tp-apply-strategy=strategy=replicate | FileCheck %s

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @main
// CHECK-SAME: %arg1: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}
func.func @main(%x: tensor<1x3x4xf32>, %u: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}, %d: tensor<4x8xf32>) -> tensor<1x3x4xf32> {
  %m = tp.mlp %x up(%u) down(%d) {activation = #tp.activation_kind<silu>} : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x3x4xf32>
  return %m : tensor<1x3x4xf32>
}
