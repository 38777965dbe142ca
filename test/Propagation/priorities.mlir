// What is stated with priority 0 spreads first; later statements get what is left.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings | FileCheck %s

// Both arguments want "tp" in the sum, in different dimensions. The earlier priority wins.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @first
// CHECK: arith.addf {{.*}}[#tp.sharding<@mesh, [{"tp"}, {}]>]
func.func @first(%a: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %b: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}p1]>}) -> tensor<4x4xf32> {
  %c = arith.addf %a, %b : tensor<4x4xf32>
  return %c : tensor<4x4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @second
// CHECK: arith.addf {{.*}}[#tp.sharding<@mesh, [{}, {"tp"}]>]
func.func @second(%a: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}p1, {}]>}, %b: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<4x4xf32> {
  %c = arith.addf %a, %b : tensor<4x4xf32>
  return %c : tensor<4x4xf32>
}

// -----

// A late statement spreads where nothing earlier did.
tp.mesh @mesh <["a" = 2, "b" = 2]>
// CHECK-LABEL: func.func @late_alone
// CHECK: arith.addf {{.*}}[#tp.sharding<@mesh, [{"a"}, {"b"}]>]
func.func @late_alone(%a: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}, {?}]>}, %b: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {"b"}p9]>}) -> tensor<4x4xf32> {
  %c = arith.addf %a, %b : tensor<4x4xf32>
  return %c : tensor<4x4xf32>
}
