// RUN: tp-opt %s --tp-unroll-layers --split-input-file | FileCheck %s

// Two layers of a weight and a state: one layer after the other, with the names of each.
// CHECK-LABEL: func.func @decode(
// CHECK-SAME: %[[X:.*]]: tensor<8xf32>, %[[HEAD:.*]]: tensor<8xf32> {tp.parameter = "head"},
// CHECK-SAME: %[[S4:.*]]: tensor<8xf32> {tp.global_type = tensor<16xf32>, tp.sharding = #tp.sharding<@mesh, [{"tp"}]>, tp.state = "s.4"}, %[[W4:.*]]: tensor<8xf32> {tp.parameter = "w.4"},
// CHECK-SAME: %[[S5:.*]]: tensor<8xf32> {tp.global_type = tensor<16xf32>, tp.sharding = #tp.sharding<@mesh, [{"tp"}]>, tp.state = "s.5"}, %[[W5:.*]]: tensor<8xf32> {tp.parameter = "w.5"}
// CHECK-SAME: -> (tensor<8xf32>, tensor<8xf32> {tp.state = "s.4"}, tensor<8xf32> {tp.state = "s.5"})
// CHECK-NEXT: %[[A:.*]]:2 = call @layer(%[[X]], %[[S4]], %[[W4]])
// CHECK-NEXT: %[[B:.*]]:2 = call @layer(%[[A]]#0, %[[S5]], %[[W5]])
// CHECK-NEXT: %[[Y:.*]] = arith.addf %[[B]]#0, %[[HEAD]]
// CHECK-NEXT: return %[[Y]], %[[A]]#1, %[[B]]#1
module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 2]>
func.func @decode(%x: tensor<8xf32>, %head: tensor<8xf32> {tp.parameter = "head"},
                  %s: tensor<2x8xf32> {tp.state = "s.{4..5}", tp.global_type = tensor<2x16xf32>, tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>},
                  %w: tensor<2x8xf32> {tp.parameter = "w.{4..5}"}) -> (tensor<8xf32>, tensor<2x8xf32> {tp.state = "s.{4..5}"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %y:2 = scf.for %i = %c0 to %c2 step %c1 iter_args(%h = %x, %all = %s) -> (tensor<8xf32>, tensor<2x8xf32>) {
    %mine = tensor.extract_slice %all[%i, 0] [1, 8] [1, 1] : tensor<2x8xf32> to tensor<8xf32>
    %weight = tensor.extract_slice %w[%i, 0] [1, 8] [1, 1] : tensor<2x8xf32> to tensor<8xf32>
    %next:2 = func.call @layer(%h, %mine, %weight) : (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>)
    %updated = tensor.insert_slice %next#1 into %all[%i, 0] [1, 8] [1, 1] : tensor<8xf32> into tensor<2x8xf32>
    scf.yield %next#0, %updated : tensor<8xf32>, tensor<2x8xf32>
  }
  %z = arith.addf %y#0, %head : tensor<8xf32>
  return %z, %y#1 : tensor<8xf32>, tensor<2x8xf32>
}
func.func private @layer(%x: tensor<8xf32>, %s: tensor<8xf32>, %w: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %0 = arith.addf %x, %w : tensor<8xf32>
  %1 = arith.addf %s, %0 : tensor<8xf32>
  return %0, %1 : tensor<8xf32>, tensor<8xf32>
}
}

// -----

// A loop over something else: its numbers are constants then. A weight that no loop reads is unstacked too.
// CHECK-LABEL: func.func @other(
// CHECK-SAME: %[[X:.*]]: tensor<6xf32>, %[[W0:.*]]: tensor<3xf32> {tp.parameter = "w.0.x"}, %{{.*}}: tensor<3xf32> {tp.parameter = "w.1.x"})
// CHECK: %[[A:.*]] = tensor.extract_slice %[[X]][0] [3] [1]
// CHECK: %[[Y:.*]] = arith.addf %[[W0]], %[[A]]
// CHECK: %[[B:.*]] = tensor.extract_slice %[[X]][3] [3] [1]
// CHECK: %[[Z:.*]] = arith.addf %[[Y]], %[[B]]
// CHECK: return %[[Z]]
func.func @other(%x: tensor<6xf32>, %w: tensor<2x3xf32> {tp.parameter = "w.{0..1}.x"}) -> tensor<3xf32> {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %first = tensor.extract_slice %w[0, 0] [1, 3] [1, 1] : tensor<2x3xf32> to tensor<3xf32>
  %y = scf.for %i = %c0 to %c4 step %c3 iter_args(%h = %first) -> tensor<3xf32> {
    %part = tensor.extract_slice %x[%i] [3] [1] : tensor<6xf32> to tensor<3xf32>
    %next = arith.addf %h, %part : tensor<3xf32>
    scf.yield %next : tensor<3xf32>
  }
  return %y : tensor<3xf32>
}
