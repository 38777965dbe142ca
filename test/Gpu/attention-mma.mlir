// Attention of many rows on a bf16 cache goes to tensor cores and agrees with the interpreter: grouped heads, positions, a window, a head
// offset, rotated queries, rows that do not fill a tile, no mask.
// RUN: tp-gpu-check %s --tolerance 0.02
// RUN: tp-opt %s --tp-lower-to-cuda | FileCheck %s
// CHECK-COUNT-4: nvvm.mma.sync

module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 1]>
func.func @causal(%q: tensor<2x40x6x64xf32> {tp.input = "q"}, %k: tensor<2x150x3x64xbf16> {tp.input = "k"}, %v: tensor<2x150x3x64xbf16> {tp.input = "v"},
    %p: tensor<2xi32> {tp.input = "p", tp.low = 0, tp.high = 110}) -> (tensor<2x40x6x64xbf16> {tp.output = "y"}) attributes {tp.entry = "causal"} {
  %r = tp.rope %q at %p {rotary = #tp.rotary<base = 10000.0>} : (tensor<2x40x6x64xf32>, tensor<2xi32>) -> tensor<2x40x6x64xf32>
  %y = tp.sdpa %r, %k, %v at %p {causal, group = 2, scale = 0.125 : f64}
      : (tensor<2x40x6x64xf32>, tensor<2x150x3x64xbf16>, tensor<2x150x3x64xbf16>, tensor<2xi32>) -> tensor<2x40x6x64xbf16>
  return %y : tensor<2x40x6x64xbf16>
}
func.func @window(%q: tensor<1x33x4x32xf32> {tp.input = "q"}, %k: tensor<1x200x4x32xbf16> {tp.input = "k"}, %v: tensor<1x200x4x32xbf16> {tp.input = "v"},
    %p: tensor<1xi32> {tp.input = "p", tp.low = 100, tp.high = 160}) -> (tensor<1x33x4x32xf32> {tp.output = "y"}) attributes {tp.entry = "window"} {
  %y = tp.sdpa %q, %k, %v at %p {causal, group = 1, scale = 0.2 : f64, window = 70}
      : (tensor<1x33x4x32xf32>, tensor<1x200x4x32xbf16>, tensor<1x200x4x32xbf16>, tensor<1xi32>) -> tensor<1x33x4x32xf32>
  return %y : tensor<1x33x4x32xf32>
}
func.func @offset(%q: tensor<1x16x5x128xf32> {tp.input = "q"}, %k: tensor<1x70x2x128xbf16> {tp.input = "k"}, %v: tensor<1x70x2x128xbf16> {tp.input = "v"},
    %p: tensor<1xi32> {tp.input = "p", tp.low = 50, tp.high = 54}, %o: tensor<i32> {tp.input = "o", tp.low = 5, tp.high = 5})
    -> (tensor<1x16x5x128xf32> {tp.output = "y"}) attributes {tp.entry = "offset"} {
  %y = tp.sdpa %q, %k, %v at %p head_offset %o {causal, group = 4, scale = 0.1 : f64}
      : (tensor<1x16x5x128xf32>, tensor<1x70x2x128xbf16>, tensor<1x70x2x128xbf16>, tensor<1xi32>, tensor<i32>) -> tensor<1x16x5x128xf32>
  return %y : tensor<1x16x5x128xf32>
}
func.func @whole(%q: tensor<1x65x1x96xbf16> {tp.input = "q"}, %k: tensor<1x65x1x96xbf16> {tp.input = "k"}, %v: tensor<1x65x1x96xbf16> {tp.input = "v"})
    -> (tensor<1x65x1x96xbf16> {tp.output = "y"}) attributes {tp.entry = "whole"} {
  %y = tp.sdpa %q, %k, %v {group = 1, scale = 0.1 : f64} : (tensor<1x65x1x96xbf16>, tensor<1x65x1x96xbf16>, tensor<1x65x1x96xbf16>) -> tensor<1x65x1x96xbf16>
  return %y : tensor<1x65x1x96xbf16>
}
}
