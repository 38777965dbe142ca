// # Attention and MLP split differently
//
// One axis, used twice: attention by sequences of the batch, which needs no other device, and the MLP by hidden units, because its weights are the larger ones.
// Between the two the rows of all devices are gathered, and the MLP's sum is scattered back.
//
// RUN: tp-opt %s --tp-partition-pipeline --tp-report-cost | FileCheck %s
// RUN: tp-opt %s --tp-decompose-layers --cse --tp-propagate-shardings --tp-verify-partition="pipeline=tp-partition,tp-optimize-collectives" -o /dev/null

// 2x8x16 values of 4 bytes, half of them, twice.
// CHECK: "bytes":1024
// CHECK-LABEL: func.func @block
// CHECK-SAME: %arg5: tensor<16x16xf32>
// CHECK: tp.sdpa {{.*}} -> tensor<1x8x4x4xf32>
// CHECK-NOT: tp.all_
// CHECK: tp.all_gather %{{.*}} dim 0 of 2
// CHECK-NOT: tp.all_
// CHECK: tp.reduce_scatter sum %{{.*}} dim 0 of 2
// CHECK-NEXT: return

tp.mesh @mesh <["tp" = 2]>
func.func @block(%x: tensor<2x8x16xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}, {}]>}, %wq: tensor<16x16xf32>,
                 %wk: tensor<8x16xf32>, %wv: tensor<8x16xf32>, %wo: tensor<16x16xf32>,
                 %gate: tensor<32x16xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>},
                 %up: tensor<32x16xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>},
                 %down: tensor<16x32xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> (tensor<2x8x16xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}, {}]>}) {
  %a = tp.attention %x weights(%wq, %wk, %wv, %wo) {heads = 4, kv_heads = 2, head_size = 4, causal, rotary = #tp.rotary<base = 10000.0>}
      : (tensor<2x8x16xf32>, tensor<16x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<2x8x16xf32>
  %y = tp.mlp %a gate(%gate) up(%up) down(%down) {activation = #tp.activation_kind<silu>}
      : (tensor<2x8x16xf32>, tensor<32x16xf32>, tensor<32x16xf32>, tensor<16x32xf32>) -> tensor<2x8x16xf32>
  return %y : tensor<2x8x16xf32>
}
