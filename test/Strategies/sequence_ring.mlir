// # Activations split by sequence: a ring
//
// The same program, compiled with `--tp-ring-attention` behind the pipeline. A device attends to its own block of keys and values, receives the
// next device's, attends to that, and so on; an online softmax puts the blocks together. The bytes and the numbers are those of the gathers, but a
// device never holds all keys.
//
// RUN: tp-opt %s --tp-partition-pipeline --tp-ring-attention --tp-report-cost | FileCheck %s
// RUN: tp-opt %s --tp-decompose-layers --cse --tp-propagate-shardings --tp-verify-partition="pipeline=tp-partition,tp-optimize-collectives,tp-ring-attention" -o /dev/null

// Keys and values are 2x8x2x4 values of 4 bytes each, half of them from the other device.
// CHECK: "bytes":512
// CHECK-LABEL: func.func @attention
// CHECK-NOT: tp.all_gather
// CHECK: arith.maximumf
// CHECK: math.exp
// CHECK-COUNT-2: tp.permute %{{.*}} over ["sp"] from [1, 0] {{.*}} tensor<2x4x2x4xf32>
// CHECK: arith.maximumf
// CHECK-NOT: tp.{{sdpa|permute}}
// CHECK: return

tp.mesh @mesh <["sp" = 2]>
func.func @attention(%x: tensor<2x8x16xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}]>}, %wq: tensor<16x16xf32>,
                     %wk: tensor<8x16xf32>, %wv: tensor<8x16xf32>, %wo: tensor<16x16xf32>) -> tensor<2x8x16xf32> {
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) {heads = 4, kv_heads = 2, head_size = 4, causal, rotary = #tp.rotary<base = 10000.0>}
      : (tensor<2x8x16xf32>, tensor<16x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<2x8x16xf32>
  return %y : tensor<2x8x16xf32>
}
