// Scores in the thousands: the merge of a ring's blocks keeps the largest score so far, so that no exponential overflows, and its sums are f32 where
// keys and values are bf16, so that they do not drift with the number of devices.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition --tp-optimize-collectives --tp-ring-attention | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition="pipeline=tp-partition,tp-optimize-collectives,tp-ring-attention" -o /dev/null

tp.mesh @mesh <["sp" = 4]>
// CHECK-LABEL: func.func @large_scores
// CHECK-COUNT-6: tp.permute
func.func @large_scores(%q: tensor<1x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>}, %k: tensor<1x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>},
                        %v: tensor<1x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>}) -> tensor<1x8x2x4xf32> {
  %o = tp.sdpa %q, %k, %v {group = 1 : i64, scale = 1000.0 : f64} : (tensor<1x8x2x4xf32>, tensor<1x8x2x4xf32>, tensor<1x8x2x4xf32>) -> tensor<1x8x2x4xf32>
  return %o : tensor<1x8x2x4xf32>
}

// -----

tp.mesh @mesh <["sp" = 4]>
// CHECK-LABEL: func.func @sums_of_bf16
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x1x2x2x2xf32>, tensor<1x2x1x4xbf16>) outs(%{{.*}} : tensor<1x2x1x2x4xf32>)
// CHECK-NOT: tp.permute {{.*}}tensor<1x2x1x2x4xbf16>
// CHECK: arith.truncf
func.func @sums_of_bf16(%q: tensor<1x8x2x4xbf16> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>}, %k: tensor<1x8x1x4xbf16> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>},
                        %v: tensor<1x8x1x4xbf16> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>}) -> tensor<1x8x2x4xbf16> {
  %o = tp.sdpa %q, %k, %v {group = 2 : i64, scale = 1000.0 : f64} : (tensor<1x8x2x4xbf16>, tensor<1x8x1x4xbf16>, tensor<1x8x1x4xbf16>) -> tensor<1x8x2x4xbf16>
  return %o : tensor<1x8x2x4xbf16>
}
