// # Weight columns split
//
// A weight [out, in] is split by its columns, and the input by its features with it: each device computes one term of a sum for every output
// feature. An all_reduce adds them.
//
// RUN: tp-opt %s --tp-partition-pipeline --tp-report-cost | FileCheck %s
// RUN: tp-opt %s --tp-decompose-layers --cse --tp-propagate-shardings --tp-verify-partition="pipeline=tp-partition,tp-optimize-collectives" -o /dev/null

// 2x8x16 values of 4 bytes, 2 x 3/4 of them.
// CHECK: "bytes":1536
// CHECK-LABEL: func.func @columns
// CHECK: %[[Y:.*]] = tp.linear {{.*}} (tensor<2x8x8xf32>, tensor<16x8xf32>) -> tensor<2x8x16xf32>
// CHECK-NEXT: %[[S:.*]] = tp.all_reduce sum %[[Y]] over ["tp"]
// CHECK-NEXT: return %[[S]]

tp.mesh @mesh <["tp" = 4]>
func.func @columns(%x: tensor<2x8x32xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}]>},
                   %w: tensor<16x32xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>})
    -> (tensor<2x8x16xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}) {
  %y = tp.linear %x, %w : (tensor<2x8x32xf32>, tensor<16x32xf32>) -> tensor<2x8x16xf32>
  return %y : tensor<2x8x16xf32>
}
