// Multi-query attention: the one kv head is read by all query heads, so every device has it whole, its cache too. Nothing of the cache is ever sent.
// RUN: tp-opt %s --tp-partition-pipeline=strategy=megatron | FileCheck %s
// RUN: tp-opt %s --tp-apply-strategy --tp-decompose-layers --tp-propagate-shardings --tp-verify-partition -o /dev/null

tp.mesh @mesh <["tp" = 4]>
// CHECK-LABEL: func.func @main
// CHECK-SAME: %arg5: tensor<1x4x1x4xf32> {{.*}} %arg6: tensor<1x4x1x4xf32>
// CHECK-NOT: tp.all_gather
// CHECK: tp.all_reduce
// CHECK-NOT: tp.all_gather
func.func @main(%x: tensor<1x2x8xf32>, %wq: tensor<16x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %wo: tensor<8x16xf32>,
                %k: tensor<1x4x1x4xf32>, %v: tensor<1x4x1x4xf32>, %pos: tensor<1xi32>)
    -> (tensor<1x2x8xf32>, tensor<1x4x1x4xf32>, tensor<1x4x1x4xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 4, kv_heads = 1, head_size = 4, causal, rotary = #tp.rotary<base = 10000.0>}
      : (tensor<1x2x8xf32>, tensor<16x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<8x16xf32>,
         tensor<1x4x1x4xf32>, tensor<1x4x1x4xf32>, tensor<1xi32>)
      -> (tensor<1x2x8xf32>, tensor<1x4x1x4xf32>, tensor<1x4x1x4xf32>)
  return %y, %k1, %v1 : tensor<1x2x8xf32>, tensor<1x4x1x4xf32>, tensor<1x4x1x4xf32>
}
