// A call brings its operands to the callee's shardings; the callee is partitioned once.
// RUN: tp-opt %s --tp-propagate-shardings --tp-partition | FileCheck %s
// RUN: tp-opt %s --tp-propagate-shardings --tp-verify-partition -o /dev/null

tp.mesh @mesh <["tp" = 2]>
// CHECK-COUNT-1: func.func private @f
// CHECK-SAME: %arg0: tensor<2x4xf32> {tp.global_type = tensor<4x4xf32>
func.func private @f(%x: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> tensor<4x4xf32> {
  %y = tp.activation silu %x : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %y : tensor<4x4xf32>
}
// CHECK-LABEL: func.func @main
// CHECK: %[[A:.*]] = tp.all_to_all %arg0
// CHECK: call @f(%[[A]])
// CHECK: call @f(%arg1)
// CHECK-NOT: func.func
func.func @main(%a: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}, %b: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>})
    -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %y = call @f(%a) : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %z = call @f(%b) : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %y, %z : tensor<4x4xf32>, tensor<4x4xf32>
}
