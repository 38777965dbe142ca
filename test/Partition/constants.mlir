// A splat constant is made in the local shape; another constant is whole, or an error where it would have to be split.
// RUN: tp-opt %s --tp-propagate-shardings --tp-partition | FileCheck %s
// RUN: tp-opt %s --tp-propagate-shardings --tp-verify-partition -o /dev/null

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @splat
// CHECK: arith.constant {{.*}}dense<2.000000e+00> : tensor<2x2xf32>
func.func @splat(%x: tensor<3x2xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> tensor<3x2xf32> {
  %c = arith.constant dense<2.0> : tensor<3x2xf32>
  %y = arith.mulf %x, %c : tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
// CHECK-LABEL: func.func @whole
// CHECK: arith.constant {{.*}}dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
func.func @whole(%x: tensor<2xf32> {tp.sharding = #tp.sharding<@mesh, [{}]>}) -> (tensor<2xf32> {tp.sharding = #tp.sharding<@mesh, [{}]>}) {
  %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %y = arith.mulf %x, %c : tensor<2xf32>
  return %y : tensor<2xf32>
}
