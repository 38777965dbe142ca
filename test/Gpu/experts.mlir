// A matrix of an expert is read within a loop over the rows that chose it: of one row, none or one; of several, those of
// a list that another kernel makes. Padding of a chunk chooses no expert. What the kernels compute is compared in
// Conversion/experts.mlir.
// RUN: tp-opt %s --tp-assign-layouts=target=cuda --tp-outline-kernels=target=cuda --tp-plan-memory=align=256 --tp-lower-kernels-to-gpu | FileCheck %s

// CHECK: func.func private @kernel_route(
// CHECK-SAME: cuda.rows_in_use = 2
// CHECK: func.func private @kernel_expert_down(
// CHECK-SAME: kernel = @kernel_expert_down_rows
// CHECK-SAME: kernel = @kernel_expert_down}
// CHECK-SAME: cuda.scratch = array<i64: 160, 20>
// CHECK: func.func private @kernel_route_0(
// CHECK-NOT: cuda.rows_in_use
// CHECK: func.func private @kernel_expert_down_1(

// CHECK-LABEL: gpu.func @kernel_route(
// CHECK-SAME: %[[LAST:[a-z0-9]*]]: memref<2xi32>) kernel
// CHECK: %[[ADDRESS:.*]] = memref.extract_aligned_pointer_as_index %[[LAST]]
// CHECK: arith.cmpi ne, %[[ADDRESS]]
// CHECK: memref.load %[[LAST]]

// CHECK-LABEL: gpu.func @kernel_expert_down(
// CHECK-SAME: %[[WEIGHTS:[a-z0-9]*]]: memref<5x21x37xf32>, %{{[a-z0-9]*}}: memref<2x4x21xf32>, %{{[a-z0-9]*}}: memref<40xf32>, %[[COUNTS:[a-z0-9]*]]: memref<5xf32>
// CHECK: %[[BITS:.*]] = memref.load %[[COUNTS]]
// CHECK: %[[NUMBER:.*]] = arith.bitcast %[[BITS]]
// CHECK: %[[COUNT:.*]] = arith.index_cast %[[NUMBER]]
// CHECK: scf.for %{{.*}} to %[[COUNT]]
// CHECK: vector.load %[[WEIGHTS]]

// CHECK-LABEL: gpu.func @kernel_expert_down_1(
// CHECK-SAME: %[[WEIGHTS:[a-z0-9]*]]: memref<5x21x37xf32>
// CHECK: %[[CHOSEN:.*]] = arith.cmpf une
// CHECK: %[[COUNT:.*]] = arith.select %[[CHOSEN]]
// CHECK: scf.for %{{.*}} to %[[COUNT]]
// CHECK: vector.load %[[WEIGHTS]]
module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 1]>
func.func @prefill(%t: tensor<2x4xi32> {tp.input = "tokens"}, %last: tensor<2xi32> {tp.input = "last"}, %h: tensor<2x4x5x37xf32> {tp.input = "h"}, %l: tensor<2x4x5xf32> {tp.input = "l"},
    %wd: tensor<5x21x37xf32> {tp.parameter = "wd"}) -> (tensor<2x4x21xf32> {tp.output = "y"}) attributes {tp.entry = "prefill"} {
  %g = tp.route %l {top_k = 2, normalised} : (tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %y = tp.expert_down %h, %g down(%wd) : (tensor<2x4x5x37xf32>, tensor<2x4x5xf32>, tensor<5x21x37xf32>) -> tensor<2x4x21xf32>
  return %y : tensor<2x4x21xf32>
}
func.func @decode(%t: tensor<1x1xi32> {tp.input = "tokens"}, %h: tensor<1x1x5x37xf32> {tp.input = "h"}, %l: tensor<1x1x5xf32> {tp.input = "l"},
    %wd: tensor<5x21x37xf32> {tp.parameter = "wd"}) -> (tensor<1x1x21xf32> {tp.output = "y"}) attributes {tp.entry = "decode"} {
  %g = tp.route %l {top_k = 2, normalised} : (tensor<1x1x5xf32>) -> tensor<1x1x5xf32>
  %y = tp.expert_down %h, %g down(%wd) : (tensor<1x1x5x37xf32>, tensor<1x1x5xf32>, tensor<5x21x37xf32>) -> tensor<1x1x21xf32>
  return %y : tensor<1x1x21xf32>
}
}
