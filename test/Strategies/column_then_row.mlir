// # The column-then-row pair
//
// Two linears in a row: the first gives each device its own hidden units, which are what the second one's split input is. Nothing is moved between
// them, and one all_reduce ends the pair. One annotation is enough: the rows of `gate`; the others follow.
//
// RUN: tp-opt %s --tp-partition-pipeline --tp-report-cost | FileCheck %s
// RUN: tp-opt %s --tp-decompose-layers --cse --tp-propagate-shardings --tp-verify-partition="pipeline=tp-partition,tp-optimize-collectives" -o /dev/null

// CHECK: "bytes":1536
// CHECK-LABEL: func.func @mlp
// CHECK-SAME: %arg1: tensor<8x16xf32>
// CHECK-SAME: %arg2: tensor<8x16xf32>
// CHECK-SAME: %arg3: tensor<16x8xf32>
// CHECK-NOT: tp.all_
// CHECK: tp.linear {{.*}} (tensor<2x8x8xf32>, tensor<16x8xf32>) -> tensor<2x8x16xf32>
// CHECK-NEXT: tp.all_reduce sum
// CHECK-NEXT: return

tp.mesh @mesh <["tp" = 4]>
func.func @mlp(%x: tensor<2x8x16xf32>,
               %gate: tensor<32x16xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %up: tensor<32x16xf32>, %down: tensor<16x32xf32>) -> tensor<2x8x16xf32> {
  %y = tp.mlp %x gate(%gate) up(%up) down(%down) {activation = #tp.activation_kind<silu>}
      : (tensor<2x8x16xf32>, tensor<32x16xf32>, tensor<32x16xf32>, tensor<16x32xf32>) -> tensor<2x8x16xf32>
  return %y : tensor<2x8x16xf32>
}
