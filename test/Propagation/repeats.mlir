// Keys that are repeated for their queries in linalg: the heads are split as the queries are, wherever the cut falls.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s --check-prefix=LOCAL
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null

// 9 heads of 3 groups on 2 devices are 5 and 4: the second device begins inside the second group, and looks its keys up.
tp.mesh @mesh <["tp" = 2]>
// CHECK: #[[READ:.*]] = affine_map<(d0, d1, d2) -> (d0, d1 floordiv 3, d2)>
// CHECK-LABEL: func.func @inside_a_group
// CHECK-SAME: tensor<2x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp", repeat = 3}, {}]>}
// CHECK: linalg.generic {indexing_maps = [#[[READ]], #{{.*}}
// CHECK-NOT: linalg.broadcast
// LOCAL-LABEL: func.func @inside_a_group
// LOCAL-SAME: tensor<2x2x4xf32>
// LOCAL-NOT: tp.all_
// LOCAL: tp.shift_index plus %{{.*}} size 9 split <{"tp"}>
// LOCAL: tensor.extract %{{.*}} : tensor<2x2x4xf32>
func.func @inside_a_group(%k: tensor<2x3x4xf32>, %q: tensor<2x9x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}]>}) -> tensor<2x9x4xf32> {
  %e = tensor.empty() : tensor<2x3x3x4xf32>
  %b = linalg.broadcast ins(%k : tensor<2x3x4xf32>) outs(%e : tensor<2x3x3x4xf32>) dimensions = [2]
  %r = tensor.collapse_shape %b [[0], [1, 2], [3]] : tensor<2x3x3x4xf32> into tensor<2x9x4xf32>
  %y = arith.mulf %r, %q : tensor<2x9x4xf32>
  return %y : tensor<2x9x4xf32>
}

// -----

// 2 groups of 4 on 4 devices: each device has one key head, which another has, too.
tp.mesh @mesh <["tp" = 4]>
// LOCAL-LABEL: func.func @fewer_groups_than_devices
// LOCAL-SAME: tensor<2x1x4xf32> {{.*}}repeat = 4
// LOCAL-NOT: tp.all_
// LOCAL-NOT: tensor.extract
// LOCAL: return
func.func @fewer_groups_than_devices(%k: tensor<2x2x4xf32>, %q: tensor<16x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", outer = 2}, {}]>}) -> tensor<16x4xf32> {
  %e = tensor.empty() : tensor<2x2x4x4xf32>
  %b = linalg.broadcast ins(%k : tensor<2x2x4xf32>) outs(%e : tensor<2x2x4x4xf32>) dimensions = [2]
  %r = tensor.collapse_shape %b [[0, 1, 2], [3]] : tensor<2x2x4x4xf32> into tensor<16x4xf32>
  %y = arith.mulf %r, %q : tensor<16x4xf32>
  return %y : tensor<16x4xf32>
}

// -----

// The sum over heads masks what was repeated into the padding.
#term = affine_map<(d, h) -> (h, d)>
#row = affine_map<(d, h) -> (d)>
tp.mesh @mesh <["tp" = 2]>
// LOCAL-LABEL: func.func @padding
// LOCAL: tensor.extract
// LOCAL: tp.all_reduce sum
func.func @padding(%k: tensor<3x4xf32>, %w: tensor<9x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<3x3x4xf32>
  %b = linalg.broadcast ins(%k : tensor<3x4xf32>) outs(%e : tensor<3x3x4xf32>) dimensions = [1]
  %r = tensor.collapse_shape %b [[0, 1], [2]] : tensor<3x3x4xf32> into tensor<9x4xf32>
  %exp = math.exp %w : tensor<9x4xf32>
  %both = arith.addf %r, %exp : tensor<9x4xf32>
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#term, #row], iterator_types = ["parallel", "reduction"]} ins(%both : tensor<9x4xf32>) outs(%zero : tensor<4xf32>) {
  ^bb0(%a: f32, %s: f32):
    %t = arith.addf %a, %s : f32
    linalg.yield %t : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// A reader that is written so from the start, with another operand that is not repeated.
#q = affine_map<(h, e) -> (h, e)>
#k = affine_map<(h, e) -> (h floordiv 3, e)>
tp.mesh @mesh <["tp" = 2]>
// LOCAL-LABEL: func.func @written_so
// LOCAL-NOT: tp.all_
// LOCAL: tensor.extract
func.func @written_so(%q: tensor<9x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %k: tensor<3x4xf32>) -> tensor<9x4xf32> {
  %e = tensor.empty() : tensor<9x4xf32>
  %y = linalg.generic {indexing_maps = [#q, #k, #q], iterator_types = ["parallel", "parallel"]} ins(%q, %k : tensor<9x4xf32>, tensor<3x4xf32>) outs(%e : tensor<9x4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<9x4xf32>
  return %y : tensor<9x4xf32>
}

// -----

// The body asks where it is, and looks up keys in the device's own part.
#q3 = affine_map<(h, e) -> (h, e)>
#k3 = affine_map<(h, e) -> (h floordiv 3, e)>
tp.mesh @mesh <["a" = 4, "b" = 2]>
// LOCAL-LABEL: func.func @asks_where_it_is
// LOCAL: tensor.extract
func.func @asks_where_it_is(%k: tensor<2x3xf32>) -> (tensor<6x3xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}, {"b"}]>}) {
  %e = tensor.empty() : tensor<6x3xf32>
  %y = linalg.generic {indexing_maps = [#k3, #q3], iterator_types = ["parallel", "parallel"]} ins(%k : tensor<2x3xf32>) outs(%e : tensor<6x3xf32>) {
  ^bb0(%a: f32, %c: f32):
    %i = linalg.index 1 : index
    %w = arith.index_cast %i : index to i32
    %f = arith.sitofp %w : i32 to f32
    %p = arith.addf %a, %f : f32
    linalg.yield %p : f32
  } -> tensor<6x3xf32>
  return %y : tensor<6x3xf32>
}
