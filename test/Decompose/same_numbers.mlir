// The layer and the ops that it is made of give the same numbers. Element i of an argument is i: the weights are scaled so that nothing saturates.
// RUN: tp-opt %s --tp-interpret=function=attention -o /dev/null > %t.layer
// RUN: tp-opt %s --tp-decompose-layers --tp-interpret=function=attention -o /dev/null > %t.ops
// RUN: FileCheck %s < %t.layer
// RUN: diff %t.layer %t.ops
// RUN: tp-opt %s --tp-interpret=function=mlp -o /dev/null > %t.layer
// RUN: tp-opt %s --tp-decompose-layers --tp-interpret=function=mlp -o /dev/null > %t.ops
// RUN: FileCheck %s < %t.layer
// RUN: diff %t.layer %t.ops
// RUN: tp-opt %s --tp-interpret=function=logits -o /dev/null > %t.layer
// RUN: tp-opt %s --tp-decompose-layers --tp-interpret=function=logits -o /dev/null > %t.ops
// RUN: diff %t.layer %t.ops
// RUN: tp-opt %s --tp-interpret=function=encoder -o /dev/null > %t.layer
// RUN: tp-opt %s --tp-decompose-layers --tp-interpret=function=encoder -o /dev/null > %t.ops
// RUN: FileCheck %s < %t.layer
// RUN: diff %t.layer %t.ops
// CHECK: result 0 = {{.*}}.

func.func @attention(%x0: tensor<2x3x6xf32>, %wq0: tensor<8x6xf32>, %wk0: tensor<4x6xf32>, %wo: tensor<6x8xf32>, %bq: tensor<8xf32>, %bk: tensor<4xf32>,
                     %n0: tensor<2xf32>, %k: tensor<2x5x2x2xf32>, %pos: tensor<2xi32>) -> (tensor<2x3x6xf32>, tensor<2x5x2x2xf32>, tensor<2x5x2x2xf32>) {
  %s = arith.constant dense<0.01> : tensor<2x3x6xf32>
  %x = arith.mulf %x0, %s : tensor<2x3x6xf32>
  %sq = arith.constant dense<0.02> : tensor<8x6xf32>
  %wq = arith.mulf %wq0, %sq : tensor<8x6xf32>
  %sk = arith.constant dense<0.02> : tensor<4x6xf32>
  %wk = arith.mulf %wk0, %sk : tensor<4x6xf32>
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wk, %wo) bq(%bq) bk(%bk) bv(%bk) norms(%n0, %n0) cache(%k, %k at %pos)
      {heads = 4, kv_heads = 2, head_size = 2, causal, window = 3, rotary = #tp.rotary<base = 100.0>}
      : (tensor<2x3x6xf32>, tensor<8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x8xf32>, tensor<8xf32>, tensor<4xf32>, tensor<4xf32>,
         tensor<2xf32>, tensor<2xf32>, tensor<2x5x2x2xf32>, tensor<2x5x2x2xf32>, tensor<2xi32>)
      -> (tensor<2x3x6xf32>, tensor<2x5x2x2xf32>, tensor<2x5x2x2xf32>)
  return %y, %k1, %v1 : tensor<2x3x6xf32>, tensor<2x5x2x2xf32>, tensor<2x5x2x2xf32>
}
func.func @mlp(%x0: tensor<1x3x4xf32>, %g0: tensor<8x4xf32>, %d: tensor<4x8xf32>, %b: tensor<4xf32>) -> (tensor<1x3x4xf32>, tensor<1x3x4xf32>) {
  %s = arith.constant dense<0.1> : tensor<1x3x4xf32>
  %x = arith.mulf %x0, %s : tensor<1x3x4xf32>
  %sg = arith.constant dense<0.05> : tensor<8x4xf32>
  %g = arith.mulf %g0, %sg : tensor<8x4xf32>
  %y = tp.mlp %x gate(%g) up(%g) down(%d) {activation = #tp.activation_kind<silu>}
      : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x3x4xf32>
  %z = tp.mlp %x up(%g) down(%d) down_bias(%b) {activation = #tp.activation_kind<gelu>}
      : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  return %y, %z : tensor<1x3x4xf32>, tensor<1x3x4xf32>
}
func.func @logits(%x: tensor<1x3x4xf32>, %w: tensor<9x4xf32>) -> tensor<1x3x9xf32> {
  %y = tp.logits %x, %w {softcap = 30.0 : f64} : (tensor<1x3x4xf32>, tensor<9x4xf32>) -> tensor<1x3x9xf32>
  return %y : tensor<1x3x9xf32>
}
func.func @encoder(%x0: tensor<2x3x6xf32>, %w0: tensor<8x6xf32>, %wo: tensor<6x8xf32>) -> tensor<2x3x6xf32> {
  %s = arith.constant dense<0.01> : tensor<2x3x6xf32>
  %x = arith.mulf %x0, %s : tensor<2x3x6xf32>
  %sw = arith.constant dense<0.02> : tensor<8x6xf32>
  %w = arith.mulf %w0, %sw : tensor<8x6xf32>
  %n = arith.constant dense<[1, 2]> : tensor<2xi32>
  %y = tp.attention %x weights(%w, %w, %w, %wo) length(%n) {heads = 4, kv_heads = 4, head_size = 2, softcap = 3.0 : f64}
      : (tensor<2x3x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>, tensor<6x8xf32>, tensor<2xi32>) -> tensor<2x3x6xf32>
  return %y : tensor<2x3x6xf32>
}
