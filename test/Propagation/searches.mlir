// A search for the largest element and its number, over a split dimension, moves two numbers for each row.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --check-prefix=VALUES
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-interpret -o /dev/null | FileCheck %s --check-prefix=VALUES

#in = affine_map<(v, b) -> (b, v)>
#row = affine_map<(v, b) -> (b)>

// The first of equals; what is not larger than the start, or no number, is not found; the split leaves padding.
tp.mesh @mesh <["tp" = 3]>
// CHECK-LABEL: func.func @main
// CHECK-NOT: tp.all_gather
// CHECK: tp.all_reduce max {{.*}} : tensor<4xf32>
// CHECK: tp.all_reduce max {{.*}} : tensor<4xi32>
// CHECK-NOT: tp.all
// VALUES{LITERAL}: result 0 = [5, 7, -1, 9]
// VALUES-NEXT{LITERAL}: result 1 = [1, 3, 77, 2]
func.func @main() -> (tensor<4xf32>, tensor<4xi32>) {
  %constant = arith.constant dense<[[0.0, 5.0, 5.0, 1.0], [2.0, 3.0, 4.0, 7.0], [-1.0, -3.0, -2.0, -1.0], [0.0, 0.0, 9.0, 0x7FC00000]]> : tensor<4x4xf32>
  %x = tp.sharding_constraint %constant <@mesh, [{}, {"tp"}]> : tensor<4x4xf32>
  %start = arith.constant dense<-1.0> : tensor<4xf32>
  %none = arith.constant dense<77> : tensor<4xi32>
  %y, %i = linalg.generic {indexing_maps = [#in, #row, #row], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<4x4xf32>) outs(%start, %none : tensor<4xf32>, tensor<4xi32>) {
  ^bb0(%a: f32, %m: f32, %n: i32):
    %v = linalg.index 0 : index
    %w = arith.index_cast %v : index to i32
    %more = arith.cmpf ogt, %a, %m : f32
    %most = arith.select %more, %a, %m : f32
    %at = arith.select %more, %w, %n : i32
    linalg.yield %most, %at : f32, i32
  } -> (tensor<4xf32>, tensor<4xi32>)
  return %y, %i : tensor<4xf32>, tensor<4xi32>
}

// -----

// The last of equals is another search: it stays, and its operand is gathered.
#in2 = affine_map<(b, v) -> (b, v)>
#row2 = affine_map<(b, v) -> (b)>
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @main
// CHECK: tp.all_gather
// CHECK-NOT: tp.all
// VALUES{LITERAL}: result 0 = [5]
// VALUES-NEXT{LITERAL}: result 1 = [2]
func.func @main() -> (tensor<1xf32>, tensor<1xi32>) {
  %constant = arith.constant dense<[[0.0, 5.0, 5.0, 1.0]]> : tensor<1x4xf32>
  %x = tp.sharding_constraint %constant <@mesh, [{}, {"tp"}]> : tensor<1x4xf32>
  %start = arith.constant dense<-1.0> : tensor<1xf32>
  %none = arith.constant dense<77> : tensor<1xi32>
  %y, %i = linalg.generic {indexing_maps = [#in2, #row2, #row2], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<1x4xf32>) outs(%start, %none : tensor<1xf32>, tensor<1xi32>) {
  ^bb0(%a: f32, %m: f32, %n: i32):
    %v = linalg.index 1 : index
    %w = arith.index_cast %v : index to i32
    %more = arith.cmpf oge, %a, %m : f32
    %most = arith.select %more, %a, %m : f32
    %at = arith.select %more, %w, %n : i32
    linalg.yield %most, %at : f32, i32
  } -> (tensor<1xf32>, tensor<1xi32>)
  return %y, %i : tensor<1xf32>, tensor<1xi32>
}
