// A device holds the kv heads that its query heads read: a kv head lives on several devices where the cut falls inside its group, and where there
// are fewer kv heads than devices. Query heads must find theirs.
// RUN: tp-opt %s --split-input-file --tp-decompose-layers --tp-propagate-shardings --tp-verify-partition -o /dev/null
// RUN: tp-opt %s --split-input-file --tp-decompose-layers --tp-propagate-shardings --tp-partition --tp-optimize-collectives | FileCheck %s

// CHECK-LABEL: func.func @multi_query_over_4
// CHECK: tp.all_reduce
tp.mesh @mesh <["tp" = 4]>
func.func @multi_query_over_4(%x: tensor<1x2x8xf32>,
    %wq: tensor<16x8xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wk: tensor<4x8xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wv: tensor<4x8xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wo: tensor<8x16xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {"tp", ?}]>},
    %k: tensor<1x4x1x4xf32>, %v: tensor<1x4x1x4xf32>, %pos: tensor<1xi32>)
    -> (tensor<1x2x8xf32>, tensor<1x4x1x4xf32>, tensor<1x4x1x4xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 4, kv_heads = 1, head_size = 4, causal, rotary = #tp.rotary<base = 10000.0>}
      : (tensor<1x2x8xf32>, tensor<16x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<8x16xf32>,
         tensor<1x4x1x4xf32>, tensor<1x4x1x4xf32>, tensor<1xi32>)
      -> (tensor<1x2x8xf32>, tensor<1x4x1x4xf32>, tensor<1x4x1x4xf32>)
  return %y, %k1, %v1 : tensor<1x2x8xf32>, tensor<1x4x1x4xf32>, tensor<1x4x1x4xf32>
}

// -----

// Heads divide, kv heads do not: two devices share each kv head.
// CHECK-LABEL: func.func @two_kv_heads_over_4
// CHECK: tp.sdpa
// CHECK: tp.all_reduce
tp.mesh @mesh <["tp" = 4]>
func.func @two_kv_heads_over_4(%x: tensor<1x2x6xf32>,
    %wq: tensor<16x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wk: tensor<4x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wv: tensor<4x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wo: tensor<6x16xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {"tp", ?}]>},
    %k: tensor<1x4x2x2xf32>, %v: tensor<1x4x2x2xf32>, %pos: tensor<1xi32>)
    -> (tensor<1x2x6xf32>, tensor<1x4x2x2xf32>, tensor<1x4x2x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 8, kv_heads = 2, head_size = 2, causal, rotary = #tp.rotary<base = 10000.0>}
      : (tensor<1x2x6xf32>, tensor<16x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x16xf32>,
         tensor<1x4x2x2xf32>, tensor<1x4x2x2xf32>, tensor<1xi32>)
      -> (tensor<1x2x6xf32>, tensor<1x4x2x2xf32>, tensor<1x4x2x2xf32>)
  return %y, %k1, %v1 : tensor<1x2x6xf32>, tensor<1x4x2x2xf32>, tensor<1x4x2x2xf32>
}

// -----

// SmolLM2: 9 query heads read 3 kv heads.
// CHECK-LABEL: func.func @nine_heads_over_2
// CHECK: tp.sdpa {{.*}} head_offset
// CHECK: tp.all_reduce
// CHECK-NOT: tp.all_{{gather|to_all|reduce}}
tp.mesh @mesh <["tp" = 2]>
func.func @nine_heads_over_2(%x: tensor<2x2x6xf32>,
    %wq: tensor<18x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wk: tensor<6x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wv: tensor<6x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wo: tensor<6x18xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {"tp", ?}]>},
    %k: tensor<2x4x3x2xf32>, %v: tensor<2x4x3x2xf32>, %pos: tensor<2xi32>)
    -> (tensor<2x2x6xf32>, tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 9, kv_heads = 3, head_size = 2, causal, rotary = #tp.rotary<base = 10000.0>}
      : (tensor<2x2x6xf32>, tensor<18x6xf32>, tensor<6x6xf32>, tensor<6x6xf32>, tensor<6x18xf32>,
         tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>, tensor<2xi32>)
      -> (tensor<2x2x6xf32>, tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>)
  return %y, %k1, %v1 : tensor<2x2x6xf32>, tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>
}

// -----

// Three devices hold a whole group each, the fourth padding.
// CHECK-LABEL: func.func @nine_heads_over_4
// CHECK-NOT: head_offset
// CHECK: tp.all_reduce
// CHECK-NOT: tp.all_{{gather|to_all|reduce}}
tp.mesh @mesh <["tp" = 4]>
func.func @nine_heads_over_4(%x: tensor<2x2x6xf32>,
    %wq: tensor<18x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wk: tensor<6x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wv: tensor<6x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wo: tensor<6x18xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {"tp", ?}]>},
    %k: tensor<2x4x3x2xf32>, %v: tensor<2x4x3x2xf32>, %pos: tensor<2xi32>)
    -> (tensor<2x2x6xf32>, tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 9, kv_heads = 3, head_size = 2, causal, rotary = #tp.rotary<base = 10000.0>}
      : (tensor<2x2x6xf32>, tensor<18x6xf32>, tensor<6x6xf32>, tensor<6x6xf32>, tensor<6x18xf32>,
         tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>, tensor<2xi32>)
      -> (tensor<2x2x6xf32>, tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>)
  return %y, %k1, %v1 : tensor<2x2x6xf32>, tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>
}

// -----

// SmolLM2: 9 query heads read 3 kv heads.
// CHECK-LABEL: func.func @nine_heads_over_5
// CHECK: tp.sdpa {{.*}} head_offset
// CHECK: tp.all_reduce
// CHECK-NOT: tp.all_{{gather|to_all|reduce}}
tp.mesh @mesh <["tp" = 5]>
func.func @nine_heads_over_5(%x: tensor<2x2x6xf32>,
    %wq: tensor<18x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wk: tensor<6x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wv: tensor<6x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wo: tensor<6x18xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {"tp", ?}]>},
    %k: tensor<2x4x3x2xf32>, %v: tensor<2x4x3x2xf32>, %pos: tensor<2xi32>)
    -> (tensor<2x2x6xf32>, tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 9, kv_heads = 3, head_size = 2, causal, rotary = #tp.rotary<base = 10000.0>}
      : (tensor<2x2x6xf32>, tensor<18x6xf32>, tensor<6x6xf32>, tensor<6x6xf32>, tensor<6x18xf32>,
         tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>, tensor<2xi32>)
      -> (tensor<2x2x6xf32>, tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>)
  return %y, %k1, %v1 : tensor<2x2x6xf32>, tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>
}

// -----

// SmolLM2: 9 query heads read 3 kv heads.
// CHECK-LABEL: func.func @nine_heads_over_7
// CHECK: tp.sdpa {{.*}} head_offset
// CHECK: tp.all_reduce
// CHECK-NOT: tp.all_{{gather|to_all|reduce}}
tp.mesh @mesh <["tp" = 7]>
func.func @nine_heads_over_7(%x: tensor<2x2x6xf32>,
    %wq: tensor<18x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wk: tensor<6x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wv: tensor<6x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wo: tensor<6x18xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {"tp", ?}]>},
    %k: tensor<2x4x3x2xf32>, %v: tensor<2x4x3x2xf32>, %pos: tensor<2xi32>)
    -> (tensor<2x2x6xf32>, tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 9, kv_heads = 3, head_size = 2, causal, rotary = #tp.rotary<base = 10000.0>}
      : (tensor<2x2x6xf32>, tensor<18x6xf32>, tensor<6x6xf32>, tensor<6x6xf32>, tensor<6x18xf32>,
         tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>, tensor<2xi32>)
      -> (tensor<2x2x6xf32>, tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>)
  return %y, %k1, %v1 : tensor<2x2x6xf32>, tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>
}

// -----

// Whole groups: no device shares a kv head, and none needs an offset.
// CHECK-LABEL: func.func @nine_heads_over_3
// CHECK-SAME: tensor<2x4x1x2xf32>
// CHECK-NOT: head_offset
// CHECK: tp.all_reduce
tp.mesh @mesh <["tp" = 3]>
func.func @nine_heads_over_3(%x: tensor<2x2x6xf32>,
    %wq: tensor<18x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wk: tensor<6x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wv: tensor<6x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wo: tensor<6x18xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {"tp", ?}]>},
    %k: tensor<2x4x3x2xf32>, %v: tensor<2x4x3x2xf32>, %pos: tensor<2xi32>)
    -> (tensor<2x2x6xf32>, tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 9, kv_heads = 3, head_size = 2, causal, rotary = #tp.rotary<base = 10000.0>}
      : (tensor<2x2x6xf32>, tensor<18x6xf32>, tensor<6x6xf32>, tensor<6x6xf32>, tensor<6x18xf32>,
         tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>, tensor<2xi32>)
      -> (tensor<2x2x6xf32>, tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>)
  return %y, %k1, %v1 : tensor<2x2x6xf32>, tensor<2x4x3x2xf32>, tensor<2x4x3x2xf32>
}

// -----

// More devices than query heads: some have padding alone.
// CHECK-LABEL: func.func @two_heads_over_3
// CHECK: tp.all_reduce
tp.mesh @mesh <["tp" = 3]>
func.func @two_heads_over_3(%x: tensor<1x1x4xf32>,
    %wq: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wk: tensor<2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wv: tensor<2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>},
    %wo: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {"tp", ?}]>},
    %k: tensor<1x2x1x2xf32>, %v: tensor<1x2x1x2xf32>, %pos: tensor<1xi32>)
    -> (tensor<1x1x4xf32>, tensor<1x2x1x2xf32>, tensor<1x2x1x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 2, kv_heads = 1, head_size = 2, causal, rotary = #tp.rotary<base = 10000.0>}
      : (tensor<1x1x4xf32>, tensor<4x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<4x4xf32>,
         tensor<1x2x1x2xf32>, tensor<1x2x1x2xf32>, tensor<1xi32>)
      -> (tensor<1x1x4xf32>, tensor<1x2x1x2xf32>, tensor<1x2x1x2xf32>)
  return %y, %k1, %v1 : tensor<1x1x4xf32>, tensor<1x2x1x2xf32>, tensor<1x2x1x2xf32>
}
