// --tp-report-cost: work of matrix products and bytes of collectives, calls and loops counted, as JSON.
// RUN: tp-opt %s --tp-report-cost -o /dev/null | FileCheck %s --check-prefixes=COUNT
// RUN: tp-opt %s --tp-report-cost -o %t.mlir && tp-opt %s -o %t.same.mlir && diff %t.mlir %t.same.mlir

// linear 2*2*3*32*64 = 24576; sdpa 4*(1*4*2*8)*6 = 1536; matmul 2*4*5*6 = 240, two in a loop of 3; a sum of squares is none.
// COUNT: {"entries":
// COUNT-SAME: "linear":{"flops":24576.0,"bytes":0}
// COUNT-SAME: "attend":{"flops":1536.0,"bytes":0}
// COUNT-SAME: "loop":{"flops":1440.0,"bytes":0}
// COUNT-SAME: "squares":{"flops":0.0,"bytes":0}
// COUNT-SAME: "caller":{"flops":49152.0,"bytes":0}
// one all_reduce of 24 bytes: 24 on each of 2 devices, in a loop of 3
// COUNT-SAME: "reduced":{"flops":0.0,"bytes":72}
// COUNT-SAME: "itself":{"flops":0.0,"bytes":0}
// COUNT-SAME: "collectives":[{"entry":"reduced","function":"reduced","kind":"all_reduce","axes":["tp"],"group_size":2,"count":3,"bytes":24,"op":"tp.linear","operand":"result"}]}
tp.mesh @mesh <["tp" = 2]>
func.func @linear(%x: tensor<2x3x32xf32>, %w: tensor<64x32xf32>) -> tensor<2x3x64xf32> {
  %y = tp.linear %x, %w : (tensor<2x3x32xf32>, tensor<64x32xf32>) -> tensor<2x3x64xf32>
  return %y : tensor<2x3x64xf32>
}
func.func @attend(%q: tensor<1x4x2x8xf32>, %k: tensor<1x6x1x8xf32>, %v: tensor<1x6x1x8xf32>) -> tensor<1x4x2x8xf32> {
  %o = tp.sdpa %q, %k, %v {group = 2 : i64, scale = 0.35 : f64} : (tensor<1x4x2x8xf32>, tensor<1x6x1x8xf32>, tensor<1x6x1x8xf32>) -> tensor<1x4x2x8xf32>
  return %o : tensor<1x4x2x8xf32>
}
func.func @loop(%a: tensor<4x5xf32>, %b: tensor<5x6xf32>, %c: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %y = scf.for %i = %c0 to %c3 step %c1 iter_args(%acc = %c) -> (tensor<4x6xf32>) {
    %p = linalg.matmul ins(%a, %b : tensor<4x5xf32>, tensor<5x6xf32>) outs(%acc : tensor<4x6xf32>) -> tensor<4x6xf32>
    %q = linalg.matmul ins(%a, %b : tensor<4x5xf32>, tensor<5x6xf32>) outs(%p : tensor<4x6xf32>) -> tensor<4x6xf32>
    scf.yield %q : tensor<4x6xf32>
  }
  return %y : tensor<4x6xf32>
}
func.func @squares(%x: tensor<4x5xf32>, %start: tensor<4xf32>) -> tensor<4xf32> {
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x5xf32>) outs(%start : tensor<4xf32>) {
  ^bb0(%a: f32, %sum: f32):
    %p = arith.mulf %a, %a : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}
func.func private @layer(%x: tensor<2x3x32xf32>, %w: tensor<64x32xf32>) -> tensor<2x3x64xf32> {
  %y = func.call @linear(%x, %w) : (tensor<2x3x32xf32>, tensor<64x32xf32>) -> tensor<2x3x64xf32>
  return %y : tensor<2x3x64xf32>
}
func.func @caller(%x: tensor<2x3x32xf32>, %w: tensor<64x32xf32>) -> (tensor<2x3x64xf32>, tensor<2x3x64xf32>) {
  %y = func.call @layer(%x, %w) : (tensor<2x3x32xf32>, tensor<64x32xf32>) -> tensor<2x3x64xf32>
  %z = func.call @layer(%x, %w) : (tensor<2x3x32xf32>, tensor<64x32xf32>) -> tensor<2x3x64xf32>
  return %y, %z : tensor<2x3x64xf32>, tensor<2x3x64xf32>
}
func.func @reduced(%x: tensor<6xf32>) -> tensor<6xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %y = scf.for %i = %c0 to %c3 step %c1 iter_args(%acc = %x) -> (tensor<6xf32>) {
    %r = tp.all_reduce sum %acc over ["tp"] on @mesh {origin = "reduced: tp.linear result"} : tensor<6xf32>
    scf.yield %r : tensor<6xf32>
  }
  return %y : tensor<6xf32>
}
// A function that calls itself is not followed.
func.func @itself(%x: tensor<6xf32>) -> tensor<6xf32> {
  %y = func.call @itself(%x) : (tensor<6xf32>) -> tensor<6xf32>
  return %y : tensor<6xf32>
}
