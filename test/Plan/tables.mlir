// The table of the vocabulary is split; those of positions and token types are small and stay whole.
// RUN: tp-opt %s --tp-apply-strategy | FileCheck %s

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @encode
// CHECK-SAME: %arg2: tensor<9x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>}
// CHECK-SAME: %arg3: tensor<8x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}
func.func @encode(%ids: tensor<1x4xi32> {tp.input = "tokens"}, %positions: tensor<1x4xi32> {tp.input = "positions"}, %table: tensor<9x6xf32>, %places: tensor<8x6xf32>)
    -> tensor<1x4x6xf32> attributes {tp.entry = "encode"} {
  %x = tp.embedding %ids, %table : (tensor<1x4xi32>, tensor<9x6xf32>) -> tensor<1x4x6xf32>
  %y = tp.embedding %positions, %places : (tensor<1x4xi32>, tensor<8x6xf32>) -> tensor<1x4x6xf32>
  %z = arith.addf %x, %y : tensor<1x4x6xf32>
  return %z : tensor<1x4x6xf32>
}
