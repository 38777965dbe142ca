// Attention with head sizes that are no power of two, and beyond those of tensor cores, agrees with the interpreter: many
// rows in f32 and on a bf16 cache, one row.
// RUN: tp-gpu-check %s

module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 1]>
func.func @size80_rows1_bf16(%q: tensor<1x1x4x80xf32> {tp.input = "q"}, %k: tensor<1x70x2x80xbf16> {tp.input = "k"}, %v: tensor<1x70x2x80xbf16> {tp.input = "v"}, %p: tensor<1xi32> {tp.input = "p", tp.low = 20, tp.high = 29})
    -> (tensor<1x1x4x80xf32> {tp.output = "y"}) attributes {tp.entry = "size80_rows1_bf16"} {
  %y = tp.sdpa %q, %k, %v at %p {causal, group = 2, scale = 0.1 : f64} : (tensor<1x1x4x80xf32>, tensor<1x70x2x80xbf16>, tensor<1x70x2x80xbf16>, tensor<1xi32>) -> tensor<1x1x4x80xf32>
  return %y : tensor<1x1x4x80xf32>
}
func.func @size80_rows40_f32(%q: tensor<1x40x4x80xf32> {tp.input = "q"}, %k: tensor<1x70x2x80xf32> {tp.input = "k"}, %v: tensor<1x70x2x80xf32> {tp.input = "v"}, %p: tensor<1xi32> {tp.input = "p", tp.low = 20, tp.high = 29})
    -> (tensor<1x40x4x80xf32> {tp.output = "y"}) attributes {tp.entry = "size80_rows40_f32"} {
  %y = tp.sdpa %q, %k, %v at %p {causal, group = 2, scale = 0.1 : f64} : (tensor<1x40x4x80xf32>, tensor<1x70x2x80xf32>, tensor<1x70x2x80xf32>, tensor<1xi32>) -> tensor<1x40x4x80xf32>
  return %y : tensor<1x40x4x80xf32>
}
func.func @size96_rows40_f32(%q: tensor<1x40x4x96xf32> {tp.input = "q"}, %k: tensor<1x70x2x96xf32> {tp.input = "k"}, %v: tensor<1x70x2x96xf32> {tp.input = "v"}, %p: tensor<1xi32> {tp.input = "p", tp.low = 20, tp.high = 29})
    -> (tensor<1x40x4x96xf32> {tp.output = "y"}) attributes {tp.entry = "size96_rows40_f32"} {
  %y = tp.sdpa %q, %k, %v at %p {causal, group = 2, scale = 0.1 : f64} : (tensor<1x40x4x96xf32>, tensor<1x70x2x96xf32>, tensor<1x70x2x96xf32>, tensor<1xi32>) -> tensor<1x40x4x96xf32>
  return %y : tensor<1x40x4x96xf32>
}
func.func @size112_rows40_bf16(%q: tensor<1x40x4x112xf32> {tp.input = "q"}, %k: tensor<1x70x2x112xbf16> {tp.input = "k"}, %v: tensor<1x70x2x112xbf16> {tp.input = "v"}, %p: tensor<1xi32> {tp.input = "p", tp.low = 20, tp.high = 29})
    -> (tensor<1x40x4x112xf32> {tp.output = "y"}) attributes {tp.entry = "size112_rows40_bf16"} {
  %y = tp.sdpa %q, %k, %v at %p {causal, group = 2, scale = 0.1 : f64} : (tensor<1x40x4x112xf32>, tensor<1x70x2x112xbf16>, tensor<1x70x2x112xbf16>, tensor<1xi32>) -> tensor<1x40x4x112xf32>
  return %y : tensor<1x40x4x112xf32>
}
func.func @size112_rows1_f32(%q: tensor<1x1x4x112xf32> {tp.input = "q"}, %k: tensor<1x70x2x112xf32> {tp.input = "k"}, %v: tensor<1x70x2x112xf32> {tp.input = "v"}, %p: tensor<1xi32> {tp.input = "p", tp.low = 20, tp.high = 29})
    -> (tensor<1x1x4x112xf32> {tp.output = "y"}) attributes {tp.entry = "size112_rows1_f32"} {
  %y = tp.sdpa %q, %k, %v at %p {causal, group = 2, scale = 0.1 : f64} : (tensor<1x1x4x112xf32>, tensor<1x70x2x112xf32>, tensor<1x70x2x112xf32>, tensor<1xi32>) -> tensor<1x1x4x112xf32>
  return %y : tensor<1x1x4x112xf32>
}
func.func @size256_rows40_bf16(%q: tensor<1x40x4x256xf32> {tp.input = "q"}, %k: tensor<1x70x2x256xbf16> {tp.input = "k"}, %v: tensor<1x70x2x256xbf16> {tp.input = "v"}, %p: tensor<1xi32> {tp.input = "p", tp.low = 20, tp.high = 29})
    -> (tensor<1x40x4x256xf32> {tp.output = "y"}) attributes {tp.entry = "size256_rows40_bf16"} {
  %y = tp.sdpa %q, %k, %v at %p {causal, group = 2, scale = 0.1 : f64} : (tensor<1x40x4x256xf32>, tensor<1x70x2x256xbf16>, tensor<1x70x2x256xbf16>, tensor<1xi32>) -> tensor<1x40x4x256xf32>
  return %y : tensor<1x40x4x256xf32>
}
func.func @size256_rows1_bf16(%q: tensor<1x1x4x256xf32> {tp.input = "q"}, %k: tensor<1x70x2x256xbf16> {tp.input = "k"}, %v: tensor<1x70x2x256xbf16> {tp.input = "v"}, %p: tensor<1xi32> {tp.input = "p", tp.low = 20, tp.high = 29})
    -> (tensor<1x1x4x256xf32> {tp.output = "y"}) attributes {tp.entry = "size256_rows1_bf16"} {
  %y = tp.sdpa %q, %k, %v at %p {causal, group = 2, scale = 0.1 : f64} : (tensor<1x1x4x256xf32>, tensor<1x70x2x256xbf16>, tensor<1x70x2x256xbf16>, tensor<1xi32>) -> tensor<1x1x4x256xf32>
  return %y : tensor<1x1x4x256xf32>
}
}
