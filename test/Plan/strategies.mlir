// What each strategy states on the arguments of a small layer and its entry.
// RUN: tp-opt %s --tp-apply-strategy=strategy=megatron | FileCheck %s --check-prefixes=CHECK,MEGATRON
// RUN: tp-opt %s --tp-apply-strategy | FileCheck %s --check-prefixes=CHECK,MEGATRON
// RUN: tp-opt %s --tp-apply-strategy=strategy=sequence | FileCheck %s --check-prefixes=CHECK,SEQUENCE
// RUN: tp-opt %s --tp-apply-strategy=strategy=replicate | FileCheck %s --check-prefixes=CHECK,REPLICATE

tp.mesh @mesh <["dp" = 2, "tp" = 3]>

// CHECK-LABEL: func.func private @layer
// MEGATRON-SAME: %arg0: tensor<2x4x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"dp"}, {}, {}]>}
// SEQUENCE-SAME: %arg0: tensor<2x4x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"dp"}, {"tp"}p1, {}]>}
// REPLICATE-SAME: %arg1: tensor<12x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}
// MEGATRON-SAME: %arg1: tensor<12x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"{{[^}]*}}?}, {?}]>}
// MEGATRON-SAME: %arg2: tensor<6x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"{{[^}]*}}?}, {?}]>}
// MEGATRON-SAME: %arg3: tensor<6x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"{{[^}]*}}?}, {?}]>}
// MEGATRON-SAME: %arg4: tensor<6x12xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {"tp"{{[^}]*}}?}]>}
// MEGATRON-SAME: %arg5: tensor<12xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"{{[^}]*}}?}]>}
// MEGATRON-SAME: %arg6: tensor<9x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"{{[^}]*}}?}, {?}]>}
// MEGATRON-SAME: %arg7: tensor<9x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"{{[^}]*}}?}, {?}]>}
// MEGATRON-SAME: %arg8: tensor<6x9xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {"tp"{{[^}]*}}?}]>}
// SEQUENCE-SAME: %arg8: tensor<6x9xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {"tp"{{[^}]*}}?}]>}
// REPLICATE-SAME: %arg8: tensor<6x9xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}
// Norms are not stated.
// CHECK-SAME: %arg9: tensor<6xf32>)
// MEGATRON-SAME: -> (tensor<2x4x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"dp"}, {}, {}]>})
// SEQUENCE-SAME: -> (tensor<2x4x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"dp"}, {"tp"}p1, {}]>})
func.func private @layer(%x: tensor<2x4x6xf32>, %wq: tensor<12x6xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x6xf32>, %wo: tensor<6x12xf32>, %bq: tensor<12xf32>,
                         %g: tensor<9x6xf32>, %u: tensor<9x6xf32>, %d: tensor<6x9xf32>, %n: tensor<6xf32>) -> tensor<2x4x6xf32> {
  %h = tp.rms_norm %x, %n {eps = 1.0e-5 : f64} : (tensor<2x4x6xf32>, tensor<6xf32>) -> tensor<2x4x6xf32>
  %a = tp.attention %h weights(%wq, %wk, %wv, %wo) bq(%bq) {heads = 6, kv_heads = 3, head_size = 2, causal}
      : (tensor<2x4x6xf32>, tensor<12x6xf32>, tensor<6x6xf32>, tensor<6x6xf32>, tensor<6x12xf32>, tensor<12xf32>) -> tensor<2x4x6xf32>
  %m = tp.mlp %a gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>}
      : (tensor<2x4x6xf32>, tensor<9x6xf32>, tensor<9x6xf32>, tensor<6x9xf32>) -> tensor<2x4x6xf32>
  return %m : tensor<2x4x6xf32>
}
// One row cannot be split.
// CHECK-LABEL: func.func private @one_row
// SEQUENCE-SAME: %arg0: tensor<2x1x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"dp"}, {}, {}]>}
func.func private @one_row(%x: tensor<2x1x6xf32>) -> tensor<2x1x6xf32> {
  return %x : tensor<2x1x6xf32>
}
// CHECK-LABEL: func.func @entry
// CHECK-SAME: %arg0: tensor<2x4xi32> {tp.input = "tokens", tp.sharding = #tp.sharding<@mesh, [{}, {}]>}
// MEGATRON-SAME: %arg1: tensor<9x6xf32> {tp.parameter = "table", tp.sharding = #tp.sharding<@mesh, [{"tp", ?}, {?}]>}
// REPLICATE-SAME: %arg1: tensor<9x6xf32> {tp.parameter = "table", tp.sharding = #tp.sharding<@mesh, [{}, {}]>}
// CHECK-SAME: -> (tensor<2x4x9xf32> {tp.output = "logits", tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>})
// MEGATRON: tp.embedding {{.*}}tp.shardings = [#tp.sharding<@mesh, [{"dp"}, {}, {}]>]
// SEQUENCE: tp.embedding {{.*}}tp.shardings = [#tp.sharding<@mesh, [{"dp"}, {"tp"}p1, {}]>]
func.func @entry(%ids: tensor<2x4xi32> {tp.input = "tokens"}, %t: tensor<9x6xf32> {tp.parameter = "table"}) -> (tensor<2x4x9xf32> {tp.output = "logits"})
    attributes {tp.entry = "score"} {
  %x = tp.embedding %ids, %t : (tensor<2x4xi32>, tensor<9x6xf32>) -> tensor<2x4x6xf32>
  %l = tp.logits %x, %t : (tensor<2x4x6xf32>, tensor<9x6xf32>) -> tensor<2x4x9xf32>
  return %l : tensor<2x4x9xf32>
}
// The row that prefill wants of a split sequence: scattered over the features.
// CHECK-LABEL: func.func @prefill
// MEGATRON-NOT: tp.take_row {{.*}}tp.shardings
// SEQUENCE: tp.take_row {{.*}}tp.shardings = [#tp.sharding<@mesh, [{"dp"}, {}, {"tp"}p2]>]
// SEQUENCE: tp.take_row
// SEQUENCE-NOT: tp.shardings
func.func @prefill(%x: tensor<2x4x6xf32>, %y: tensor<2x1x6xf32>, %last: tensor<2xi32>) -> (tensor<2x1x6xf32>, tensor<2x1x6xf32>) {
  %r = tp.take_row %x, %last : (tensor<2x4x6xf32>, tensor<2xi32>) -> tensor<2x1x6xf32>
  %s = tp.take_row %y, %last : (tensor<2x1x6xf32>, tensor<2xi32>) -> tensor<2x1x6xf32>
  return %r, %s : tensor<2x1x6xf32>, tensor<2x1x6xf32>
}
