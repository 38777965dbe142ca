// RUN: tp-opt %s --tp-assign-layouts | FileCheck %s

// A weight has one layout everywhere: the tied table is read by a linear in @layer, so the embedding reads panels too.
// CHECK-LABEL: func private @layer
// CHECK-SAME: %arg0: tensor<1x2x8xf32>, %arg1: tensor<20x8xf32> {cpu.kind = "weight", cpu.layout = "panel"}
// CHECK-SAME: %arg2: tensor<1x4x1x8xf32> {cpu.kind = "state", cpu.layout = "keys"}, %arg3: tensor<1x4x1x8xf32> {cpu.kind = "state", cpu.layout = "values"}
// CHECK-SAME: -> (tensor<1x2x20xf32>, tensor<1x4x1x8xf32> {cpu.alias = 2 : i64}, tensor<1x4x1x8xf32> {cpu.alias = 3 : i64})
func.func private @layer(%x: tensor<1x2x8xf32>, %w: tensor<20x8xf32>, %k: tensor<1x4x1x8xf32>, %v: tensor<1x4x1x8xf32>, %p: tensor<1xi32>)
    -> (tensor<1x2x20xf32>, tensor<1x4x1x8xf32>, tensor<1x4x1x8xf32>) {
  %h = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [1, 2, 1, 8] : tensor<1x2x8xf32> into tensor<1x2x1x8xf32>
  %k1 = tp.kv_update %k, %h at %p : (tensor<1x4x1x8xf32>, tensor<1x2x1x8xf32>, tensor<1xi32>) -> tensor<1x4x1x8xf32>
  %v1 = tp.kv_update %v, %h at %p : (tensor<1x4x1x8xf32>, tensor<1x2x1x8xf32>, tensor<1xi32>) -> tensor<1x4x1x8xf32>
  %a = tp.sdpa %h, %k1, %v1 at %p {causal, group = 1, scale = 0.35 : f64}
      : (tensor<1x2x1x8xf32>, tensor<1x4x1x8xf32>, tensor<1x4x1x8xf32>, tensor<1xi32>) -> tensor<1x2x1x8xf32>
  %b = tensor.collapse_shape %a [[0], [1], [2, 3]] : tensor<1x2x1x8xf32> into tensor<1x2x8xf32>
  %y = tp.linear %b, %w : (tensor<1x2x8xf32>, tensor<20x8xf32>) -> tensor<1x2x20xf32>
  return %y, %k1, %v1 : tensor<1x2x20xf32>, tensor<1x4x1x8xf32>, tensor<1x4x1x8xf32>
}

// CHECK-LABEL: func @f
// CHECK-SAME: {cpu.kind = "weight", cpu.layout = "panel", tp.parameter = "table"}
// CHECK-SAME: {cpu.kind = "weight", tp.parameter = "positions"}
// CHECK-SAME: {cpu.kind = "state", cpu.layout = "keys", tp.state = "k"}
func.func @f(%t: tensor<1x2xi32> {tp.input = "tokens"}, %p: tensor<1xi32> {tp.input = "position"}, %w: tensor<20x8xf32> {tp.parameter = "table"},
    %e: tensor<20x8xf32> {tp.parameter = "positions"}, %k: tensor<1x4x1x8xf32> {tp.state = "k"}, %v: tensor<1x4x1x8xf32> {tp.state = "v"})
    -> (tensor<1x2x20xf32> {tp.output = "y"}, tensor<1x4x1x8xf32> {tp.state = "k"}, tensor<1x4x1x8xf32> {tp.state = "v"}) attributes {tp.entry = "f"} {
  %x = tp.embedding %t, %w : (tensor<1x2xi32>, tensor<20x8xf32>) -> tensor<1x2x8xf32>
  %z = tp.embedding %t, %e : (tensor<1x2xi32>, tensor<20x8xf32>) -> tensor<1x2x8xf32>
  %s = arith.addf %x, %z : tensor<1x2x8xf32>
  %y:3 = call @layer(%s, %w, %k, %v, %p) : (tensor<1x2x8xf32>, tensor<20x8xf32>, tensor<1x4x1x8xf32>, tensor<1x4x1x8xf32>, tensor<1xi32>)
      -> (tensor<1x2x20xf32>, tensor<1x4x1x8xf32>, tensor<1x4x1x8xf32>)
  return %y#0, %y#1, %y#2 : tensor<1x2x20xf32>, tensor<1x4x1x8xf32>, tensor<1x4x1x8xf32>
}
