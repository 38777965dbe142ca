// --tp-ring-attention: gathered keys and values become steps of a ring, with the same numbers.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition --tp-optimize-collectives --tp-ring-attention | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition="pipeline=tp-partition,tp-optimize-collectives,tp-ring-attention" -o /dev/null

// 8 rows on 3 devices: 3, 3 and 2; the padding of the last block is not seen.
tp.mesh @mesh <["sp" = 3]>
// CHECK-LABEL: func.func @causal
// CHECK-NOT: tp.all_gather
// CHECK: tp.shift_index plus %{{.*}} size 8 split <{"sp"}> on @mesh : tensor<i32>
// CHECK-COUNT-4: tp.permute %{{.*}} over ["sp"] from [1, 2, 0] on @mesh {{.*}} tensor<2x3x2x4xf32>
// CHECK-NOT: tp.{{permute|sdpa}}
// CHECK: tensor.collapse_shape %{{.*}} {tp.shardings = {{.*}}, tp.value = 0 : i64}
func.func @causal(%q: tensor<2x8x4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>}, %k: tensor<2x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>},
                  %v: tensor<2x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>}, %p: tensor<2xi32>) -> tensor<2x8x4x4xf32> {
  %o = tp.sdpa %q, %k, %v at %p {causal, group = 2 : i64, scale = 0.5 : f64}
      : (tensor<2x8x4x4xf32>, tensor<2x8x2x4xf32>, tensor<2x8x2x4xf32>, tensor<2xi32>) -> tensor<2x8x4x4xf32>
  return %o : tensor<2x8x4x4xf32>
}

// -----

// A window of 2 rows: most blocks have no key that is seen.
tp.mesh @mesh <["sp" = 4]>
// CHECK-LABEL: func.func @window
// CHECK-COUNT-6: tp.permute {{.*}} tensor<1x2x2x4xf32>
// CHECK-NOT: tp.{{permute|sdpa}}
func.func @window(%q: tensor<1x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>}, %k: tensor<1x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>},
                  %v: tensor<1x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>}, %p: tensor<1xi32>) -> tensor<1x8x2x4xf32> {
  %o = tp.sdpa %q, %k, %v at %p {causal, group = 1 : i64, scale = 0.5 : f64, window = 2 : i64}
      : (tensor<1x8x2x4xf32>, tensor<1x8x2x4xf32>, tensor<1x8x2x4xf32>, tensor<1xi32>) -> tensor<1x8x2x4xf32>
  return %o : tensor<1x8x2x4xf32>
}

// -----

// Not causal, bf16, 5 rows on 4 devices: 2, 2, 1 and none.
tp.mesh @mesh <["sp" = 4]>
// CHECK-LABEL: func.func @all_keys
// CHECK: arith.extf
// CHECK-COUNT-6: tp.permute {{.*}} tensor<1x2x1x4xbf16>
// CHECK: arith.truncf
func.func @all_keys(%q: tensor<1x5x2x4xbf16> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>}, %k: tensor<1x5x1x4xbf16> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>},
                    %v: tensor<1x5x1x4xbf16> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>}) -> tensor<1x5x2x4xbf16> {
  %o = tp.sdpa %q, %k, %v {group = 2 : i64, scale = 0.5 : f64} : (tensor<1x5x2x4xbf16>, tensor<1x5x1x4xbf16>, tensor<1x5x1x4xbf16>) -> tensor<1x5x2x4xbf16>
  return %o : tensor<1x5x2x4xbf16>
}

// -----

// A number of keys for each sequence, and capped scores.
tp.mesh @mesh <["sp" = 2]>
// CHECK-LABEL: func.func @length
// CHECK: math.tanh
// CHECK-COUNT-2: tp.permute {{.*}} tensor<3x4x1x4xf32>
// CHECK-NOT: tp.{{permute|sdpa}}
func.func @length(%q: tensor<3x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>}, %k: tensor<3x8x1x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>},
                  %v: tensor<3x8x1x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>}, %n: tensor<3xi32>) -> tensor<3x8x2x4xf32> {
  %o = tp.sdpa %q, %k, %v length %n {group = 2 : i64, scale = 0.5 : f64, softcap = 2.0 : f64}
      : (tensor<3x8x2x4xf32>, tensor<3x8x1x4xf32>, tensor<3x8x1x4xf32>, tensor<3xi32>) -> tensor<3x8x2x4xf32>
  return %o : tensor<3x8x2x4xf32>
}

// -----

// Keys that are the values too go round once. What another op reads is still gathered for it; attention without a gather is left alone.
tp.mesh @mesh <["sp" = 2, "tp" = 2]>
// CHECK-LABEL: func.func @other_uses
// CHECK: tp.all_gather {{.*}} dim 1 of 4
// CHECK: tp.permute {{.*}} over ["sp"] from [1, 0] {{.*}} tensor<1x2x2x4xf32>
// CHECK-NOT: tp.permute
// CHECK: tp.sdpa {{.*}} head_offset
func.func @other_uses(%q: tensor<1x4x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>}, %k: tensor<1x4x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"sp"}, {}, {}]>},
                      %p: tensor<1xi32>, %h: tensor<1x4x4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}, %g: tensor<1x4x1x4xf32>)
    -> (tensor<1x4x2x4xf32>, tensor<1x4x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}, {}]>}, tensor<1x4x4x4xf32>) {
  %o = tp.sdpa %q, %k, %k at %p {causal, group = 1 : i64, scale = 0.5 : f64}
      : (tensor<1x4x2x4xf32>, tensor<1x4x2x4xf32>, tensor<1x4x2x4xf32>, tensor<1xi32>) -> tensor<1x4x2x4xf32>
  %a = tp.sdpa %h, %g, %g at %p {causal, group = 4 : i64, scale = 0.5 : f64}
      : (tensor<1x4x4x4xf32>, tensor<1x4x1x4xf32>, tensor<1x4x1x4xf32>, tensor<1xi32>) -> tensor<1x4x4x4xf32>
  return %o, %k, %a : tensor<1x4x2x4xf32>, tensor<1x4x2x4xf32>, tensor<1x4x4x4xf32>
}
