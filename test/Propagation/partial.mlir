// Partial sums are complete where an op is not linear, or where carrying them on would make more to reduce.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s --check-prefix=LOCAL
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null

// A sum plus a whole value (a residual): reduced before, and once.
tp.mesh @mesh <["tp" = 2]>
// LOCAL-LABEL: func.func @residual
// LOCAL: %[[S:.*]] = tp.all_reduce sum
// LOCAL: arith.addf %arg0, %[[S]]
// LOCAL-NOT: tp.all_reduce
func.func @residual(%r: tensor<3x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}, %x: tensor<3x4xf32>, %w: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<3x6xf32> {
  %a = tp.linear %x, %w : (tensor<3x4xf32>, tensor<6x4xf32>) -> tensor<3x6xf32>
  %c = arith.addf %r, %a : tensor<3x6xf32>
  return %c : tensor<3x6xf32>
}

// -----

// Not through an activation.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @nonlinear
// CHECK: tp.linear {{.*}}tp.shardings = [#tp.sharding<@mesh, [{}, {}]>]
// LOCAL-LABEL: func.func @nonlinear
// LOCAL: %[[S:.*]] = tp.all_reduce
// LOCAL: tp.activation relu %[[S]]
func.func @nonlinear(%x: tensor<3x4xf32>, %w: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> (tensor<3x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}) {
  %a = tp.linear %x, %w : (tensor<3x4xf32>, tensor<6x4xf32>) -> tensor<3x6xf32>
  %c = tp.activation relu %a : (tensor<3x6xf32>) -> tensor<3x6xf32>
  return %c : tensor<3x6xf32>
}

// -----

// Carrying a small sum through a linear that makes it larger would cost more: the take_row is reduced before the logits.
tp.mesh @mesh <["tp" = 2]>
// LOCAL-LABEL: func.func @not_where_it_grows
// LOCAL: %[[S:.*]] = tp.all_reduce sum {{.*}} : tensor<3x4xf32>
// LOCAL: tp.linear %[[S]]
// LOCAL-NOT: tp.all_reduce
func.func @not_where_it_grows(%x: tensor<3x4xf32>, %w: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}, %u: tensor<100x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>})
    -> (tensor<3x100xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}) {
  %a = tp.linear %x, %w : (tensor<3x4xf32>, tensor<4x4xf32>) -> tensor<3x4xf32>
  %c = tp.linear %a, %u : (tensor<3x4xf32>, tensor<100x4xf32>) -> tensor<3x100xf32>
  return %c : tensor<3x100xf32>
}

// -----

// Two axes: a sum over one that is split over the other.
tp.mesh @mesh <["a" = 2, "b" = 2]>
// LOCAL-LABEL: func.func @two_axes
// LOCAL: tp.all_reduce sum {{.*}} over ["b"]
func.func @two_axes(%x: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}, {}]>}, %w: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"b"}]>}) -> tensor<4x6xf32> {
  %a = tp.linear %x, %w : (tensor<4x4xf32>, tensor<6x4xf32>) -> tensor<4x6xf32>
  return %a : tensor<4x6xf32>
}

// -----

// The user's own partial argument.
tp.mesh @mesh <["tp" = 2]>
// LOCAL-LABEL: func.func @stated
// LOCAL: %[[S:.*]] = tp.all_reduce sum %arg0
// LOCAL: tp.activation relu %[[S]]
func.func @stated(%x: tensor<3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}], partial = sum {"tp"}>}) -> tensor<3x4xf32> {
  %a = tp.activation relu %x : (tensor<3x4xf32>) -> tensor<3x4xf32>
  return %a : tensor<3x4xf32>
}
