// A softmax over a split dimension moves two numbers for each row, in linalg as one op, too.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --check-prefix=VALUES
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-interpret -o /dev/null | FileCheck %s --check-prefix=VALUES

// The split leaves padding.
tp.mesh @mesh <["tp" = 3]>
// CHECK-LABEL: func.func @main
// CHECK-NOT: tp.all_gather
// CHECK: tp.all_reduce max {{.*}} : tensor<2xf32>
// CHECK: tp.all_reduce sum {{.*}} : tensor<2xf32>
// CHECK-NOT: tp.all_{{reduce|gather}}
// VALUES{LITERAL}: result 0 = [[0.25, 0.25, 0.25, 0.25], [0, 0, 1, 0]]
func.func @main() -> (tensor<2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) {
  %constant = arith.constant dense<[[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 200.0, 0.0]]> : tensor<2x4xf32>
  %x = tp.sharding_constraint %constant <@mesh, [{}, {"tp"}]> : tensor<2x4xf32>
  %init = tensor.empty() : tensor<2x4xf32>
  %y = linalg.softmax dimension(1) ins(%x : tensor<2x4xf32>) outs(%init : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// Narrow types are computed in f32 as before; what is stated of the result stays.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @main
// CHECK: arith.extf
// CHECK: tp.all_reduce max {{.*}} : tensor<4xf32>
// CHECK: tp.all_reduce sum {{.*}} : tensor<4xf32>
// CHECK: arith.truncf {{.*}}[{"tp"}, {}]{{.*}} : tensor<2x4xf32> to tensor<2x4xbf16>
// VALUES{LITERAL}: result 0 = [[0.5, 1, 0, 0.25], [0.5, 0, 0, 0.25], [0, 0, 1, 0.25], [0, 0, 0, 0.25]]
func.func @main() -> tensor<4x4xbf16> {
  %constant = arith.constant dense<[[1.0, 99.0, -9.0, 0.0], [1.0, 0.0, -9.0, 0.0], [-99.0, 0.0, 99.0, 0.0], [-99.0, 0.0, -9.0, 0.0]]> : tensor<4x4xbf16>
  %x = tp.sharding_constraint %constant <@mesh, [{"tp"}, {}]> : tensor<4x4xbf16>
  %init = tensor.empty() : tensor<4x4xbf16>
  %y = linalg.softmax {tp.shardings = [#tp.sharding<@mesh, [{"tp"}, {}]>]} dimension(0) ins(%x : tensor<4x4xbf16>) outs(%init : tensor<4x4xbf16>) -> tensor<4x4xbf16>
  return %y : tensor<4x4xbf16>
}
