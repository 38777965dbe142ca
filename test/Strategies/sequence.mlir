// # Activations split by sequence
//
// Every device has some of the rows, and all weights. Attention needs the keys and values of all rows: they are gathered in one meeting, before heads are repeated
// and after they are rotated at their own positions. Queries stay where they are, and are masked by their own positions.
//
// RUN: tp-opt %s --tp-partition-pipeline --tp-report-cost | FileCheck %s
// RUN: tp-opt %s --tp-decompose-layers --cse --tp-propagate-shardings --tp-verify-partition="pipeline=tp-partition,tp-optimize-collectives" -o /dev/null

// Keys and values are 2x8x2x4 values of 4 bytes each, 3/4 of them from others.
// CHECK: "bytes":768
// CHECK-LABEL: func.func @attention
// CHECK-DAG: tp.shift_index plus %{{.*}} size 8 split <{"sp"}>
// CHECK: tp.all_gather %{{.*}}, %{{.*}} dim 1 of 8 {{.*}} : tensor<2x2x2x4xf32>, tensor<2x2x2x4xf32> -> tensor<2x8x2x4xf32>, tensor<2x8x2x4xf32>
// CHECK-NOT: tp.all_
// CHECK: tp.sdpa {{.*}} -> tensor<2x2x4x4xf32>
// CHECK-NOT: tp.all_
// CHECK: return

tp.mesh @mesh <["sp" = 4]>
func.func @attention(%x: tensor<2x8x16xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}]>}, %wq: tensor<16x16xf32>,
                     %wk: tensor<8x16xf32>, %wv: tensor<8x16xf32>, %wo: tensor<16x16xf32>) -> tensor<2x8x16xf32> {
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) {heads = 4, kv_heads = 2, head_size = 4, causal, rotary = #tp.rotary<base = 10000.0>}
      : (tensor<2x8x16xf32>, tensor<16x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<2x8x16xf32>
  return %y : tensor<2x8x16xf32>
}
