// Rows of wq become heads by a reshape: where heads are split, a head is a unit of the rows, and kv heads follow their query heads (repeat).
// RUN: tp-opt %s --split-input-file --tp-decompose-layers --tp-propagate-shardings | FileCheck %s

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @nine_heads_over_2
// CHECK-SAME: tensor<18x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", unit = 2}, {}]>}
// CHECK-SAME: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", unit = 2, repeat = 3}, {}]>}
// CHECK-SAME: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", unit = 2, repeat = 3}, {}]>}
// CHECK-SAME: tensor<4x18xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp", unit = 2}]>}
// CHECK-SAME: tensor<1x5x3x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp", repeat = 3}, {}]>}
func.func @nine_heads_over_2(%x: tensor<1x3x4xf32>, %wq: tensor<18x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %wk: tensor<6x4xf32>,
    %wv: tensor<6x4xf32>, %wo: tensor<4x18xf32>, %k: tensor<1x5x3x2xf32>, %v: tensor<1x5x3x2xf32>, %pos: tensor<1xi32>)
    -> (tensor<1x3x4xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 9, kv_heads = 3, head_size = 2, causal, rotary = #tp.rotary<base = 100.0>}
      : (tensor<1x3x4xf32>, tensor<18x4xf32>, tensor<6x4xf32>, tensor<6x4xf32>, tensor<4x18xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>, tensor<1xi32>)
      -> (tensor<1x3x4xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>)
  return %y, %k1, %v1 : tensor<1x3x4xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>
}

// -----

tp.mesh @mesh <["tp" = 4]>
// CHECK-LABEL: func.func @nine_heads_over_4
// Chunks of 3 query heads are whole groups, so each kv head is on one device.
// CHECK-SAME: tensor<18x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", unit = 2}, {}]>}
// CHECK-SAME: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
func.func @nine_heads_over_4(%x: tensor<1x3x4xf32>, %wq: tensor<18x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %wk: tensor<6x4xf32>,
    %wv: tensor<6x4xf32>, %wo: tensor<4x18xf32>, %k: tensor<1x5x3x2xf32>, %v: tensor<1x5x3x2xf32>, %pos: tensor<1xi32>)
    -> (tensor<1x3x4xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 9, kv_heads = 3, head_size = 2, causal, rotary = #tp.rotary<base = 100.0>}
      : (tensor<1x3x4xf32>, tensor<18x4xf32>, tensor<6x4xf32>, tensor<6x4xf32>, tensor<4x18xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>, tensor<1xi32>)
      -> (tensor<1x3x4xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>)
  return %y, %k1, %v1 : tensor<1x3x4xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>
}

// -----

tp.mesh @mesh <["tp" = 5]>
// CHECK-LABEL: func.func @nine_heads_over_5
// Chunks of 2 heads are chunks of 4 rows: that needs no unit.
// CHECK-SAME: tensor<18x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", unit = 2, repeat = 3}, {}]>}
// CHECK-SAME: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", unit = 2, repeat = 3}, {}]>}
// CHECK-SAME: tensor<4x18xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}
// CHECK-SAME: tensor<1x5x3x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp", repeat = 3}, {}]>}
func.func @nine_heads_over_5(%x: tensor<1x3x4xf32>, %wq: tensor<18x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %wk: tensor<6x4xf32>,
    %wv: tensor<6x4xf32>, %wo: tensor<4x18xf32>, %k: tensor<1x5x3x2xf32>, %v: tensor<1x5x3x2xf32>, %pos: tensor<1xi32>)
    -> (tensor<1x3x4xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 9, kv_heads = 3, head_size = 2, causal, rotary = #tp.rotary<base = 100.0>}
      : (tensor<1x3x4xf32>, tensor<18x4xf32>, tensor<6x4xf32>, tensor<6x4xf32>, tensor<4x18xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>, tensor<1xi32>)
      -> (tensor<1x3x4xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>)
  return %y, %k1, %v1 : tensor<1x3x4xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>
}

// -----

tp.mesh @mesh <["tp" = 7]>
// CHECK-LABEL: func.func @nine_heads_over_7
// CHECK-SAME: tensor<18x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", unit = 2}, {}]>}
// CHECK-SAME: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", unit = 2, repeat = 3}, {}]>}
// CHECK-SAME: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", unit = 2, repeat = 3}, {}]>}
// CHECK-SAME: tensor<4x18xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp", unit = 2}]>}
// CHECK-SAME: tensor<1x5x3x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp", repeat = 3}, {}]>}
func.func @nine_heads_over_7(%x: tensor<1x3x4xf32>, %wq: tensor<18x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %wk: tensor<6x4xf32>,
    %wv: tensor<6x4xf32>, %wo: tensor<4x18xf32>, %k: tensor<1x5x3x2xf32>, %v: tensor<1x5x3x2xf32>, %pos: tensor<1xi32>)
    -> (tensor<1x3x4xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 9, kv_heads = 3, head_size = 2, causal, rotary = #tp.rotary<base = 100.0>}
      : (tensor<1x3x4xf32>, tensor<18x4xf32>, tensor<6x4xf32>, tensor<6x4xf32>, tensor<4x18xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>, tensor<1xi32>)
      -> (tensor<1x3x4xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>)
  return %y, %k1, %v1 : tensor<1x3x4xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>
}

// -----

tp.mesh @mesh <["tp" = 3]>
// CHECK-LABEL: func.func @nine_heads_over_3
// Everything divides: no grain needs to be said.
// CHECK-SAME: tensor<18x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
func.func @nine_heads_over_3(%x: tensor<1x3x4xf32>, %wq: tensor<18x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %wk: tensor<6x4xf32>,
    %wv: tensor<6x4xf32>, %wo: tensor<4x18xf32>, %k: tensor<1x5x3x2xf32>, %v: tensor<1x5x3x2xf32>, %pos: tensor<1xi32>)
    -> (tensor<1x3x4xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
      {heads = 9, kv_heads = 3, head_size = 2, causal, rotary = #tp.rotary<base = 100.0>}
      : (tensor<1x3x4xf32>, tensor<18x4xf32>, tensor<6x4xf32>, tensor<6x4xf32>, tensor<4x18xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>, tensor<1xi32>)
      -> (tensor<1x3x4xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>)
  return %y, %k1, %v1 : tensor<1x3x4xf32>, tensor<1x5x3x2xf32>, tensor<1x5x3x2xf32>
}
