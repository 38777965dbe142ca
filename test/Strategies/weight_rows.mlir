// # Weight rows split
//
// A weight [out, in] is split by its rows: each device computes some of the output features. The input is whole, the result is split; where it
// is wanted whole, it is gathered.
//
// RUN: tp-opt %s --tp-partition-pipeline --tp-report-cost | FileCheck %s
// RUN: tp-opt %s --tp-decompose-layers --cse --tp-propagate-shardings --tp-verify-partition="pipeline=tp-partition,tp-optimize-collectives" -o /dev/null

// 2x8x32 values of 4 bytes, 3/4 of them from others.
// CHECK: "bytes":1536
// CHECK-LABEL: func.func @rows
// CHECK: %[[Y:.*]] = tp.linear {{.*}} (tensor<2x8x16xf32>, tensor<8x16xf32>) -> tensor<2x8x8xf32>
// CHECK-NEXT: %[[G:.*]] = tp.all_gather %[[Y]] dim 2 of 32 split <{"tp"}>
// CHECK-NEXT: return %[[G]]

tp.mesh @mesh <["tp" = 4]>
func.func @rows(%x: tensor<2x8x16xf32>, %w: tensor<32x16xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>})
    -> (tensor<2x8x32xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}) {
  %y = tp.linear %x, %w : (tensor<2x8x16xf32>, tensor<32x16xf32>) -> tensor<2x8x32xf32>
  return %y : tensor<2x8x32xf32>
}
