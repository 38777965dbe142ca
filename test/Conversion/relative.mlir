// Scores that depend on distances agree with the interpreter.
// RUN: tp-cpu-check %s
// RUN: tp-cpu-check %s --cpu x86-64-v3
// RUN: tp-gpu-check %s

module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 1]>
func.func @buckets(%t: tensor<12x5xf32> {tp.parameter = "t"}, %b: tensor<8x3xbf16> {tp.parameter = "b"}, %p: tensor<2xi32> {tp.input = "p", tp.low = 0, tp.high = 60})
    -> (tensor<2x5x7x67xf32> {tp.output = "both"}, tensor<1x3x40x40xf32> {tp.output = "behind"}) attributes {tp.entry = "buckets"} {
  %0 = tp.relative_bias %t at %p {max_distance = 20, bidirectional} : (tensor<12x5xf32>, tensor<2xi32>) -> tensor<2x5x7x67xf32>
  %1 = tp.relative_bias %b {max_distance = 128} : (tensor<8x3xbf16>) -> tensor<1x3x40x40xf32>
  return %0, %1 : tensor<2x5x7x67xf32>, tensor<1x3x40x40xf32>
}
// More keys than a block, not a multiple of one; grouped heads; padding.
func.func @biased(%q: tensor<2x7x6x5xf32> {tp.input = "q"}, %k: tensor<2x67x3x5xf32> {tp.input = "k"}, %v: tensor<2x67x3x5xf32> {tp.input = "v"},
    %b: tensor<2x6x7x67xf32> {tp.input = "b"}, %l: tensor<2xi32> {tp.input = "l", tp.low = 1, tp.high = 67}) -> (tensor<2x7x6x5xf32> {tp.output = "y"}) attributes {tp.entry = "biased"} {
  %y = tp.sdpa %q, %k, %v length %l bias %b {group = 2, scale = 0.5 : f64} : (tensor<2x7x6x5xf32>, tensor<2x67x3x5xf32>, tensor<2x67x3x5xf32>, tensor<2xi32>, tensor<2x6x7x67xf32>) -> tensor<2x7x6x5xf32>
  return %y : tensor<2x7x6x5xf32>
}
func.func @sinusoid() -> (tensor<6x12xf32> {tp.output = "a"}, tensor<50x64xf32> {tp.output = "b"}) attributes {tp.entry = "sinusoid"} {
  %0 = tp.sinusoid {first = 3} : () -> tensor<6x12xf32>
  %1 = tp.sinusoid {first = 25} : () -> tensor<50x64xf32>
  return %0, %1 : tensor<6x12xf32>, tensor<50x64xf32>
}
func.func @scores(%q: tensor<2x3x5x19xf32> {tp.input = "q"}, %r: tensor<6x5x19xf32> {tp.input = "r"}, %t: tensor<2x3xi32> {tp.input = "t", tp.low = 0, tp.high = 1},
    %c: tensor<95xf32> {tp.parameter = "c"}, %p: tensor<95xf32> {tp.parameter = "p"}, %g: tensor<95xf32> {tp.parameter = "g"}, %s: tensor<2x95xf32> {tp.parameter = "s"})
    -> (tensor<2x5x3x3xf32> {tp.output = "y"}) attributes {tp.entry = "scores"} {
  %y = tp.relative_scores %q, %r types(%t) biases(%c, %p, %g) segments(%s) {scale = 0.35 : f64}
      : (tensor<2x3x5x19xf32>, tensor<6x5x19xf32>, tensor<2x3xi32>, tensor<95xf32>, tensor<95xf32>, tensor<95xf32>, tensor<2x95xf32>) -> tensor<2x5x3x3xf32>
  return %y : tensor<2x5x3x3xf32>
}
// The mask is random, so nothing but a query's own key is seen.
func.func @masked(%q: tensor<2x3x5x16xf32> {tp.input = "q"}, %r: tensor<6x5x16xf32> {tp.input = "r"}, %t: tensor<2x3xi32> {tp.input = "t", tp.low = 0, tp.high = 1},
    %c: tensor<80xf32> {tp.parameter = "c2"}, %p: tensor<80xf32> {tp.parameter = "p2"}, %g: tensor<80xf32> {tp.parameter = "g2"}, %s: tensor<2x80xf32> {tp.parameter = "s2"},
    %m: tensor<2x3x3xf32> {tp.input = "m"}) -> (tensor<2x5x3x3xf32> {tp.output = "y"}) attributes {tp.entry = "masked"} {
  %y = tp.relative_scores %q, %r types(%t) biases(%c, %p, %g) segments(%s) mask(%m) {scale = 0.35 : f64, sees_self}
      : (tensor<2x3x5x16xf32>, tensor<6x5x16xf32>, tensor<2x3xi32>, tensor<80xf32>, tensor<80xf32>, tensor<80xf32>, tensor<2x80xf32>, tensor<2x3x3xf32>) -> tensor<2x5x3x3xf32>
  return %y : tensor<2x5x3x3xf32>
}
}
