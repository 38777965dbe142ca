// The sequence strategy: between blocks each device has part of the rows; a block gathers them and scatters its sum. One row, as in a decode step,
// cannot be split and has megatron's sums.
// RUN: tp-opt %s --tp-partition-pipeline=strategy=sequence | FileCheck %s
// RUN: tp-opt %s --tp-apply-strategy=strategy=sequence --tp-decompose-layers --tp-propagate-shardings --tp-verify-partition="pipeline=tp-partition,tp-optimize-collectives" -o /dev/null

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func private @layer_4
// CHECK-SAME: tensor<1x2x4xf32> {tp.global_type = tensor<1x4x4xf32>
// CHECK-NOT: tp.all_reduce
// CHECK: tp.rms_norm {{.*}} -> tensor<1x2x4xf32>
// CHECK: tp.all_gather {{.*}} dim 1 of 4
// CHECK-NOT: tp.all_reduce
// CHECK: tp.reduce_scatter sum {{.*}} dim 1 of 4
// CHECK-NOT: tp.all_reduce
// CHECK: arith.addf {{.*}} tensor<1x2x4xf32>
func.func private @layer_4(%x: tensor<1x4x4xf32>, %n: tensor<4xf32>, %g: tensor<8x4xf32>, %u: tensor<8x4xf32>, %d: tensor<4x8xf32>) -> tensor<1x4x4xf32> {
  %h = tp.rms_norm %x, %n {eps = 1.0e-5 : f64} : (tensor<1x4x4xf32>, tensor<4xf32>) -> tensor<1x4x4xf32>
  %y = tp.mlp %h gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>}
      : (tensor<1x4x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x4x4xf32>
  %z = arith.addf %x, %y : tensor<1x4x4xf32>
  return %z : tensor<1x4x4xf32>
}
// CHECK-LABEL: func.func private @layer_1
// CHECK-NOT: tp.{{all_gather|reduce_scatter}}
// CHECK: tp.all_reduce sum
// CHECK-NOT: tp.{{all_gather|reduce_scatter}}
func.func private @layer_1(%x: tensor<1x1x4xf32>, %n: tensor<4xf32>, %g: tensor<8x4xf32>, %u: tensor<8x4xf32>, %d: tensor<4x8xf32>) -> tensor<1x1x4xf32> {
  %h = tp.rms_norm %x, %n {eps = 1.0e-5 : f64} : (tensor<1x1x4xf32>, tensor<4xf32>) -> tensor<1x1x4xf32>
  %y = tp.mlp %h gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>}
      : (tensor<1x1x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x1x4xf32>
  %z = arith.addf %x, %y : tensor<1x1x4xf32>
  return %z : tensor<1x1x4xf32>
}
// CHECK-LABEL: func.func @prefill
// CHECK-NOT: tp.all_reduce
// CHECK: tp.embedding
// CHECK: tp.reduce_scatter sum
// CHECK-NOT: tp.{{all_gather|reduce}}
// CHECK: call @layer_4
// CHECK-NEXT: call @layer_4
func.func @prefill(%ids: tensor<1x4xi32> {tp.input = "tokens"}, %table: tensor<9x4xf32> {tp.parameter = "table"}, %n: tensor<4xf32> {tp.parameter = "n"},
                   %g: tensor<8x4xf32> {tp.parameter = "g"}, %u: tensor<8x4xf32> {tp.parameter = "u"}, %d: tensor<4x8xf32> {tp.parameter = "d"})
    -> (tensor<1x4x9xf32> {tp.output = "logits"}) attributes {tp.entry = "prefill"} {
  %x = tp.embedding %ids, %table : (tensor<1x4xi32>, tensor<9x4xf32>) -> tensor<1x4x4xf32>
  %y = call @layer_4(%x, %n, %g, %u, %d) : (tensor<1x4x4xf32>, tensor<4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x4x4xf32>
  %z = call @layer_4(%y, %n, %g, %u, %d) : (tensor<1x4x4xf32>, tensor<4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x4x4xf32>
  %l = tp.logits %z, %table : (tensor<1x4x4xf32>, tensor<9x4xf32>) -> tensor<1x4x9xf32>
  return %l : tensor<1x4x9xf32>
}
// CHECK-LABEL: func.func @decode
// CHECK-NOT: tp.reduce_scatter
func.func @decode(%ids: tensor<1x1xi32> {tp.input = "tokens"}, %table: tensor<9x4xf32> {tp.parameter = "table"}, %n: tensor<4xf32> {tp.parameter = "n"},
                  %g: tensor<8x4xf32> {tp.parameter = "g"}, %u: tensor<8x4xf32> {tp.parameter = "u"}, %d: tensor<4x8xf32> {tp.parameter = "d"})
    -> (tensor<1x1x9xf32> {tp.output = "logits"}) attributes {tp.entry = "decode"} {
  %x = tp.embedding %ids, %table : (tensor<1x1xi32>, tensor<9x4xf32>) -> tensor<1x1x4xf32>
  %y = call @layer_1(%x, %n, %g, %u, %d) : (tensor<1x1x4xf32>, tensor<4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x1x4xf32>
  %l = tp.logits %y, %table : (tensor<1x1x4xf32>, tensor<9x4xf32>) -> tensor<1x1x9xf32>
  return %l : tensor<1x1x9xf32>
}
