// Scores in the thousands over several blocks of keys, of a single device: the code for the CPU merges blocks as a ring does, and no exponential overflows.
// RUN: tp-cpu-check %s --tolerance 1e-3
// RUN: tp-cpu-check %s --tolerance 1e-3 --cpu x86-64-v3

module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 1]>
func.func @attend(%q: tensor<1x3x4x8xf32> {tp.input = "q"}, %k: tensor<1x200x2x8xf32> {tp.input = "k"}, %v: tensor<1x200x2x8xf32> {tp.input = "v"})
    -> (tensor<1x3x4x8xf32> {tp.output = "y"}) attributes {tp.entry = "attend"} {
  %y = tp.sdpa %q, %k, %v {group = 2, scale = 1000.0 : f64} : (tensor<1x3x4x8xf32>, tensor<1x200x2x8xf32>, tensor<1x200x2x8xf32>) -> tensor<1x3x4x8xf32>
  return %y : tensor<1x3x4x8xf32>
}
}
