// Any one of an attention layer's weights, or its cache, tells the sharding of the others.
// RUN: tp-opt %s --split-input-file --tp-decompose-layers --tp-propagate-shardings | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-decompose-layers --tp-propagate-shardings --tp-verify-partition -o /dev/null

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @wq_alone
// CHECK-SAME: %arg1: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg2: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg3: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg4: tensor<4x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}
// CHECK-SAME: %arg5: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}
// CHECK-SAME: %arg6: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}
// CHECK-SAME: -> (tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}
// CHECK-SAME: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}
// CHECK: tp.sdpa {{.*}}tp.shardings = [#tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>]
func.func @wq_alone(%x: tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}, %wq: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {?}]>}, %wk: tensor<4x4xf32>,
    %wv: tensor<4x4xf32>, %wo: tensor<4x8xf32>,
    %k: tensor<1x6x2x2xf32>, %v: tensor<1x6x2x2xf32>, %pos: tensor<1xi32>)
    -> (tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 4, kv_heads = 2, head_size = 2, causal, rotary = #tp.rotary<base = 100.0>}
      : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x8xf32>, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>, tensor<1xi32>)
      -> (tensor<1x3x4xf32>, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>)
  return %y, %k1, %v1 : tensor<1x3x4xf32>, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @wk_alone
// CHECK-SAME: %arg1: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg2: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg3: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg4: tensor<4x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}
// CHECK-SAME: %arg5: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}
// CHECK-SAME: %arg6: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}
// CHECK-SAME: -> (tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}
// CHECK-SAME: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}
// CHECK: tp.sdpa {{.*}}tp.shardings = [#tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>]
func.func @wk_alone(%x: tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}, %wq: tensor<8x4xf32>, %wk: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {?}]>},
    %wv: tensor<4x4xf32>, %wo: tensor<4x8xf32>,
    %k: tensor<1x6x2x2xf32>, %v: tensor<1x6x2x2xf32>, %pos: tensor<1xi32>)
    -> (tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 4, kv_heads = 2, head_size = 2, causal, rotary = #tp.rotary<base = 100.0>}
      : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x8xf32>, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>, tensor<1xi32>)
      -> (tensor<1x3x4xf32>, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>)
  return %y, %k1, %v1 : tensor<1x3x4xf32>, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @wv_alone
// CHECK-SAME: %arg1: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg2: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg3: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg4: tensor<4x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}
// CHECK-SAME: %arg5: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}
// CHECK-SAME: %arg6: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}
// CHECK-SAME: -> (tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}
// CHECK-SAME: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}
// CHECK: tp.sdpa {{.*}}tp.shardings = [#tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>]
func.func @wv_alone(%x: tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}, %wq: tensor<8x4xf32>, %wk: tensor<4x4xf32>,
    %wv: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {?}]>}, %wo: tensor<4x8xf32>,
    %k: tensor<1x6x2x2xf32>, %v: tensor<1x6x2x2xf32>, %pos: tensor<1xi32>)
    -> (tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 4, kv_heads = 2, head_size = 2, causal, rotary = #tp.rotary<base = 100.0>}
      : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x8xf32>, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>, tensor<1xi32>)
      -> (tensor<1x3x4xf32>, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>)
  return %y, %k1, %v1 : tensor<1x3x4xf32>, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @wo_alone
// CHECK-SAME: %arg1: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg2: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg3: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg4: tensor<4x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}
// CHECK-SAME: %arg5: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}
// CHECK-SAME: %arg6: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}
// CHECK-SAME: -> (tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}
// CHECK-SAME: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}
// CHECK: tp.sdpa {{.*}}tp.shardings = [#tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>]
func.func @wo_alone(%x: tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}, %wq: tensor<8x4xf32>, %wk: tensor<4x4xf32>,
    %wv: tensor<4x4xf32>, %wo: tensor<4x8xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {"tp"}]>},
    %k: tensor<1x6x2x2xf32>, %v: tensor<1x6x2x2xf32>, %pos: tensor<1xi32>)
    -> (tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 4, kv_heads = 2, head_size = 2, causal, rotary = #tp.rotary<base = 100.0>}
      : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x8xf32>, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>, tensor<1xi32>)
      -> (tensor<1x3x4xf32>, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>)
  return %y, %k1, %v1 : tensor<1x3x4xf32>, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @cache_alone
// CHECK-SAME: %arg1: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg2: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg3: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg4: tensor<4x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}
// CHECK-SAME: %arg5: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}
// CHECK-SAME: %arg6: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}
// CHECK-SAME: -> (tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}
// CHECK-SAME: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>}
// CHECK: tp.sdpa {{.*}}tp.shardings = [#tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>]
func.func @cache_alone(%x: tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}, %wq: tensor<8x4xf32>, %wk: tensor<4x4xf32>,
    %wv: tensor<4x4xf32>, %wo: tensor<4x8xf32>,
    %k: tensor<1x6x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {?}, {"tp"}, {?}]>}, %v: tensor<1x6x2x2xf32>, %pos: tensor<1xi32>)
    -> (tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 4, kv_heads = 2, head_size = 2, causal, rotary = #tp.rotary<base = 100.0>}
      : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x8xf32>, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>, tensor<1xi32>)
      -> (tensor<1x3x4xf32>, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>)
  return %y, %k1, %v1 : tensor<1x3x4xf32>, tensor<1x6x2x2xf32>, tensor<1x6x2x2xf32>
}
