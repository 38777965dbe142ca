// An op that no rule is known for warns, and stays whole.
// RUN: tp-opt %s --tp-propagate-shardings --verify-diagnostics | FileCheck %s
// RUN: tp-opt %s --tp-propagate-shardings --tp-partition 2>/dev/null | FileCheck %s --check-prefix=LOCAL

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @main
// LOCAL: %[[X:.*]] = tp.all_gather %arg0
// LOCAL: tensor.reshape %[[X]]
func.func @main(%x: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> tensor<2x8xf32> {
  %shape = arith.constant dense<[2, 8]> : tensor<2xindex>
  // expected-warning @+2 {{no sharding rule for tensor.reshape: its operands and results stay whole}}
  // CHECK: tensor.reshape {{.*}}tp.shardings = [#tp.sharding<@mesh, [{}, {}]>]
  %y = tensor.reshape %x(%shape) : (tensor<4x4xf32>, tensor<2xindex>) -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}
