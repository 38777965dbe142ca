// A function's arguments and results have one sharding for all its callers; what one caller states reaches the others.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func private @layer
// CHECK-SAME: %arg1: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: -> (tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}]>})
func.func private @layer(%x: tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}, %w: tensor<4x4xf32>) -> tensor<1x3x4xf32> {
  %y = tp.linear %x, %w : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}
// CHECK-LABEL: func.func @annotated_in_one_call
// CHECK-SAME: %arg1: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg2: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK: call @layer{{.*}}tp.shardings = [#tp.sharding<@mesh, [{}, {}, {"tp"}]>]
// CHECK: call @layer{{.*}}tp.shardings = [#tp.sharding<@mesh, [{}, {}, {"tp"}]>]
func.func @annotated_in_one_call(%x: tensor<1x3x4xf32>, %w0: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %w1: tensor<4x4xf32>)
    -> tensor<1x3x4xf32> {
  %y = call @layer(%x, %w0) : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  %z = call @layer(%y, %w1) : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  return %z : tensor<1x3x4xf32>
}

// -----

// The callee states what its callers must bring.
tp.mesh @mesh <["tp" = 2]>
func.func private @layer(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<1x3x4xf32> {
  %y = tp.linear %x, %w : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}
// CHECK-LABEL: func.func @annotated_in_the_callee
// CHECK-SAME: %arg0: tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}]>}
// CHECK-SAME: %arg1: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}
func.func @annotated_in_the_callee(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32>) -> tensor<1x3x4xf32> {
  %y = call @layer(%x, %w) : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}

// -----

// Two callers that state different things keep what they stated; the callee has one of them, and the other call moves data.
tp.mesh @mesh <["tp" = 2]>
func.func private @layer(%x: tensor<1x4x4xf32>) -> tensor<1x4x4xf32> {
  %y = tp.activation relu %x : (tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
  return %y : tensor<1x4x4xf32>
}
// CHECK-LABEL: func.func @callers_disagree
// CHECK-SAME: %arg0: tensor<1x4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}]>}
// CHECK-SAME: %arg1: tensor<1x4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}]>}
func.func @callers_disagree(%a: tensor<1x4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}]>},
                            %b: tensor<1x4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}]>}) -> (tensor<1x4x4xf32>, tensor<1x4x4xf32>) {
  %y = call @layer(%a) : (tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
  %z = call @layer(%b) : (tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
  return %y, %z : tensor<1x4x4xf32>, tensor<1x4x4xf32>
}
