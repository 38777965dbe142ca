// # A data x tensor mesh
//
// Two axes: `dp` splits the batch, `tp` the hidden units. Devices that hold the same sequences add their terms, over `tp`: groups of 4 of the 8 devices.
//
// RUN: tp-opt %s --tp-partition-pipeline --tp-report-cost | FileCheck %s
// RUN: tp-opt %s --tp-decompose-layers --cse --tp-propagate-shardings --tp-verify-partition="pipeline=tp-partition,tp-optimize-collectives" -o /dev/null

// CHECK: "bytes":768
// CHECK-LABEL: func.func @mlp
// CHECK-SAME: %arg0: tensor<1x8x16xf32>
// CHECK-SAME: %arg1: tensor<8x16xf32>
// CHECK-NOT: tp.all_
// CHECK: tp.all_reduce sum {{.*}} over ["tp"]
// CHECK-NEXT: return

tp.mesh @mesh <["dp" = 2, "tp" = 4]>
func.func @mlp(%x: tensor<2x8x16xf32> {tp.sharding = #tp.sharding<@mesh, [{"dp"}, {}, {}]>},
               %gate: tensor<32x16xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %up: tensor<32x16xf32>, %down: tensor<16x32xf32>) -> tensor<2x8x16xf32> {
  %y = tp.mlp %x gate(%gate) up(%up) down(%down) {activation = #tp.activation_kind<silu>}
      : (tensor<2x8x16xf32>, tensor<32x16xf32>, tensor<32x16xf32>, tensor<16x32xf32>) -> tensor<2x8x16xf32>
  return %y : tensor<2x8x16xf32>
}
