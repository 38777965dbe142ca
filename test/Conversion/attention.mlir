// Rotation, caches and attention agree with the interpreter: grouped heads, a head offset, positions, a window, chunks and steps.
// RUN: tp-cpu-check %s --tolerance 2e-5
// RUN: tp-gpu-check %s --tolerance 2e-5
// RUN: tp-cpu-check %s --tolerance 2e-5 --cpu x86-64-v3

module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 1]>
func.func private @layer(%q0: tensor<2x5x6x8xf32>, %k0: tensor<2x5x3x8xf32>, %v: tensor<2x5x3x8xf32>, %kc: tensor<2x80x3x8xf32>, %vc: tensor<2x80x3x8xf32>, %p: tensor<2xi32>)
    -> (tensor<2x5x6x8xf32>, tensor<2x80x3x8xf32>, tensor<2x80x3x8xf32>) {
  %q = tp.rope %q0 at %p {rotary = #tp.rotary<base = 10000.0>} : (tensor<2x5x6x8xf32>, tensor<2xi32>) -> tensor<2x5x6x8xf32>
  %k = tp.rope %k0 at %p {rotary = #tp.rotary<base = 10000.0>} : (tensor<2x5x3x8xf32>, tensor<2xi32>) -> tensor<2x5x3x8xf32>
  %k1 = tp.kv_update %kc, %k at %p : (tensor<2x80x3x8xf32>, tensor<2x5x3x8xf32>, tensor<2xi32>) -> tensor<2x80x3x8xf32>
  %v1 = tp.kv_update %vc, %v at %p : (tensor<2x80x3x8xf32>, tensor<2x5x3x8xf32>, tensor<2xi32>) -> tensor<2x80x3x8xf32>
  %y = tp.sdpa %q, %k1, %v1 at %p {causal, group = 2, scale = 0.35 : f64} : (tensor<2x5x6x8xf32>, tensor<2x80x3x8xf32>, tensor<2x80x3x8xf32>, tensor<2xi32>) -> tensor<2x5x6x8xf32>
  return %y, %k1, %v1 : tensor<2x5x6x8xf32>, tensor<2x80x3x8xf32>, tensor<2x80x3x8xf32>
}
func.func @first(%q: tensor<2x5x6x8xf32> {tp.input = "q"}, %k: tensor<2x5x3x8xf32> {tp.input = "k"}, %v: tensor<2x5x3x8xf32> {tp.input = "v"}, %p: tensor<2xi32> {tp.input = "position", tp.low = 0, tp.high = 0},
    %kc: tensor<2x80x3x8xf32> {tp.state = "k"}, %vc: tensor<2x80x3x8xf32> {tp.state = "v"})
    -> (tensor<2x5x6x8xf32> {tp.output = "y"}, tensor<2x80x3x8xf32> {tp.state = "k"}, tensor<2x80x3x8xf32> {tp.state = "v"}) attributes {tp.entry = "first"} {
  %y:3 = call @layer(%q, %k, %v, %kc, %vc, %p) : (tensor<2x5x6x8xf32>, tensor<2x5x3x8xf32>, tensor<2x5x3x8xf32>, tensor<2x80x3x8xf32>, tensor<2x80x3x8xf32>, tensor<2xi32>) -> (tensor<2x5x6x8xf32>, tensor<2x80x3x8xf32>, tensor<2x80x3x8xf32>)
  return %y#0, %y#1, %y#2 : tensor<2x5x6x8xf32>, tensor<2x80x3x8xf32>, tensor<2x80x3x8xf32>
}
func.func @second(%q: tensor<2x5x6x8xf32> {tp.input = "q"}, %k: tensor<2x5x3x8xf32> {tp.input = "k"}, %v: tensor<2x5x3x8xf32> {tp.input = "v"}, %p: tensor<2xi32> {tp.input = "position", tp.low = 5, tp.high = 5},
    %kc: tensor<2x80x3x8xf32> {tp.state = "k"}, %vc: tensor<2x80x3x8xf32> {tp.state = "v"})
    -> (tensor<2x5x6x8xf32> {tp.output = "y"}, tensor<2x80x3x8xf32> {tp.state = "k"}, tensor<2x80x3x8xf32> {tp.state = "v"}) attributes {tp.entry = "second"} {
  %y:3 = call @layer(%q, %k, %v, %kc, %vc, %p) : (tensor<2x5x6x8xf32>, tensor<2x5x3x8xf32>, tensor<2x5x3x8xf32>, tensor<2x80x3x8xf32>, tensor<2x80x3x8xf32>, tensor<2xi32>) -> (tensor<2x5x6x8xf32>, tensor<2x80x3x8xf32>, tensor<2x80x3x8xf32>)
  return %y#0, %y#1, %y#2 : tensor<2x5x6x8xf32>, tensor<2x80x3x8xf32>, tensor<2x80x3x8xf32>
}
// Past the first block of keys, and at different places.
func.func @far(%q: tensor<2x5x6x8xf32> {tp.input = "q"}, %k: tensor<2x5x3x8xf32> {tp.input = "k"}, %v: tensor<2x5x3x8xf32> {tp.input = "v"}, %p: tensor<2xi32> {tp.input = "position", tp.low = 55, tp.high = 75},
    %kc: tensor<2x80x3x8xf32> {tp.state = "k"}, %vc: tensor<2x80x3x8xf32> {tp.state = "v"})
    -> (tensor<2x5x6x8xf32> {tp.output = "y"}, tensor<2x80x3x8xf32> {tp.state = "k"}, tensor<2x80x3x8xf32> {tp.state = "v"}) attributes {tp.entry = "far"} {
  %y:3 = call @layer(%q, %k, %v, %kc, %vc, %p) : (tensor<2x5x6x8xf32>, tensor<2x5x3x8xf32>, tensor<2x5x3x8xf32>, tensor<2x80x3x8xf32>, tensor<2x80x3x8xf32>, tensor<2xi32>) -> (tensor<2x5x6x8xf32>, tensor<2x80x3x8xf32>, tensor<2x80x3x8xf32>)
  return %y#0, %y#1, %y#2 : tensor<2x5x6x8xf32>, tensor<2x80x3x8xf32>, tensor<2x80x3x8xf32>
}
// One row, a window, five query heads of two key heads from head 4 of groups of 3 on, head size 20.
func.func @step(%q0: tensor<2x1x5x20xf32> {tp.input = "q"}, %k0: tensor<2x1x3x20xf32> {tp.input = "k"}, %v: tensor<2x1x3x20xf32> {tp.input = "v"}, %p: tensor<2xi32> {tp.input = "position", tp.low = 3, tp.high = 9},
    %o: tensor<i32> {tp.input = "offset", tp.low = 4, tp.high = 4}, %kc: tensor<2x17x3x20xf32> {tp.state = "k2"}, %vc: tensor<2x17x3x20xf32> {tp.state = "v2"})
    -> (tensor<2x1x5x20xf32> {tp.output = "y"}, tensor<2x17x3x20xf32> {tp.state = "k2"}, tensor<2x17x3x20xf32> {tp.state = "v2"}) attributes {tp.entry = "step"} {
  %q = tp.rope %q0 at %p {rotary = #tp.rotary<base = 10000.0, dim = 12, interleaved>} : (tensor<2x1x5x20xf32>, tensor<2xi32>) -> tensor<2x1x5x20xf32>
  %k = tp.rope %k0 at %p {rotary = #tp.rotary<base = 10000.0, dim = 12, interleaved>} : (tensor<2x1x3x20xf32>, tensor<2xi32>) -> tensor<2x1x3x20xf32>
  %k1 = tp.kv_update %kc, %k at %p : (tensor<2x17x3x20xf32>, tensor<2x1x3x20xf32>, tensor<2xi32>) -> tensor<2x17x3x20xf32>
  %v1 = tp.kv_update %vc, %v at %p : (tensor<2x17x3x20xf32>, tensor<2x1x3x20xf32>, tensor<2xi32>) -> tensor<2x17x3x20xf32>
  %y = tp.sdpa %q, %k1, %v1 at %p head_offset %o {causal, group = 3, scale = 0.35 : f64, window = 4} : (tensor<2x1x5x20xf32>, tensor<2x17x3x20xf32>, tensor<2x17x3x20xf32>, tensor<2xi32>, tensor<i32>) -> tensor<2x1x5x20xf32>
  return %y, %k1, %v1 : tensor<2x1x5x20xf32>, tensor<2x17x3x20xf32>, tensor<2x17x3x20xf32>
}
// Lengths (one sequence sees nothing), bent scores.
func.func @padded(%q: tensor<3x70x4x7xf32> {tp.input = "q"}, %k: tensor<3x70x2x7xf32> {tp.input = "k"}, %v: tensor<3x70x2x7xf32> {tp.input = "v"}, %n: tensor<3xi32> {tp.input = "length", tp.low = 1, tp.high = 69},
    %z: tensor<3xi32> {tp.input = "none", tp.low = 0, tp.high = 0}) -> (tensor<3x70x4x7xf32> {tp.output = "y"}, tensor<3x70x4x7xf32> {tp.output = "zeros"}) attributes {tp.entry = "padded"} {
  %y = tp.sdpa %q, %k, %v length %n {group = 2, scale = 1.0 : f64, softcap = 1.5 : f64} : (tensor<3x70x4x7xf32>, tensor<3x70x2x7xf32>, tensor<3x70x2x7xf32>, tensor<3xi32>) -> tensor<3x70x4x7xf32>
  %w = tp.sdpa %q, %k, %v length %z {group = 2, scale = 1.0 : f64} : (tensor<3x70x4x7xf32>, tensor<3x70x2x7xf32>, tensor<3x70x2x7xf32>, tensor<3xi32>) -> tensor<3x70x4x7xf32>
  return %y, %w : tensor<3x70x4x7xf32>, tensor<3x70x4x7xf32>
}
// Not causal, no cache, odd head size.
func.func @encode(%q: tensor<2x9x4x7xf32> {tp.input = "q"}, %k: tensor<2x9x4x7xf32> {tp.input = "k"}, %v: tensor<2x9x4x7xf32> {tp.input = "v"})
    -> (tensor<2x9x4x7xf32> {tp.output = "y"}) attributes {tp.entry = "encode"} {
  %y = tp.sdpa %q, %k, %v {group = 1, scale = 1.0 : f64} : (tensor<2x9x4x7xf32>, tensor<2x9x4x7xf32>, tensor<2x9x4x7xf32>) -> tensor<2x9x4x7xf32>
  return %y : tensor<2x9x4x7xf32>
}
}
