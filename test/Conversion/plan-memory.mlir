// RUN: tp-opt %s --tp-assign-layouts --tp-outline-kernels=fuse=false --tp-plan-memory | FileCheck %s

// Space of values that are not needed at the same time is shared, elementwise kernels write over an operand that dies, all_reduce works in place.
// CHECK: module attributes {cpu.arena_bytes = 1024 : i64, cpu.state_bytes = 0 : i64, cpu.weight_bytes = 4096 : i64
module {
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func @chain
// CHECK-SAME: {cpu.offset = 0 : i64, tp.input = "x"}
// CHECK-SAME: {cpu.kind = "weight", cpu.layout = "panel", cpu.offset = 0 : i64, tp.parameter = "a"}
// CHECK-SAME: -> (tensor<4x16xf32> {cpu.offset = 256 : i64, tp.output = "y"})
// CHECK-SAME: cpu.frame = 1024 : i64, cpu.symbol = "tp_chain_1"
func.func @chain(%x: tensor<4x16xf32> {tp.input = "x"}, %a: tensor<16x16xf32> {tp.parameter = "a"}, %b: tensor<16x16xf32> {tp.parameter = "b"},
    %c: tensor<16x16xf32> {tp.parameter = "c"}, %d: tensor<16x16xf32> {tp.parameter = "d"}) -> (tensor<4x16xf32> {tp.output = "y"}) attributes {tp.entry = "chain"} {
  // CHECK: call @kernel_linear(%arg0, %arg1) {cpu.places = array<i64: 512>}
  %0 = tp.linear %x, %a : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  // CHECK: call @kernel_activation({{.*}}) {cpu.places = array<i64: 512>}
  %1 = tp.activation relu %0 : (tensor<4x16xf32>) -> tensor<4x16xf32>
  // CHECK: call @kernel_linear({{.*}}) {cpu.places = array<i64: 768>}
  %2 = tp.linear %1, %b : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  // CHECK: tp.all_reduce {{.*}} {cpu.collective = 0 : i64, cpu.places = array<i64: 768>}
  %3 = tp.all_reduce sum %2 over ["tp"] on @mesh : tensor<4x16xf32>
  // CHECK: call @kernel_linear({{.*}}) {cpu.places = array<i64: 512>}
  %4 = tp.linear %3, %c : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  // CHECK: tp.all_reduce {{.*}} {cpu.collective = 0 : i64, cpu.places = array<i64: 512>}
  %5 = tp.all_reduce sum %4 over ["tp"] on @mesh : tensor<4x16xf32>
  // CHECK: call @kernel_linear({{.*}}) {cpu.places = array<i64: 256>}
  %6 = tp.linear %5, %d : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  return %6 : tensor<4x16xf32>
}
}
