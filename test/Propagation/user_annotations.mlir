// Closed dimensions never gain axes; open ones may, behind those that are stated; nothing stated changes.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @closed_stays
// CHECK-SAME: %arg0: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}
// CHECK-SAME: -> (tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>})
func.func @closed_stays(%a: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}, %b: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>})
    -> (tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) {
  %c = arith.addf %a, %b : tensor<4x4xf32>
  return %c : tensor<4x4xf32>
}

// -----

tp.mesh @mesh <["a" = 2, "b" = 2]>
// CHECK-LABEL: func.func @open_gains
// CHECK-SAME: %arg0: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a", "b"}, {}]>}
// CHECK-SAME: %arg2: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}, {}]>}
func.func @open_gains(%a: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a", ?}, {}]>}, %b: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a", "b"}, {}]>},
                      %d: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}, {}]>}) -> tensor<4x4xf32> {
  %c = arith.addf %a, %b : tensor<4x4xf32>
  %e = arith.addf %c, %d : tensor<4x4xf32>
  return %e : tensor<4x4xf32>
}

// -----

// Other axes first: nothing can be put before what is stated.
tp.mesh @mesh <["a" = 2, "b" = 2]>
// CHECK-LABEL: func.func @conflict
// CHECK-SAME: %arg0: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"b"}, {}]>}
// CHECK-SAME: %arg1: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}, {}]>}
func.func @conflict(%a: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"b", ?}, {}]>}, %b: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}, {}]>}) -> tensor<4x4xf32> {
  %c = arith.addf %a, %b : tensor<4x4xf32>
  return %c : tensor<4x4xf32>
}

// -----

// replicated = {"tp"}: open dimensions, but never over this axis.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @replicated
// CHECK-SAME: %arg0: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}], replicated = {"tp"}>}
func.func @replicated(%a: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {?}], replicated = {"tp"}>},
                      %b: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> tensor<4x4xf32> {
  %c = arith.addf %a, %b : tensor<4x4xf32>
  return %c : tensor<4x4xf32>
}

// -----

// A stated unit is kept on the value, and reaches those that may have it.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @unit
// CHECK-SAME: %arg1: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", unit = 2}, {}]>}
// CHECK: tp.linear {{.*}}[#tp.sharding<@mesh, [{}, {"tp", unit = 2}]>]
func.func @unit(%x: tensor<3x4xf32>, %w: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", unit = 2}, {}]>}) -> tensor<3x6xf32> {
  %y = tp.linear %x, %w : (tensor<3x4xf32>, tensor<6x4xf32>) -> tensor<3x6xf32>
  return %y : tensor<3x6xf32>
}
