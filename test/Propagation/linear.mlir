// One linear: from its weight to its operands and results, and back from the result.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings | FileCheck %s

// Rows of the weight are columns of the result.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @column
// CHECK-SAME: %arg0: tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}
// CHECK-SAME: -> (tensor<1x3x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}]>})
// CHECK: tp.linear {{.*}}tp.shardings = [#tp.sharding<@mesh, [{}, {}, {"tp"}]>], tp.value = 0
func.func @column(%x: tensor<1x3x4xf32>, %w: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> tensor<1x3x6xf32> {
  %y = tp.linear %x, %w : (tensor<1x3x4xf32>, tensor<6x4xf32>) -> tensor<1x3x6xf32>
  return %y : tensor<1x3x6xf32>
}

// -----

// Columns of the weight are columns of the input. Function results are complete.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @row
// CHECK-SAME: %arg0: tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}]>}
// CHECK-SAME: -> (tensor<1x3x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>})
func.func @row(%x: tensor<1x3x4xf32>, %w: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<1x3x6xf32> {
  %y = tp.linear %x, %w : (tensor<1x3x4xf32>, tensor<6x4xf32>) -> tensor<1x3x6xf32>
  return %y : tensor<1x3x6xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @backward
// CHECK-SAME: %arg1: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg2: tensor<6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}]>}
func.func @backward(%x: tensor<1x3x4xf32>, %w: tensor<6x4xf32>, %b: tensor<6xf32>)
    -> (tensor<1x3x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}]>}) {
  %y = tp.linear %x, %w bias %b : (tensor<1x3x4xf32>, tensor<6x4xf32>, tensor<6xf32>) -> tensor<1x3x6xf32>
  return %y : tensor<1x3x6xf32>
}

// -----

// Batch and sequence pass through; the weight has neither.
tp.mesh @mesh <["dp" = 2, "sp" = 2]>
// CHECK-LABEL: func.func @rows_of_the_activation
// CHECK-SAME: %arg1: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}
// CHECK-SAME: -> (tensor<2x4x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"dp"}, {"sp"}, {}]>})
func.func @rows_of_the_activation(%x: tensor<2x4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"dp"}, {"sp"}, {}]>}, %w: tensor<6x4xf32>) -> tensor<2x4x6xf32> {
  %y = tp.linear %x, %w : (tensor<2x4x4xf32>, tensor<6x4xf32>) -> tensor<2x4x6xf32>
  return %y : tensor<2x4x6xf32>
}

// -----

// Several axes on one dimension keep their order.
tp.mesh @mesh <["a" = 2, "b" = 2]>
// CHECK-LABEL: func.func @two_axes
// CHECK-SAME: -> (tensor<1x3x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"b", "a"}]>})
func.func @two_axes(%x: tensor<1x3x4xf32>, %w: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"b", "a"}, {}]>}) -> tensor<1x3x8xf32> {
  %y = tp.linear %x, %w : (tensor<1x3x4xf32>, tensor<8x4xf32>) -> tensor<1x3x8xf32>
  return %y : tensor<1x3x8xf32>
}

// -----

// An axis is not used twice in a value: the row split of x keeps its axis from the result's last dimension.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @axis_in_two_factors
// CHECK-SAME: -> (tensor<1x4x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {{[{]}}{{("tp")?}}}, {{[{]}}{{("tp")?}}}]>})
func.func @axis_in_two_factors(%x: tensor<1x4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}]>},
                               %w: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> tensor<1x4x6xf32> {
  %y = tp.linear %x, %w : (tensor<1x4x4xf32>, tensor<6x4xf32>) -> tensor<1x4x6xf32>
  return %y : tensor<1x4x6xf32>
}
