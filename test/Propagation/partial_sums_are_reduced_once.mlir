// Partial sums pass linear ops, and are reduced once, behind the last of them.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s --check-prefix=LOCAL
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null

// The sum of two partial sums is reduced once.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @sum_of_two
// CHECK: tp.linear {{.*}}partial = sum {"tp"}
// CHECK: tp.linear {{.*}}partial = sum {"tp"}
// LOCAL-LABEL: func.func @sum_of_two
// LOCAL: %[[A:.*]] = tp.linear
// LOCAL: %[[B:.*]] = tp.linear
// LOCAL: %[[C:.*]] = arith.addf %[[A]], %[[B]]
// LOCAL: tp.all_reduce sum %[[C]]
// LOCAL-NOT: tp.all_reduce
func.func @sum_of_two(%x: tensor<3x4xf32>, %w: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>},
                      %u: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> (tensor<3x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}) {
  %a = tp.linear %x, %w : (tensor<3x4xf32>, tensor<6x4xf32>) -> tensor<3x6xf32>
  %b = tp.linear %x, %u : (tensor<3x4xf32>, tensor<6x4xf32>) -> tensor<3x6xf32>
  %c = arith.addf %a, %b : tensor<3x6xf32>
  return %c : tensor<3x6xf32>
}

// -----

// Times a whole value: linear in the sum.
tp.mesh @mesh <["tp" = 2]>
// LOCAL-LABEL: func.func @scaled
// LOCAL: tp.linear
// LOCAL-NEXT: arith.mulf
// LOCAL-NEXT: tp.all_reduce
func.func @scaled(%s: tensor<3x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}, %x: tensor<3x4xf32>, %w: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>})
    -> (tensor<3x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}) {
  %a = tp.linear %x, %w : (tensor<3x4xf32>, tensor<6x4xf32>) -> tensor<3x6xf32>
  %c = arith.mulf %a, %s : tensor<3x6xf32>
  return %c : tensor<3x6xf32>
}

// -----

// A reshape carries it.
tp.mesh @mesh <["tp" = 2]>
// LOCAL-LABEL: func.func @reshape
// LOCAL: tp.linear
// LOCAL-NEXT: tensor.expand_shape
// LOCAL-NEXT: tp.all_reduce
func.func @reshape(%x: tensor<3x4xf32>, %w: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>})
    -> (tensor<3x2x3xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}) {
  %a = tp.linear %x, %w : (tensor<3x4xf32>, tensor<6x4xf32>) -> tensor<3x6xf32>
  %c = tensor.expand_shape %a [[0], [1, 2]] output_shape [3, 2, 3] : tensor<3x6xf32> into tensor<3x2x3xf32>
  return %c : tensor<3x2x3xf32>
}
