// linalg.generic: any body on scalars, any indexing maps, values from outside, indices.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// A causal mask, a sum over two loops, a window of a sequence (a linear map), every other element (a map that is not linear), rows looked up.
// CHECK{LITERAL}: result 0 = [[0, -1, -1], [1.5, 2, -1], [3, 3.5, 4]]
// CHECK-NEXT{LITERAL}: result 1 = 36
// CHECK-NEXT{LITERAL}: result 2 = [10, 21, 32]
// CHECK-NEXT{LITERAL}: result 3 = [0, 2, 0, 2]
// CHECK-NEXT{LITERAL}: result 4 = [[3, 4, 5], [6, 7, 8]]
// CHECK-NEXT{LITERAL}: result 5 = [2, 5, 8]
// CHECK-NEXT{LITERAL}: result 6 = [2, 2, 2]
#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @main(%x: tensor<3x3xf32>, %ids: tensor<2xi32>, %s: tensor<4xf32>) -> (tensor<3x3xf32>, tensor<f32>, tensor<3xf32>, tensor<4xf32>, tensor<2x3xf32>, tensor<3xf32>, tensor<3xi32>) {
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant 0.5 : f32
  %e = tensor.empty() : tensor<3x3xf32>
  %masked = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<3x3xf32>) outs(%e : tensor<3x3xf32>) {
  ^bb0(%a: f32, %unused: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %seen = arith.cmpi ule, %j, %i : index
    %none = arith.constant -1.0 : f32
    %scaled = arith.mulf %a, %scale : f32
    %y = arith.select %seen, %scaled, %none : f32
    linalg.yield %y : f32
  } -> tensor<3x3xf32>
  %z = tensor.splat %zero : tensor<f32>
  %sum = linalg.generic {indexing_maps = [#id, affine_map<(i, j) -> ()>], iterator_types = ["reduction", "reduction"]} ins(%x : tensor<3x3xf32>) outs(%z : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %y = arith.addf %acc, %a : f32
    linalg.yield %y : f32
  } -> tensor<f32>
  %z3 = tensor.splat %zero : tensor<3xf32>
  %kernel = arith.constant dense<[1.0, 10.0]> : tensor<2xf32>
  %window = linalg.generic {indexing_maps = [affine_map<(i, k) -> (i + k)>, affine_map<(i, k) -> (k)>, affine_map<(i, k) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%s, %kernel : tensor<4xf32>, tensor<2xf32>) outs(%z3 : tensor<3xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %y = arith.addf %acc, %p : f32
    linalg.yield %y : f32
  } -> tensor<3xf32>
  // every other element of s, then from the start again: not a linear map
  %e4 = tensor.empty() : tensor<4xf32>
  %wrapped = linalg.generic {indexing_maps = [affine_map<(i) -> ((i * 2) mod 4)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%s : tensor<4xf32>) outs(%e4 : tensor<4xf32>) {
  ^bb0(%a: f32, %unused: f32):
    linalg.yield %a : f32
  } -> tensor<4xf32>
  %e23 = tensor.empty() : tensor<2x3xf32>
  %rows = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]} ins(%ids : tensor<2xi32>) outs(%e23 : tensor<2x3xf32>) {
  ^bb0(%id: i32, %unused: f32):
    %at = arith.index_cast %id : i32 to index
    %next = affine.apply affine_map<(i) -> (i + 1)>(%at)
    %j = linalg.index 1 : index
    %y = tensor.extract %x[%next, %j] : tensor<3x3xf32>
    linalg.yield %y : f32
  } -> tensor<2x3xf32>
  // the largest of each row and where it is: two results
  %low = arith.constant dense<-1.0> : tensor<3xf32>
  %ei = arith.constant dense<0> : tensor<3xi32>
  %max:2 = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<3x3xf32>) outs(%low, %ei : tensor<3xf32>, tensor<3xi32>) {
  ^bb0(%a: f32, %most: f32, %where: i32):
    %j = linalg.index 1 : index
    %here = arith.index_cast %j : index to i32
    %more = arith.cmpf ogt, %a, %most : f32
    %y = arith.select %more, %a, %most : f32
    %w = arith.select %more, %here, %where : i32
    linalg.yield %y, %w : f32, i32
  } -> (tensor<3xf32>, tensor<3xi32>)
  return %masked, %sum, %window, %wrapped, %rows, %max#0, %max#1 : tensor<3x3xf32>, tensor<f32>, tensor<3xf32>, tensor<4xf32>, tensor<2x3xf32>, tensor<3xf32>, tensor<3xi32>
}
