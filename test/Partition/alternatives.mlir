// Where operands disagree, each collective tells how else the op could have been computed, and the bytes of each way.
// RUN: tp-opt %s --tp-propagate-shardings --tp-partition=explain | FileCheck %s
// RUN: tp-opt %s --tp-propagate-shardings --tp-partition | FileCheck %s --check-prefix=SILENT
// RUN: tp-compile %s --strategy none --stop-after partition --explain -q -o %t.mlir | FileCheck %s --check-prefix=TABLE
// RUN: tp-compile %s --strategy none --stop-after partition --explain=%t.json -q -o %t.mlir && FileCheck %s --check-prefix=JSON < %t.json

// x is split along its rows, w along its columns: one of the two splits can be used.
// CHECK: tp.all_gather %arg1 {{.*}}tp.alternatives = [
// CHECK-SAME: {bytes = 128 : i64, chosen, operands = [#tp.sharding<@mesh, [{"tp"}, {}]>, #tp.sharding<@mesh, [{}, {}]>]}
// SILENT-NOT: tp.alternatives
// TABLE: all_gather
// TABLE-NEXT: chosen: [{"tp"}, {}] x [{}, {}]: 128 bytes
// TABLE-NEXT: or: [{}, {}] x [{"tp"}, {}]:
// JSON: "alternatives": [
// JSON: "bytes": 128
// JSON-NEXT: "chosen": true
tp.mesh @mesh <["tp" = 2]>
func.func @main(%x: tensor<64x8xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %w: tensor<8x8xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>})
    -> (tensor<64x8xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) {
  %y = tp.linear %x, %w : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  return %y : tensor<64x8xf32>
}
