// Every op prints as it is read.
// RUN: tp-opt %s | FileCheck %s
// RUN: tp-opt %s | tp-opt | FileCheck %s
// RUN: tp-opt %s --mlir-print-op-generic | tp-opt | FileCheck %s
// RUN: tp-opt %s --emit-bytecode | tp-opt | FileCheck %s

// CHECK: tp.mesh @mesh <["dp" = 2, "tp" = 3]>
tp.mesh @mesh <["dp" = 2, "tp" = 3]>

// CHECK-LABEL: func.func @sharding_constraint
func.func @sharding_constraint(%x: tensor<2x8x16xf32>) {
  // CHECK: tp.sharding_constraint %{{.*}} <@mesh, [{}, {"tp", ?}, {}], partial = sum {"dp"}> : tensor<2x8x16xf32>
  %0 = tp.sharding_constraint %x <@mesh, [{}, {"tp", ?}, {}], partial = sum {"dp"}> : tensor<2x8x16xf32>
  return
}

// CHECK-LABEL: func.func @linear
func.func @linear(%x: tensor<2x4xf32>, %w: tensor<6x4xbf16>, %b: tensor<6xf32>) {
  // CHECK: tp.linear %{{.*}}, %{{.*}} : (tensor<2x4xf32>, tensor<6x4xbf16>) -> tensor<2x6xf32>
  %0 = tp.linear %x, %w : (tensor<2x4xf32>, tensor<6x4xbf16>) -> tensor<2x6xf32>
  // CHECK: tp.linear %{{.*}}, %{{.*}} bias %{{.*}} : (tensor<2x4xf32>, tensor<6x4xbf16>, tensor<6xf32>) -> tensor<2x6xbf16>
  %1 = tp.linear %x, %w bias %b : (tensor<2x4xf32>, tensor<6x4xbf16>, tensor<6xf32>) -> tensor<2x6xbf16>
  return
}

// CHECK-LABEL: func.func @norms
func.func @norms(%x: tensor<2x4xf32>, %w: tensor<4xf32>) {
  // CHECK: tp.rms_norm %{{.*}}, %{{.*}} {eps = 1.000000e-05 : f64} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %0 = tp.rms_norm %x, %w {eps = 1.000000e-05 : f64} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  // CHECK: tp.layer_norm %{{.*}}, %{{.*}} {eps = 1.000000e-05 : f64} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %1 = tp.layer_norm %x, %w {eps = 1.000000e-05 : f64} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  // CHECK: tp.layer_norm %{{.*}}, %{{.*}} bias %{{.*}} {eps = 1.000000e-05 : f64} : (tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %2 = tp.layer_norm %x, %w bias %w {eps = 1.000000e-05 : f64} : (tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  return
}

// CHECK-LABEL: func.func @activation
func.func @activation(%x: tensor<2x4xf32>) {
  // CHECK: tp.activation silu %{{.*}} : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %0 = tp.activation silu %x : (tensor<2x4xf32>) -> tensor<2x4xf32>
  // CHECK: tp.activation gelu %{{.*}} : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = tp.activation gelu %x : (tensor<2x4xf32>) -> tensor<2x4xf32>
  // CHECK: tp.activation gelu_tanh %{{.*}} : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = tp.activation gelu_tanh %x : (tensor<2x4xf32>) -> tensor<2x4xf32>
  // CHECK: tp.activation relu %{{.*}} : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = tp.activation relu %x : (tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// CHECK-LABEL: func.func @rope
func.func @rope(%x: tensor<2x3x4x8xf32>, %p: tensor<2xi32>) {
  // CHECK: tp.rope %{{.*}} {rotary = #tp.rotary<base = 1.000000e+04>} : (tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %0 = tp.rope %x {rotary = #tp.rotary<base = 1.000000e+04>} : (tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  // CHECK: tp.rope %{{.*}} at %{{.*}} {rotary = #tp.rotary<base = 1.000000e+04, dim = 4, interleaved>} : (tensor<2x3x4x8xf32>, tensor<2xi32>) -> tensor<2x3x4x8xf32>
  %1 = tp.rope %x at %p {rotary = #tp.rotary<base = 1.000000e+04, dim = 4, interleaved>} : (tensor<2x3x4x8xf32>, tensor<2xi32>) -> tensor<2x3x4x8xf32>
  return
}

// CHECK-LABEL: func.func @kv_update
func.func @kv_update(%c: tensor<2x16x4x8xbf16>, %r: tensor<2x3x4x8xf32>, %p: tensor<2xi32>) {
  // CHECK: tp.kv_update %{{.*}}, %{{.*}} at %{{.*}} : (tensor<2x16x4x8xbf16>, tensor<2x3x4x8xf32>, tensor<2xi32>) -> tensor<2x16x4x8xbf16>
  %0 = tp.kv_update %c, %r at %p : (tensor<2x16x4x8xbf16>, tensor<2x3x4x8xf32>, tensor<2xi32>) -> tensor<2x16x4x8xbf16>
  return
}

// CHECK-LABEL: func.func @sdpa
func.func @sdpa(%q: tensor<1x3x4x8xf32>, %k: tensor<1x16x2x8xf32>, %p: tensor<1xi32>, %o: tensor<i32>) {
  // CHECK: tp.sdpa %{{.*}}, %{{.*}}, %{{.*}} {group = 2 : i64, scale = 5.000000e-01 : f64} : (tensor<1x3x4x8xf32>, tensor<1x16x2x8xf32>, tensor<1x16x2x8xf32>) -> tensor<1x3x4x8xf32>
  %0 = tp.sdpa %q, %k, %k {group = 2 : i64, scale = 5.000000e-01 : f64} : (tensor<1x3x4x8xf32>, tensor<1x16x2x8xf32>, tensor<1x16x2x8xf32>) -> tensor<1x3x4x8xf32>
  // CHECK: tp.sdpa %{{.*}}, %{{.*}}, %{{.*}} at %{{.*}} {causal, group = 2 : i64, scale = 5.000000e-01 : f64, window = 4 : i64} : (tensor<1x3x4x8xf32>, tensor<1x16x2x8xf32>, tensor<1x16x2x8xf32>, tensor<1xi32>) -> tensor<1x3x4x8xf32>
  %1 = tp.sdpa %q, %k, %k at %p {causal, group = 2 : i64, scale = 5.000000e-01 : f64, window = 4 : i64} : (tensor<1x3x4x8xf32>, tensor<1x16x2x8xf32>, tensor<1x16x2x8xf32>, tensor<1xi32>) -> tensor<1x3x4x8xf32>
  // CHECK: tp.sdpa %{{.*}}, %{{.*}}, %{{.*}} head_offset %{{.*}} {group = 3 : i64, scale = 5.000000e-01 : f64} : (tensor<1x3x4x8xf32>, tensor<1x16x2x8xf32>, tensor<1x16x2x8xf32>, tensor<i32>) -> tensor<1x3x4x8xf32>
  %2 = tp.sdpa %q, %k, %k head_offset %o {group = 3 : i64, scale = 5.000000e-01 : f64} : (tensor<1x3x4x8xf32>, tensor<1x16x2x8xf32>, tensor<1x16x2x8xf32>, tensor<i32>) -> tensor<1x3x4x8xf32>
  // CHECK: tp.sdpa %{{.*}}, %{{.*}}, %{{.*}} at %{{.*}} head_offset %{{.*}} {causal, group = 3 : i64, scale = 5.000000e-01 : f64} : (tensor<1x3x4x8xf32>, tensor<1x16x2x8xf32>, tensor<1x16x2x8xf32>, tensor<1xi32>, tensor<i32>) -> tensor<1x3x4x8xf32>
  %3 = tp.sdpa %q, %k, %k at %p head_offset %o {causal, group = 3 : i64, scale = 5.000000e-01 : f64} : (tensor<1x3x4x8xf32>, tensor<1x16x2x8xf32>, tensor<1x16x2x8xf32>, tensor<1xi32>, tensor<i32>) -> tensor<1x3x4x8xf32>
  return
}

// CHECK-LABEL: func.func @lookups
func.func @lookups(%i: tensor<2x3xi32>, %t: tensor<9x4xf32>, %x: tensor<2x8x4xf32>, %r: tensor<2xi32>) {
  // CHECK: tp.embedding %{{.*}}, %{{.*}} : (tensor<2x3xi32>, tensor<9x4xf32>) -> tensor<2x3x4xf32>
  %0 = tp.embedding %i, %t : (tensor<2x3xi32>, tensor<9x4xf32>) -> tensor<2x3x4xf32>
  // CHECK: tp.take_row %{{.*}}, %{{.*}} : (tensor<2x8x4xf32>, tensor<2xi32>) -> tensor<2x1x4xf32>
  %1 = tp.take_row %x, %r : (tensor<2x8x4xf32>, tensor<2xi32>) -> tensor<2x1x4xf32>
  return
}

// CHECK-LABEL: func.func @layers
func.func @layers(%x: tensor<1x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wo: tensor<6x8xf32>, %b8: tensor<8xf32>, %b4: tensor<4xf32>, %b6: tensor<6xf32>, %n: tensor<2xf32>, %c: tensor<1x5x2x2xf32>, %p: tensor<1xi32>) {
  // CHECK: tp.attention %{{.*}} weights(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) {head_size = 2 : i64, heads = 4 : i64, kv_heads = 2 : i64} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>) -> tensor<1x3x6xf32>
  %0 = tp.attention %x weights(%wq, %wk, %wk, %wo) {head_size = 2 : i64, heads = 4 : i64, kv_heads = 2 : i64} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>) -> tensor<1x3x6xf32>
  // CHECK: tp.attention %{{.*}} weights(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) bq(%{{.*}}) bk(%{{.*}}) bv(%{{.*}}) bo(%{{.*}}) norms(%{{.*}}, %{{.*}}) cache(%{{.*}}, %{{.*}} at %{{.*}}) {causal, head_size = 2 : i64, heads = 4 : i64, kv_heads = 2 : i64, norm_eps = 1.000000e-05 : f64, rotary = #tp.rotary<base = 1.000000e+04>, scale = 5.000000e-01 : f64, window = 4 : i64} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<6xf32>, tensor<2xf32>, tensor<2xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>, tensor<1xi32>) -> (tensor<1x3x6xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>)
  %1:3 = tp.attention %x weights(%wq, %wk, %wk, %wo) bq(%b8) bk(%b4) bv(%b4) bo(%b6) norms(%n, %n) cache(%c, %c at %p) {causal, head_size = 2 : i64, heads = 4 : i64, kv_heads = 2 : i64, norm_eps = 1.000000e-05 : f64, rotary = #tp.rotary<base = 1.000000e+04>, scale = 5.000000e-01 : f64, window = 4 : i64} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<6xf32>, tensor<2xf32>, tensor<2xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>, tensor<1xi32>) -> (tensor<1x3x6xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>)
  // CHECK: tp.mlp %{{.*}} up(%{{.*}}) down(%{{.*}}) {activation = #tp.activation_kind<relu>} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<6x8xf32>) -> tensor<1x3x6xf32>
  %2 = tp.mlp %x up(%wq) down(%wo) {activation = #tp.activation_kind<relu>} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<6x8xf32>) -> tensor<1x3x6xf32>
  // CHECK: tp.mlp %{{.*}} gate(%{{.*}}) gate_bias(%{{.*}}) up(%{{.*}}) up_bias(%{{.*}}) down(%{{.*}}) down_bias(%{{.*}}) {activation = #tp.activation_kind<silu>} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>, tensor<6x8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<6xf32>) -> tensor<1x3x6xf32>
  %3 = tp.mlp %x gate(%wq) gate_bias(%b8) up(%wq) up_bias(%b8) down(%wo) down_bias(%b6) {activation = #tp.activation_kind<silu>} : (tensor<1x3x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>, tensor<6x8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<6xf32>) -> tensor<1x3x6xf32>
  // CHECK: tp.logits %{{.*}}, %{{.*}} : (tensor<1x3x6xf32>, tensor<8x6xf32>) -> tensor<1x3x8xf32>
  %4 = tp.logits %x, %wq : (tensor<1x3x6xf32>, tensor<8x6xf32>) -> tensor<1x3x8xf32>
  return
}

// CHECK-LABEL: func.func @collectives
func.func @collectives(%x: tensor<4x6xf32>, %i: tensor<2xi32>) {
  // CHECK: tp.all_reduce sum %{{.*}} over ["tp"] on @mesh : tensor<4x6xf32>
  %0 = tp.all_reduce sum %x over ["tp"] on @mesh : tensor<4x6xf32>
  // CHECK: tp.all_reduce max %{{.*}} over ["dp", "tp"] on @mesh {origin = "f: tp.linear result"} : tensor<4x6xf32>
  %1 = tp.all_reduce max %x over ["dp", "tp"] on @mesh {origin = "f: tp.linear result"} : tensor<4x6xf32>
  // CHECK: tp.all_gather %{{.*}} dim 1 of 16 split <{"tp"}> on @mesh : tensor<4x6xf32> -> tensor<4x16xf32>
  %2 = tp.all_gather %x dim 1 of 16 split <{"tp"}> on @mesh : tensor<4x6xf32> -> tensor<4x16xf32>
  // CHECK: tp.all_slice %{{.*}} dim 0 of 4 split <{"tp", unit = 2}> on @mesh {origin = "why"} : tensor<4x6xf32> -> tensor<2x6xf32>
  %3 = tp.all_slice %x dim 0 of 4 split <{"tp", unit = 2}> on @mesh {origin = "why"} : tensor<4x6xf32> -> tensor<2x6xf32>
  // CHECK: tp.reduce_scatter sum %{{.*}} dim 1 of 6 split <{"tp"}> on @mesh : tensor<4x6xf32> -> tensor<4x2xf32>
  %4 = tp.reduce_scatter sum %x dim 1 of 6 split <{"tp"}> on @mesh : tensor<4x6xf32> -> tensor<4x2xf32>
  // CHECK: tp.all_to_all %{{.*}} from 0 of 8 split <{"dp"}> to 1 of 6 split <{"dp"}> on @mesh : tensor<4x6xf32> -> tensor<8x3xf32>
  %5 = tp.all_to_all %x from 0 of 8 split <{"dp"}> to 1 of 6 split <{"dp"}> on @mesh : tensor<4x6xf32> -> tensor<8x3xf32>
  // CHECK: tp.permute %{{.*}} over ["tp"] from [1, -1, 0] on @mesh : tensor<4x6xf32>
  %6 = tp.permute %x over ["tp"] from [1, -1, 0] on @mesh : tensor<4x6xf32>
  // CHECK: tp.as_partial %{{.*}} over ["tp"] on @mesh : tensor<4x6xf32>
  %7 = tp.as_partial %x over ["tp"] on @mesh : tensor<4x6xf32>
  // CHECK: tp.shift_index plus %{{.*}} size 128 split <{"tp"}> on @mesh : tensor<2xi32>
  %8 = tp.shift_index plus %i size 128 split <{"tp"}> on @mesh : tensor<2xi32>
  // CHECK: tp.shift_index minus %{{.*}} size 128 split <{"tp"}> on @mesh : tensor<2xi32>
  %9 = tp.shift_index minus %i size 128 split <{"tp"}> on @mesh : tensor<2xi32>
  // CHECK: tp.mask_padding %{{.*}} dim 1 of 16 split <{"tp"}> on @mesh : tensor<4x6xf32>
  %10 = tp.mask_padding %x dim 1 of 16 split <{"tp"}> on @mesh : tensor<4x6xf32>
  // CHECK: %{{.*}}:2 = tp.all_reduce sum %{{.*}}, %{{.*}} over ["tp"] on @mesh : tensor<4x6xf32>, tensor<2xi32>
  %11:2 = tp.all_reduce sum %x, %i over ["tp"] on @mesh : tensor<4x6xf32>, tensor<2xi32>
  // CHECK: %{{.*}}:2 = tp.all_gather %{{.*}}, %{{.*}} dim 0 of 4 split <{"dp"}> on @mesh : tensor<2x6xf32>, tensor<2xi32> -> tensor<4x6xf32>, tensor<4xi32>
  %12:2 = tp.all_gather %3, %i dim 0 of 4 split <{"dp"}> on @mesh : tensor<2x6xf32>, tensor<2xi32> -> tensor<4x6xf32>, tensor<4xi32>
  // CHECK: %{{.*}}:2 = tp.reduce_scatter max %{{.*}}, %{{.*}} dim 0 of 4 split <{"dp"}> on @mesh : tensor<4x6xf32>, tensor<4xi32> -> tensor<2x6xf32>, tensor<2xi32>
  %13:2 = tp.reduce_scatter max %12#0, %12#1 dim 0 of 4 split <{"dp"}> on @mesh : tensor<4x6xf32>, tensor<4xi32> -> tensor<2x6xf32>, tensor<2xi32>
  return
}

// CHECK-LABEL: func.func @experts
func.func @experts(%x: tensor<1x3x4xf32>, %r: tensor<5x4xf32>, %g: tensor<5x7x4xf32>, %d: tensor<5x4x7xf32>) {
  // CHECK: tp.moe %{{.*}} router(%{{.*}}) gate(%{{.*}}) up(%{{.*}}) down(%{{.*}}) {activation = #tp.activation_kind<silu>, normalised, top_k = 2 : i64} :
  %0 = tp.moe %x router(%r) gate(%g) up(%g) down(%d) {activation = #tp.activation_kind<silu>, top_k = 2, normalised}
      : (tensor<1x3x4xf32>, tensor<5x4xf32>, tensor<5x7x4xf32>, tensor<5x7x4xf32>, tensor<5x4x7xf32>) -> tensor<1x3x4xf32>
  %l = tp.linear %x, %r : (tensor<1x3x4xf32>, tensor<5x4xf32>) -> tensor<1x3x5xf32>
  // CHECK: tp.route %{{.*}} {top_k = 1 : i64} : (tensor<1x3x5xf32>) -> tensor<1x3x5xf32>
  %w = tp.route %l {top_k = 1} : (tensor<1x3x5xf32>) -> tensor<1x3x5xf32>
  // CHECK: tp.expert_up gelu %{{.*}}, %{{.*}} up(%{{.*}}) :
  %h = tp.expert_up gelu %x, %w up(%g) : (tensor<1x3x4xf32>, tensor<1x3x5xf32>, tensor<5x7x4xf32>) -> tensor<1x3x5x7xf32>
  // CHECK: tp.expert_down %{{.*}}, %{{.*}} down(%{{.*}}) :
  %y = tp.expert_down %h, %w down(%d) : (tensor<1x3x5x7xf32>, tensor<1x3x5xf32>, tensor<5x4x7xf32>) -> tensor<1x3x4xf32>
  return
}

// CHECK-LABEL: func.func @relative
func.func @relative(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32>, %k: tensor<1x5x2x2xf32>, %t: tensor<1x3xi32>, %b: tensor<4xf32>, %e: tensor<2x4xf32>, %l: tensor<1xi32>, %m: tensor<1x3x3xf32>, %n: tensor<8x2xf32>) {
  // CHECK: tp.cross_attention %{{.*}} weights(%{{.*}}, %{{.*}}) to(%{{.*}}, %{{.*}}) length(%{{.*}}) {head_size = 2 : i64, heads = 2 : i64, kv_heads = 2 : i64} :
  %0 = tp.cross_attention %x weights(%w, %w) to(%k, %k) length(%l) {heads = 2, kv_heads = 2, head_size = 2}
      : (tensor<1x3x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>, tensor<1xi32>) -> tensor<1x3x4xf32>
  // CHECK: tp.two_stream_attention %{{.*}} query(%{{.*}}) types(%{{.*}}) weights({{.*}}) biases({{.*}}) segments(%{{.*}}) mask(%{{.*}}) length(%{{.*}}) {head_size = 2 : i64, heads = 2 : i64} :
  %1:2 = tp.two_stream_attention %x query(%x) types(%t) weights(%w, %w, %w, %w, %w) biases(%b, %b, %b) segments(%e) mask(%m) length(%l) {heads = 2, head_size = 2}
      : (tensor<1x3x4xf32>, tensor<1x3x4xf32>, tensor<1x3xi32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>,
         tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<2x4xf32>, tensor<1x3x3xf32>, tensor<1xi32>) -> (tensor<1x3x4xf32>, tensor<1x3x4xf32>)
  // CHECK: tp.relative_bias %{{.*}} at %{{.*}} {bidirectional, max_distance = 12 : i64} :
  %2 = tp.relative_bias %n at %l {max_distance = 12, bidirectional} : (tensor<8x2xf32>, tensor<1xi32>) -> tensor<1x2x3x3xf32>
  // CHECK: tp.sinusoid {first = -1 : i64} : () -> tensor<6x4xf32>
  %3 = tp.sinusoid {first = -1} : () -> tensor<6x4xf32>
  // CHECK: tp.attention {{.*}} bias(%{{.*}})
  %4 = tp.attention %x weights(%w, %w, %w, %w) bias(%2) {heads = 2, kv_heads = 2, head_size = 2}
      : (tensor<1x3x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<1x2x3x3xf32>) -> tensor<1x3x4xf32>
  return
}
