// A lookup in linalg follows the table's split as tp.embedding does.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition --tp-optimize-collectives | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @rows_are_split
// CHECK: tp.shift_index minus
// CHECK: tp.embedding {{.*}} -> tensor<2x3x8xf32>
// CHECK: tp.all_reduce {{.*}} : tensor<2x3x8xf32>
// CHECK-NOT: tp.all
func.func @rows_are_split(%table: tensor<11x8xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %ids: tensor<2x3xi32>) -> tensor<2x3x8xf32> {
  %out = tensor.empty() : tensor<2x3x8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, s, d) -> (b, s)>, affine_map<(b, s, d) -> (b, s, d)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%ids : tensor<2x3xi32>) outs(%out : tensor<2x3x8xf32>) {
  ^bb0(%id: i32, %o: f32):
    %r = arith.index_cast %id : i32 to index
    %c = linalg.index 2 : index
    %e = tensor.extract %table[%r, %c] : tensor<11x8xf32>
    linalg.yield %e : f32
  } -> tensor<2x3x8xf32>
  return %y : tensor<2x3x8xf32>
}

// -----

// What the body does beside is not lost: such an op stays, and the table is whole.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @does_more
// CHECK: tp.all_gather
// CHECK: linalg.generic
func.func @does_more(%table: tensor<11x8xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %ids: tensor<3xi32>) -> tensor<3x8xf32> {
  %out = tensor.empty() : tensor<3x8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(s, d) -> (s)>, affine_map<(s, d) -> (s, d)>],
      iterator_types = ["parallel", "parallel"]} ins(%ids : tensor<3xi32>) outs(%out : tensor<3x8xf32>) {
  ^bb0(%id: i32, %o: f32):
    %r = arith.index_cast %id : i32 to index
    %c = linalg.index 1 : index
    %e = tensor.extract %table[%r, %c] : tensor<11x8xf32>
    %twice = arith.addf %e, %e : f32
    linalg.yield %twice : f32
  } -> tensor<3x8xf32>
  return %y : tensor<3x8xf32>
}
