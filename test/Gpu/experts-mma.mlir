// Experts of many rows in bf16 go to tensor cores and agree with the interpreter: more rows than a tile, columns that no
// tile divides, an expert that nobody chose, both depths of a step, with and without a gate.
// RUN: tp-gpu-check %s --tolerance 2e-2
// RUN: tp-opt %s --tp-lower-to-cuda | FileCheck %s
// CHECK-LABEL: llvm.func @kernel_expert_up(
// CHECK-COUNT-32: nvvm.mma.sync
// CHECK-LABEL: llvm.func @kernel_expert_down(
// CHECK-COUNT-8: nvvm.mma.sync
// CHECK-LABEL: llvm.func @kernel_expert_up_1(
// CHECK-COUNT-8: nvvm.mma.sync
// CHECK-LABEL: llvm.func @kernel_expert_down_2(
// CHECK-NOT: nvvm.mma.sync

module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 1]>
func.func @gated(%x: tensor<2x75x64xbf16> {tp.input = "x"}, %l: tensor<2x75x3xf32> {tp.input = "l"}, %wg: tensor<3x96x64xbf16> {tp.parameter = "wg"},
    %wu: tensor<3x96x64xbf16> {tp.parameter = "wu"}, %wd: tensor<3x37x96xbf16> {tp.parameter = "wd"})
    -> (tensor<2x75x3x96xbf16> {tp.output = "hidden"}, tensor<2x75x37xf32> {tp.output = "y"}) attributes {tp.entry = "gated"} {
  %g = tp.route %l {top_k = 2, normalised} : (tensor<2x75x3xf32>) -> tensor<2x75x3xf32>
  %h = tp.expert_up silu %x, %g gate(%wg) up(%wu) : (tensor<2x75x64xbf16>, tensor<2x75x3xf32>, tensor<3x96x64xbf16>, tensor<3x96x64xbf16>) -> tensor<2x75x3x96xbf16>
  %y = tp.expert_down %h, %g down(%wd) : (tensor<2x75x3x96xbf16>, tensor<2x75x3xf32>, tensor<3x37x96xbf16>) -> tensor<2x75x37xf32>
  return %h, %y : tensor<2x75x3x96xbf16>, tensor<2x75x37xf32>
}
// More experts than rows.
func.func @plain(%x: tensor<33x32xbf16> {tp.input = "x"}, %l: tensor<33x40xf32> {tp.input = "l"},
    %wu: tensor<40x37x32xbf16> {tp.parameter = "wu2"}) -> (tensor<33x40x37xbf16> {tp.output = "hidden"}) attributes {tp.entry = "plain"} {
  %g = tp.route %l {top_k = 1} : (tensor<33x40xf32>) -> tensor<33x40xf32>
  %h = tp.expert_up relu %x, %g up(%wu) : (tensor<33x32xbf16>, tensor<33x40xf32>, tensor<40x37x32xbf16>) -> tensor<33x40x37xbf16>
  return %h : tensor<33x40x37xbf16>
}
// Few rows: a warp for each column.
func.func @few(%h: tensor<16x3x96xbf16> {tp.input = "h"}, %g: tensor<16x3xf32> {tp.input = "g"}, %wd: tensor<3x37x96xbf16> {tp.parameter = "wd"})
    -> (tensor<16x37xf32> {tp.output = "y"}) attributes {tp.entry = "few"} {
  %y = tp.expert_down %h, %g down(%wd) : (tensor<16x3x96xbf16>, tensor<16x3xf32>, tensor<3x37x96xbf16>) -> tensor<16x37xf32>
  return %y : tensor<16x37xf32>
}
}
