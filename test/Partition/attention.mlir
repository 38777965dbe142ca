// Heads stay on their device, caches too; the layer ends in one sum.
// RUN: tp-opt %s --tp-partition-pipeline=strategy=megatron | FileCheck %s
// RUN: tp-opt %s --tp-apply-strategy --tp-decompose-layers --tp-propagate-shardings --tp-verify-partition -o /dev/null

tp.mesh @mesh <["dp" = 2, "tp" = 2]>
// CHECK-LABEL: func.func @main
// CHECK-SAME: %arg1: tensor<4x6xf32> {tp.global_type = tensor<8x6xf32>
// CHECK-SAME: %arg2: tensor<2x6xf32> {tp.global_type = tensor<4x6xf32>
// CHECK-SAME: %arg4: tensor<6x4xf32> {tp.global_type = tensor<6x8xf32>
// CHECK-SAME: %arg5: tensor<1x5x1x2xf32> {tp.global_type = tensor<2x5x2x2xf32>
// CHECK-NOT: tp.{{all|reduce}}_
// CHECK: %[[O:.*]] = tp.sdpa
// CHECK-NOT: tp.{{all|reduce}}_
// CHECK: %[[Y:.*]] = tp.linear
// CHECK-NEXT: tp.all_reduce sum %[[Y]] over ["tp"]
// CHECK-NOT: tp.{{all|reduce}}_
func.func @main(%x: tensor<2x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %wo: tensor<6x8xf32>,
                %k: tensor<2x5x2x2xf32>, %v: tensor<2x5x2x2xf32>, %pos: tensor<2xi32>) -> (tensor<2x3x6xf32>, tensor<2x5x2x2xf32>, tensor<2x5x2x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 4, kv_heads = 2, head_size = 2, causal, rotary = #tp.rotary<base = 100.0>}
      : (tensor<2x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<2x5x2x2xf32>, tensor<2x5x2x2xf32>, tensor<2xi32>)
      -> (tensor<2x3x6xf32>, tensor<2x5x2x2xf32>, tensor<2x5x2x2xf32>)
  return %y, %k1, %v1 : tensor<2x3x6xf32>, tensor<2x5x2x2xf32>, tensor<2x5x2x2xf32>
}
