// # Attention heads
//
// Queries, keys and values are split by heads, in whole heads, and the output projection by its columns: one all_reduce. `wq` alone is annotated.
// Here 2 key/value heads serve 4 query heads on 4 devices: keys and values follow the query heads that read them, so that two devices hold the
// same one.
//
// RUN: tp-opt %s --tp-partition-pipeline --tp-report-cost | FileCheck %s
// RUN: tp-opt %s --tp-decompose-layers --cse --tp-propagate-shardings --tp-verify-partition="pipeline=tp-partition,tp-optimize-collectives" -o /dev/null

// CHECK: "bytes":1536
// CHECK-LABEL: func.func @attention
// CHECK-SAME: %arg1: tensor<4x16xf32>
// CHECK-SAME: %arg2: tensor<4x16xf32>
// CHECK-SAME: %arg4: tensor<16x4xf32>
// CHECK-NOT: tp.all_
// CHECK: tp.sdpa {{.*}} -> tensor<2x8x1x4xf32>
// CHECK: tp.all_reduce sum
// CHECK-NEXT: return

tp.mesh @mesh <["tp" = 4]>
func.func @attention(%x: tensor<2x8x16xf32>, %wq: tensor<16x16xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>},
                     %wk: tensor<8x16xf32>, %wv: tensor<8x16xf32>, %wo: tensor<16x16xf32>) -> tensor<2x8x16xf32> {
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) {heads = 4, kv_heads = 2, head_size = 4, causal, rotary = #tp.rotary<base = 10000.0>}
      : (tensor<2x8x16xf32>, tensor<16x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<2x8x16xf32>
  return %y : tensor<2x8x16xf32>
}
