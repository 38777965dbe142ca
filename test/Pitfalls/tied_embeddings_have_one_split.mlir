// The embedding table is also the head's weight: both uses read the same shard, nothing of the table is sent.
// RUN: tp-opt %s --tp-partition-pipeline=strategy=megatron | FileCheck %s
// RUN: tp-opt %s --tp-apply-strategy --tp-decompose-layers --tp-propagate-shardings --tp-verify-partition -o /dev/null

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[TABLE:arg[0-9]+]]: tensor<6x4xf32>
// CHECK-NOT: %[[TABLE]] dim
// CHECK: tp.embedding %{{.*}}, %[[TABLE]]
// CHECK: tp.all_reduce sum
// CHECK: tp.linear %{{.*}}, %[[TABLE]]
// CHECK: tp.all_gather
func.func @main(%ids: tensor<1x3xi32> {tp.input = "tokens"}, %table: tensor<11x4xf32> {tp.parameter = "table"})
    -> (tensor<1x3x11xf32> {tp.output = "logits"}) attributes {tp.entry = "score"} {
  %x = tp.embedding %ids, %table : (tensor<1x3xi32>, tensor<11x4xf32>) -> tensor<1x3x4xf32>
  %l = tp.logits %x, %table : (tensor<1x3x4xf32>, tensor<11x4xf32>) -> tensor<1x3x11xf32>
  return %l : tensor<1x3x11xf32>
}
