// A parameter or state of one name is one thing in all entries.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings | FileCheck %s

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @prefill
// CHECK-SAME: %arg1: tensor<6x4xf32> {tp.parameter = "w", tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
func.func @prefill(%x: tensor<1x3x4xf32>, %w: tensor<6x4xf32> {tp.parameter = "w", tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>})
    -> tensor<1x3x6xf32> attributes {tp.entry = "prefill"} {
  %y = tp.linear %x, %w : (tensor<1x3x4xf32>, tensor<6x4xf32>) -> tensor<1x3x6xf32>
  return %y : tensor<1x3x6xf32>
}
// CHECK-LABEL: func.func @decode
// CHECK-SAME: %arg1: tensor<6x4xf32> {tp.parameter = "w", tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg2: tensor<6x4xf32> {tp.parameter = "other", tp.sharding = #tp.sharding<@mesh, [{}, {}]>}
func.func @decode(%x: tensor<1x1x4xf32>, %w: tensor<6x4xf32> {tp.parameter = "w"}, %o: tensor<6x4xf32> {tp.parameter = "other"})
    -> tensor<1x1x6xf32> attributes {tp.entry = "decode"} {
  %y = tp.linear %x, %w : (tensor<1x1x4xf32>, tensor<6x4xf32>) -> tensor<1x1x6xf32>
  return %y : tensor<1x1x6xf32>
}

// -----

// A state is the same going in and coming out.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @decode
// CHECK-SAME: %arg0: tensor<1x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>, tp.state = "k"}
// CHECK-SAME: -> (tensor<1x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>, tp.state = "k"})
func.func @decode(%c: tensor<1x8x2x4xf32> {tp.state = "k"}, %r: tensor<1x1x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}, %p: tensor<1xi32>)
    -> (tensor<1x8x2x4xf32> {tp.state = "k"}) attributes {tp.entry = "decode"} {
  %c1 = tp.kv_update %c, %r at %p : (tensor<1x8x2x4xf32>, tensor<1x1x2x4xf32>, tensor<1xi32>) -> tensor<1x8x2x4xf32>
  return %c1 : tensor<1x8x2x4xf32>
}
// CHECK-LABEL: func.func @reset
// CHECK-SAME: %arg0: tensor<1x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>, tp.state = "k"}
func.func @reset(%c: tensor<1x8x2x4xf32> {tp.state = "k"}) -> (tensor<1x8x2x4xf32> {tp.state = "k"}) attributes {tp.entry = "reset"} {
  return %c : tensor<1x8x2x4xf32>
}
