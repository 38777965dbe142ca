// What reshapes merge is written on separate dimensions, on a mesh of two axes: batch and heads are both split.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-partition-pipeline | FileCheck %s --check-prefix=LOCAL
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null

#scaled = affine_map<(n, s, t) -> (n, s, t)>
tp.mesh @mesh <["dp" = 2, "tp" = 2]>
// Keys are repeated for their queries; three dimensions become two.
// CHECK-LABEL: func.func @attention
// CHECK-NOT: linalg.batch_matmul
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<4x6x5x5xf32>) attrs = {tp.shardings = [#tp.sharding<@mesh, [{"dp"}, {"tp"}, {}, {}]>]
// CHECK: return %{{.*}} : tensor<4x6x5x8xf32>
// LOCAL-LABEL: func.func @attention
// LOCAL-NOT: tp.all_
// LOCAL: return %{{.*}} : tensor<2x3x5x8xf32>
func.func @attention(%q: tensor<4x6x5x8xf32> {tp.sharding = #tp.sharding<@mesh, [{"dp"}, {"tp"}, {}, {}]>}, %k: tensor<4x2x8x5xf32> {tp.sharding = #tp.sharding<@mesh, [{"dp"}, {"tp"}, {}, {}]>}, %v: tensor<4x6x5x8xf32> {tp.sharding = #tp.sharding<@mesh, [{"dp"}, {"tp"}, {}, {}]>}) -> tensor<4x6x5x8xf32> {
  %zero = arith.constant 0.0 : f32
  %half = arith.constant 0.5 : f32
  %q2 = tensor.collapse_shape %q [[0, 1], [2], [3]] : tensor<4x6x5x8xf32> into tensor<24x5x8xf32>
  %e0 = tensor.empty() : tensor<4x2x3x8x5xf32>
  %repeated = linalg.broadcast ins(%k : tensor<4x2x8x5xf32>) outs(%e0 : tensor<4x2x3x8x5xf32>) dimensions = [2]
  %k2 = tensor.collapse_shape %repeated [[0, 1, 2], [3], [4]] : tensor<4x2x3x8x5xf32> into tensor<24x8x5xf32>
  %v2 = tensor.collapse_shape %v [[0, 1], [2], [3]] : tensor<4x6x5x8xf32> into tensor<24x5x8xf32>
  %e1 = tensor.empty() : tensor<24x5x5xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<24x5x5xf32>) -> tensor<24x5x5xf32>
  %scores = linalg.batch_matmul ins(%q2, %k2 : tensor<24x5x8xf32>, tensor<24x8x5xf32>) outs(%z1 : tensor<24x5x5xf32>) -> tensor<24x5x5xf32>
  %weights = linalg.generic {indexing_maps = [#scaled, #scaled], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%scores : tensor<24x5x5xf32>) outs(%e1 : tensor<24x5x5xf32>) {
  ^bb0(%a: f32, %b: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %see = arith.cmpi ule, %j, %i : index
    %c = arith.mulf %a, %half : f32
    %y = arith.select %see, %c, %zero : f32
    linalg.yield %y : f32
  } -> tensor<24x5x5xf32>
  %e2 = tensor.empty() : tensor<24x5x8xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<24x5x8xf32>) -> tensor<24x5x8xf32>
  %o = linalg.batch_matmul ins(%weights, %v2 : tensor<24x5x5xf32>, tensor<24x5x8xf32>) outs(%z2 : tensor<24x5x8xf32>) -> tensor<24x5x8xf32>
  %r = tensor.expand_shape %o [[0, 1], [2], [3]] output_shape [4, 6, 5, 8] : tensor<24x5x8xf32> into tensor<4x6x5x8xf32>
  return %r : tensor<4x6x5x8xf32>
}

// -----

// An op that a sharding is stated of, one that asks where it is in the merged dimension, and one that sums over it stay
// as they are.
#row = affine_map<(n, d) -> (n, d)>
#sum = affine_map<(n, d) -> (d)>
tp.mesh @mesh <["dp" = 2, "tp" = 2]>
// CHECK-LABEL: func.func @stays
// CHECK: linalg.exp {{.*}} outs(%{{.*}} : tensor<24x8xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<24x8xf32>) outs(%{{.*}} : tensor<24x8xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<24x8xf32>) outs(%{{.*}} : tensor<8xf32>)
func.func @stays(%x: tensor<4x6x8xf32> {tp.sharding = #tp.sharding<@mesh, [{"dp"}, {"tp"}, {}]>}) -> (tensor<24x8xf32>, tensor<24x8xf32>, tensor<8xf32>) {
  %rows = tensor.collapse_shape %x [[0, 1], [2]] : tensor<4x6x8xf32> into tensor<24x8xf32>
  %e = tensor.empty() : tensor<24x8xf32>
  %stated = linalg.exp {tp.shardings = [#tp.sharding<@mesh, [{"dp"}, {}]>]} ins(%rows : tensor<24x8xf32>) outs(%e : tensor<24x8xf32>) -> tensor<24x8xf32>
  %numbered = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%rows : tensor<24x8xf32>) outs(%e : tensor<24x8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %i = linalg.index 0 : index
    %w = arith.index_cast %i : index to i32
    %f = arith.sitofp %w : i32 to f32
    %y = arith.addf %a, %f : f32
    linalg.yield %y : f32
  } -> tensor<24x8xf32>
  %zero = arith.constant dense<0.0> : tensor<8xf32>
  %total = linalg.generic {indexing_maps = [#row, #sum], iterator_types = ["reduction", "parallel"]}
      ins(%rows : tensor<24x8xf32>) outs(%zero : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %y = arith.addf %a, %b : f32
    linalg.yield %y : f32
  } -> tensor<8xf32>
  return %stated, %numbered, %total : tensor<24x8xf32>, tensor<24x8xf32>, tensor<8xf32>
}

// -----

// On one axis a split of the merged dimension says it all.
tp.mesh @mesh <["dp" = 1, "tp" = 2]>
// CHECK-LABEL: func.func @one_axis
// CHECK: linalg.exp {{.*}} outs(%{{.*}} : tensor<24x8xf32>)
func.func @one_axis(%x: tensor<4x6x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}]>}) -> tensor<4x6x8xf32> {
  %rows = tensor.collapse_shape %x [[0, 1], [2]] : tensor<4x6x8xf32> into tensor<24x8xf32>
  %e = tensor.empty() : tensor<24x8xf32>
  %y = linalg.exp ins(%rows : tensor<24x8xf32>) outs(%e : tensor<24x8xf32>) -> tensor<24x8xf32>
  %r = tensor.expand_shape %y [[0, 1], [2]] output_shape [4, 6, 8] : tensor<24x8xf32> into tensor<4x6x8xf32>
  return %r : tensor<4x6x8xf32>
}
