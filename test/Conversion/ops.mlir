// The other ops agree with the interpreter, for rows that are no multiple of a vector.
// RUN: tp-cpu-check %s
// RUN: tp-gpu-check %s
// RUN: tp-cpu-check %s --cpu x86-64-v3

module attributes {tp.partitioned} {
tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @norms(%x: tensor<2x3x37xf32> {tp.input = "x"}, %w: tensor<37xf32> {tp.parameter = "w"}, %b: tensor<37xf32> {tp.parameter = "b"})
    -> (tensor<2x3x37xf32> {tp.output = "rms"}, tensor<2x3x37xf32> {tp.output = "layer"}, tensor<2x3x37xf32> {tp.output = "plain"}) attributes {tp.entry = "norms"} {
  %0 = tp.rms_norm %x, %w {eps = 1.0e-5 : f64} : (tensor<2x3x37xf32>, tensor<37xf32>) -> tensor<2x3x37xf32>
  %1 = tp.layer_norm %x, %w bias %b {eps = 1.0e-5 : f64} : (tensor<2x3x37xf32>, tensor<37xf32>, tensor<37xf32>) -> tensor<2x3x37xf32>
  %2 = tp.layer_norm %x, %w {eps = 1.0e-5 : f64} : (tensor<2x3x37xf32>, tensor<37xf32>) -> tensor<2x3x37xf32>
  return %0, %1, %2 : tensor<2x3x37xf32>, tensor<2x3x37xf32>, tensor<2x3x37xf32>
}
func.func @elementwise(%x: tensor<3x25xf32> {tp.input = "x"}, %y: tensor<3x25xf32> {tp.input = "y"}, %i: tensor<7xi32> {tp.input = "i", tp.low = -9, tp.high = 9})
    -> (tensor<75xf32> {tp.output = "a"}, tensor<3x25xbf16> {tp.output = "b"}, tensor<7xi32> {tp.output = "c"}, tensor<3x25xf32> {tp.output = "constant"}, tensor<3x25xf32> {tp.output = "copy"},
        tensor<3x25xf32> {tp.output = "copy2"}) attributes {tp.entry = "elementwise"} {
  %ten = arith.constant dense<10.0> : tensor<3x25xf32>
  %two = arith.constant dense<2> : tensor<7xi32>
  %0 = tp.activation silu %x : (tensor<3x25xf32>) -> tensor<3x25xf32>
  %1 = tp.activation gelu %y : (tensor<3x25xf32>) -> tensor<3x25xf32>
  %2 = tp.activation gelu_tanh %0 : (tensor<3x25xf32>) -> tensor<3x25xf32>
  %3 = tp.activation relu %y : (tensor<3x25xf32>) -> tensor<3x25xf32>
  %4 = arith.addf %2, %1 : tensor<3x25xf32>
  %5 = arith.mulf %4, %3 : tensor<3x25xf32>
  %6 = arith.subf %5, %ten : tensor<3x25xf32>
  %7 = arith.divf %6, %ten : tensor<3x25xf32>
  %8 = tensor.collapse_shape %7 [[0, 1]] : tensor<3x25xf32> into tensor<75xf32>
  %9 = arith.truncf %4 : tensor<3x25xf32> to tensor<3x25xbf16>
  %10 = arith.addi %i, %two : tensor<7xi32>
  %11 = arith.muli %10, %i : tensor<7xi32>
  return %8, %9, %11, %ten, %x, %x : tensor<75xf32>, tensor<3x25xbf16>, tensor<7xi32>, tensor<3x25xf32>, tensor<3x25xf32>, tensor<3x25xf32>
}
func.func @lookup(%t: tensor<2x5xi32> {tp.input = "tokens", tp.low = -2, tp.high = 40}, %l: tensor<2xi32> {tp.input = "row", tp.low = 0, tp.high = 5},
    %plain: tensor<35x70xf32> {tp.parameter = "plain"}, %tied: tensor<35x70xf32> {tp.parameter = "tied"})
    -> (tensor<2x1x70xf32> {tp.output = "row"}, tensor<2x5x70xf32> {tp.output = "x"}, tensor<2x5x35xf32> {tp.output = "logits"}) attributes {tp.entry = "lookup"} {
  %0 = tp.embedding %t, %plain : (tensor<2x5xi32>, tensor<35x70xf32>) -> tensor<2x5x70xf32>
  %1 = tp.embedding %t, %tied : (tensor<2x5xi32>, tensor<35x70xf32>) -> tensor<2x5x70xf32>
  %2 = tp.linear %1, %tied : (tensor<2x5x70xf32>, tensor<35x70xf32>) -> tensor<2x5x35xf32>
  %3 = tp.take_row %0, %l : (tensor<2x5x70xf32>, tensor<2xi32>) -> tensor<2x1x70xf32>
  return %3, %1, %2 : tensor<2x1x70xf32>, tensor<2x5x70xf32>, tensor<2x5x35xf32>
}
// What a rank does by its own place in the mesh.
func.func @ranks(%x: tensor<2x9x3xf32> {tp.input = "x"}, %p: tensor<2xi32> {tp.input = "p", tp.low = 0, tp.high = 50}, %s: tensor<2x4xf32> {tp.input = "s"})
    -> (tensor<2x3x3xf32> {tp.output = "slice"}, tensor<2x6x3xf32> {tp.output = "heads"}, tensor<2x9x3xf32> {tp.output = "partial"}, tensor<2xi32> {tp.output = "plus"},
        tensor<2xi32> {tp.output = "minus"}, tensor<2x4xf32> {tp.output = "mask"}, tensor<2x2x3xf32> {tp.output = "both"}) attributes {tp.entry = "ranks"} {
  %0 = tp.all_slice %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<2x9x3xf32> -> tensor<2x3x3xf32>
  %1 = tp.all_slice %x dim 1 of 9 split <{"dp", unit = 3}> on @mesh : tensor<2x9x3xf32> -> tensor<2x6x3xf32>
  %2 = tp.as_partial %x over ["tp"] on @mesh : tensor<2x9x3xf32>
  %3 = tp.shift_index plus %p size 100 split <{"tp"}> on @mesh : tensor<2xi32>
  %4 = tp.shift_index minus %p size 12 split <{"dp", "tp", unit = 2, repeat = 3}> on @mesh : tensor<2xi32>
  %5 = tp.mask_padding %s dim 1 of 10 split <{"tp"}> on @mesh : tensor<2x4xf32>
  %6 = tp.all_slice %x dim 1 of 9 split <{"dp", "tp"}> on @mesh : tensor<2x9x3xf32> -> tensor<2x2x3xf32>
  return %0, %1, %2, %3, %4, %5, %6 : tensor<2x3x3xf32>, tensor<2x6x3xf32>, tensor<2x9x3xf32>, tensor<2xi32>, tensor<2xi32>, tensor<2x4xf32>, tensor<2x2x3xf32>
}
// Parts of a fused weight's result, and joins that are no view.
func.func @parts(%x: tensor<2x3x30xf32> {tp.input = "x"}, %h: tensor<2x3x5x7xbf16> {tp.input = "h"}, %i: tensor<3x4xi32> {tp.input = "i", tp.low = -9, tp.high = 9})
    -> (tensor<2x3x18xf32> {tp.output = "q"}, tensor<2x3x6xf32> {tp.output = "k"}, tensor<2x3x40xf32> {tp.output = "joined"}, tensor<2x3x6x7xbf16> {tp.output = "heads"},
        tensor<3x8xi32> {tp.output = "twice"}, tensor<4xi32> {tp.output = "row"}) attributes {tp.entry = "parts"} {
  %q = tensor.extract_slice %x[0, 0, 0] [2, 3, 18] [1, 1, 1] : tensor<2x3x30xf32> to tensor<2x3x18xf32>
  %k = tensor.extract_slice %x[0, 0, 18] [2, 3, 6] [1, 1, 1] : tensor<2x3x30xf32> to tensor<2x3x6xf32>
  %v = tensor.extract_slice %x[0, 0, 20] [2, 3, 10] [1, 1, 1] : tensor<2x3x30xf32> to tensor<2x3x10xf32>
  %w = arith.addf %v, %v : tensor<2x3x10xf32>
  %joined = tensor.concat dim(2) %w, %x : (tensor<2x3x10xf32>, tensor<2x3x30xf32>) -> tensor<2x3x40xf32>
  %a = tensor.extract_slice %h[0, 0, 4, 0] [2, 3, 1, 7] [1, 1, 1, 1] : tensor<2x3x5x7xbf16> to tensor<2x3x1x7xbf16>
  %heads = tensor.concat dim(2) %h, %a : (tensor<2x3x5x7xbf16>, tensor<2x3x1x7xbf16>) -> tensor<2x3x6x7xbf16>
  %twice = tensor.concat dim(1) %i, %i : (tensor<3x4xi32>, tensor<3x4xi32>) -> tensor<3x8xi32>
  %row = tensor.extract_slice %i[1, 0] [1, 4] [1, 1] : tensor<3x4xi32> to tensor<4xi32>
  return %q, %k, %joined, %heads, %twice, %row : tensor<2x3x18xf32>, tensor<2x3x6xf32>, tensor<2x3x40xf32>, tensor<2x3x6x7xbf16>, tensor<3x8xi32>, tensor<4xi32>
}
}
