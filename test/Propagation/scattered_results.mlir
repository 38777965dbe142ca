// A result that nobody stated is split as the rows came in, where it is a sum over those devices.
// RUN: tp-opt %s --split-input-file --tp-partition-pipeline | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null

// The batch and the weights are split over one axis.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @scattered
// CHECK-SAME: -> (tensor<2x4xf32> {{.*}} [{"tp"}, {}]
// CHECK: tp.all_gather %arg0
// CHECK: tp.reduce_scatter
// CHECK-NOT: tp.all
func.func @scattered(%x: tensor<3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %up: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>},
                     %down: tensor<4x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<3x4xf32> {
  %h = tp.linear %x, %up : (tensor<3x4xf32>, tensor<8x4xf32>) -> tensor<3x8xf32>
  %y = tp.linear %h, %down : (tensor<3x8xf32>, tensor<4x8xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// -----

// The batch is whole, and so stays the result.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @whole
// CHECK: tp.all_reduce
// CHECK-NOT: tp.reduce_scatter
func.func @whole(%x: tensor<3x4xf32>, %up: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>},
                 %down: tensor<4x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<3x4xf32> {
  %h = tp.linear %x, %up : (tensor<3x4xf32>, tensor<8x4xf32>) -> tensor<3x8xf32>
  %y = tp.linear %h, %down : (tensor<3x8xf32>, tensor<4x8xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// -----

// What is stated binds.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @stated
// CHECK: tp.all_reduce
// CHECK-NOT: tp.reduce_scatter
func.func @stated(%x: tensor<3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %up: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>},
                  %down: tensor<4x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> (tensor<3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}) {
  %h = tp.linear %x, %up : (tensor<3x4xf32>, tensor<8x4xf32>) -> tensor<3x8xf32>
  %y = tp.linear %h, %down : (tensor<3x8xf32>, tensor<4x8xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}
