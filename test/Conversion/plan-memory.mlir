// RUN: tp-opt %s --split-input-file --tp-assign-layouts --tp-outline-kernels=fuse=false --tp-plan-memory | FileCheck %s

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
  // CHECK: tp.all_reduce {{.*}} {cpu.collective = array<i64: 0>, cpu.places = array<i64: 768>}
  %3 = tp.all_reduce sum %2 over ["tp"] on @mesh : tensor<4x16xf32>
  // CHECK: call @kernel_linear({{.*}}) {cpu.places = array<i64: 512>}
  %4 = tp.linear %3, %c : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  // CHECK: tp.all_reduce {{.*}} {cpu.collective = array<i64: 0>, cpu.places = array<i64: 512>}
  %5 = tp.all_reduce sum %4 over ["tp"] on @mesh : tensor<4x16xf32>
  // CHECK: call @kernel_linear({{.*}}) {cpu.places = array<i64: 256>}
  %6 = tp.linear %5, %d : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  return %6 : tensor<4x16xf32>
}

}

// -----

// Values that are summed together are each summed in place; equal sums have one number.
// CHECK-LABEL: func @together
// CHECK: call @kernel_linear{{.*}} {cpu.places = array<i64: [[A:[0-9]+]]>}
// CHECK: call @kernel_linear{{.*}} {cpu.places = array<i64: [[B:[0-9]+]]>}
// CHECK: call @kernel_linear{{.*}} {cpu.places = array<i64: [[C:[0-9]+]]>}
// CHECK: tp.all_reduce {{.*}} {cpu.collective = array<i64: 0, 0, 1>, cpu.places = array<i64: [[A]], [[B]], [[C]]>}
module {
tp.mesh @mesh <["tp" = 2]>
func.func @together(%x: tensor<4x16xf32> {tp.input = "x"}, %a: tensor<16x16xf32> {tp.parameter = "a"}, %e: tensor<8x16xf32> {tp.parameter = "e"}) -> (tensor<4x16xf32> {tp.output = "y"}, tensor<4x8xf32> {tp.output = "z"})
    attributes {tp.entry = "together"} {
  %0 = tp.linear %x, %a : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  %1 = tp.linear %0, %a : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  %2 = tp.linear %1, %e : (tensor<4x16xf32>, tensor<8x16xf32>) -> tensor<4x8xf32>
  %3:3 = tp.all_reduce sum %0, %1, %2 over ["tp"] on @mesh : tensor<4x16xf32>, tensor<4x16xf32>, tensor<4x8xf32>
  %4 = arith.addf %3#0, %3#1 : tensor<4x16xf32>
  %5 = tp.activation relu %3#2 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %4, %5 : tensor<4x16xf32>, tensor<4x8xf32>
}
}
