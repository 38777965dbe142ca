// An input that nobody stated is split only where that is no dearer: its part of a whole input costs a device nothing.
// RUN: tp-opt %s --split-input-file --tp-partition-pipeline | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null

// The sum is split by its other operand, but the norm reads whole rows.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @norm_reads_rows
// CHECK-SAME: %arg0: tensor<3x5xf32> {{.*}} [{}, {}]
// CHECK-NOT: tp.all_gather
// CHECK: tp.all_slice %arg0
// CHECK-NOT: tp.all_gather
func.func @norm_reads_rows(%x: tensor<3x5xf32>, %norm: tensor<5xf32>, %w: tensor<5x5xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> tensor<3x5xf32> {
  %n = tp.rms_norm %x, %norm {eps = 1.0e-5 : f64} : (tensor<3x5xf32>, tensor<5xf32>) -> tensor<3x5xf32>
  %h = tp.linear %n, %w : (tensor<3x5xf32>, tensor<5x5xf32>) -> tensor<3x5xf32>
  %y = arith.addf %x, %h : tensor<3x5xf32>
  return %y : tensor<3x5xf32>
}

// -----

// All readers can use the split.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @all_split
// CHECK-SAME: %arg0: tensor<3x3xf32> {{.*}} [{}, {"tp"}]
// CHECK-NOT: tp.all
func.func @all_split(%x: tensor<3x5xf32>, %z: tensor<3x5xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<3x5xf32> {
  %h = arith.mulf %x, %z : tensor<3x5xf32>
  %y = arith.addf %x, %h : tensor<3x5xf32>
  return %y : tensor<3x5xf32>
}
