// Attention with scores that depend on distances is split by heads, unevenly too: tables and biases by head, nothing gathered.
// RUN: tp-opt %s --split-input-file --tp-partition-pipeline=strategy=megatron | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-apply-strategy --tp-decompose-layers --tp-propagate-shardings --tp-verify-partition -o /dev/null
// RUN: tp-opt %s --split-input-file --tp-apply-strategy=strategy=sequence --tp-decompose-layers --tp-propagate-shardings --tp-verify-partition -o /dev/null

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @learned
// CHECK-SAME: %arg5: tensor<8x2xf32> {tp.global_type = tensor<8x3xf32>
// CHECK-NOT: tp.all_
// CHECK: tp.relative_bias {{.*}} -> tensor<1x2x4x4xf32>
// CHECK: tp.all_reduce
// CHECK-NEXT: return
func.func @learned(%x: tensor<1x4x6xf32>, %wq: tensor<6x6xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x6xf32>, %wo: tensor<6x6xf32>, %t: tensor<8x3xf32>) -> tensor<1x4x6xf32> {
  %b = tp.relative_bias %t {max_distance = 12, bidirectional} : (tensor<8x3xf32>) -> tensor<1x3x4x4xf32>
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) bias(%b) {heads = 3, kv_heads = 3, head_size = 2}
      : (tensor<1x4x6xf32>, tensor<6x6xf32>, tensor<6x6xf32>, tensor<6x6xf32>, tensor<6x6xf32>, tensor<1x3x4x4xf32>) -> tensor<1x4x6xf32>
  return %y : tensor<1x4x6xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @cross
// CHECK-SAME: %arg3: tensor<2x5x2x2xf32> {tp.global_type = tensor<2x5x3x2xf32>
// CHECK-NOT: tp.all_
// CHECK: tp.sdpa {{.*}} length %arg5
// CHECK: tp.all_reduce
// CHECK-NEXT: return
func.func @cross(%x: tensor<2x4x6xf32>, %wq: tensor<6x6xf32>, %wo: tensor<6x6xf32>, %k: tensor<2x5x3x2xf32>, %v: tensor<2x5x3x2xf32>, %l: tensor<2xi32>) -> tensor<2x4x6xf32> {
  %y = tp.cross_attention %x weights(%wq, %wo) to(%k, %v) length(%l) {heads = 3, kv_heads = 3, head_size = 2}
      : (tensor<2x4x6xf32>, tensor<6x6xf32>, tensor<6x6xf32>, tensor<2x5x3x2xf32>, tensor<2x5x3x2xf32>, tensor<2xi32>) -> tensor<2x4x6xf32>
  return %y : tensor<2x4x6xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @streams
// CHECK-SAME: tensor<4x6xf32> {tp.global_type = tensor<6x6xf32>
// CHECK-SAME: tensor<2x4xf32> {tp.global_type = tensor<2x6xf32>
// CHECK-NOT: tp.all_
// CHECK: tp.relative_scores {{.*}} -> tensor<2x2x3x3xf32>
// CHECK: tp.all_reduce sum %{{.*}}, %{{.*}} over ["tp"]
// CHECK-NOT: tp.all_
func.func @streams(%x: tensor<2x3x6xf32>, %g: tensor<2x3x6xf32>, %t: tensor<2x3xi32>, %wq: tensor<6x6xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x6xf32>,
    %wr: tensor<6x6xf32>, %wo: tensor<6x6xf32>, %c: tensor<6xf32>, %p: tensor<6xf32>, %s: tensor<6xf32>, %e: tensor<2x6xf32>, %m: tensor<2x3x3xf32>,
    %l: tensor<2xi32>) -> (tensor<2x3x6xf32>, tensor<2x3x6xf32>) {
  %y:2 = tp.two_stream_attention %x query(%g) types(%t) weights(%wq, %wk, %wv, %wr, %wo) biases(%c, %p, %s) segments(%e) mask(%m) length(%l)
      {heads = 3, head_size = 2} : (tensor<2x3x6xf32>, tensor<2x3x6xf32>, tensor<2x3xi32>, tensor<6x6xf32>, tensor<6x6xf32>, tensor<6x6xf32>, tensor<6x6xf32>, tensor<6x6xf32>, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>, tensor<2x6xf32>, tensor<2x3x3xf32>, tensor<2xi32>) -> (tensor<2x3x6xf32>, tensor<2x3x6xf32>)
  return %y#0, %y#1 : tensor<2x3x6xf32>, tensor<2x3x6xf32>
}
