// Wrong partitions, written by hand in Inputs/: the first op whose values differ is named, with the device and the element.
// RUN: not tp-opt %s --tp-verify-partition=local=%S/Inputs/bias-on-every-rank.mlir -o /dev/null 2>&1 | FileCheck %s --check-prefix=BIAS
// RUN: not tp-opt %s --tp-verify-partition=local=%S/Inputs/no-all-reduce.mlir -o /dev/null 2>&1 | FileCheck %s --check-prefix=RESULT
// RUN: not tp-opt %s --tp-verify-partition=local=%S/Inputs/wrong-shard.mlir -o /dev/null 2>&1 | FileCheck %s --check-prefix=SHARD
// RUN: not tp-opt %s --tp-verify-partition=local=%S/Inputs/no-entry.mlir -o /dev/null 2>&1 | FileCheck %s --check-prefix=ENTRY
// RUN: not tp-opt %s --tp-verify-partition=local=%s -o /dev/null 2>&1 | FileCheck %s --check-prefix=WHOLE
// RUN: tp-opt %s "--tp-verify-partition=print local=%S/Inputs/right.mlir" -o /dev/null | FileCheck %s --check-prefix=RIGHT

// BIAS: bias-on-every-rank.mlir:5:10: error: partition differs from the whole program at tp.linear (value 0 of @block, call 0 in @main): rank 0 has {{.*}} at [0, 0, 0], expected {{.*}}; 6 of its 6 elements differ, by up to {{.*}}; sharding #tp.sharding<@mesh, [{}, {}, {}], partial = sum {"tp"}>
// BIAS: note: the whole program computes the value here, by tp.linear
// RESULT: error: partition differs from the whole program at result 0 of @main: rank 0 has
// SHARD: error: partition differs from the whole program at tp.linear (value 0 of @block, call 0 in @main): expected a shard of shape [1, 2, 2], found [1, 2, 3]; sharding
// ENTRY: error: expected the partitioned program to have a function @main with 3 arguments and 1 results
// WHOLE: error: expected a partitioned program: the module has no tp.partitioned
// RIGHT: @main: 3 values agree
tp.mesh @mesh <["tp" = 2]>
func.func private @block(%x: tensor<1x2x4xf32>, %w: tensor<3x4xf32>, %b: tensor<3xf32>) -> tensor<1x2x3xf32> {
  %0 = tp.linear %x, %w bias %b {tp.value = 0 : i64} : (tensor<1x2x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<1x2x3xf32>
  return %0 : tensor<1x2x3xf32>
}
func.func @main(%x: tensor<1x2x4xf32>, %w: tensor<3x4xf32>, %b: tensor<3xf32>) -> tensor<1x2x3xf32> {
  %0 = call @block(%x, %w, %b) : (tensor<1x2x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<1x2x3xf32>
  %1 = tp.activation relu %0 {tp.value = 1 : i64} : (tensor<1x2x3xf32>) -> tensor<1x2x3xf32>
  return %1 : tensor<1x2x3xf32>
}
