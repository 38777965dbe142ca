// An op that no rule is known for warns, and stays whole.
// RUN: tp-opt %s --tp-propagate-shardings --verify-diagnostics | FileCheck %s
// RUN: tp-opt %s --tp-propagate-shardings --tp-partition 2>/dev/null | FileCheck %s --check-prefix=LOCAL

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @main
// LOCAL: %[[X:.*]] = tp.all_gather %arg0
// LOCAL: tensor.extract_slice %[[X]]
func.func @main(%x: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> tensor<2x4xf32> {
  // expected-warning @+2 {{no sharding rule for tensor.extract_slice: its operands and results stay whole}}
  // CHECK: tensor.extract_slice {{.*}}tp.shardings = [#tp.sharding<@mesh, [{}, {}]>]
  %y = tensor.extract_slice %x[1, 0] [2, 4] [1, 1] : tensor<4x4xf32> to tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
